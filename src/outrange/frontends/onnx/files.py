"""Bytes of a model file, decompressed if necessary."""

import gzip
import zlib
from pathlib import Path

from ...core import InputError, ModelError, check_deadline
from ...core.sizes import unpacked_limit


LARGEST_FILE = 2**31
"""Size limit, in bytes, of a protobuf message and therefore of an `.onnx` file."""

_CHUNK = 2**24


def read_bytes(path: Path) -> bytes:
    """Return the content of `path`, decompressed if it is a gzip file.

    Raises:
        InputError: There is no such file.
        ModelError: The file is unreadable, empty or too large, or does not decompress.
    """
    if path.is_dir():
        raise InputError(
            f"The path of a model must be a file, not a folder. Received: the folder `{path}`."
        )
    if not path.exists():
        raise InputError(f"The model file does not exist; check its path. Received: `{path}`.")
    try:
        with path.open("rb") as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_gzip else path.open("rb") as file:
            size = path.stat().st_size
            most = unpacked_limit(size) if is_gzip else LARGEST_FILE
            parts, read = [], 0
            while part := file.read(min(_CHUNK, most + 1 - read)):
                check_deadline()
                parts.append(part)
                read += len(part)
                if read > most:
                    raise ModelError(
                        f"`{path.name}` must contain at most {most} "
                        f"bytes{' after decompression' * is_gzip}; a larger file may be damaged or "
                        "malicious. If this file is neither, store it uncompressed, with its "
                        f"weights in a separate file. Received: a file of {size} "
                        f"bytes{f', which decompresses to more than {most}' * is_gzip}."
                    )
            content = b"".join(parts)
    except (EOFError, zlib.error, OSError) as error:
        raise ModelError(
            f"`{path.name}` cannot be read; it may be damaged or truncated, so fetch it again. "
            f"Received: {type(error).__name__}: {error}."
        ) from error
    if not content:
        raise ModelError(f"`{path.name}` is empty. Received: 0 bytes.")
    return content


def stem(path: Path) -> str:
    """Return the file's name without `.onnx` and `.gz`."""
    name = path.name
    for suffix in (".gz", ".onnx"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name
