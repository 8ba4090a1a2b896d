"""The bytes of a model file, unpacked if need be."""

import gzip
import zlib
from pathlib import Path

from ...core import InputError, ModelError, check_deadline
from ...core.sizes import unpacked_limit


LARGEST_FILE = 2**31
"""Bytes; what one protobuf message can hold, so what an `.onnx` file can."""

_CHUNK = 2**24


def read_bytes(path: Path) -> bytes:
    """The content of `path`, decompressed where it is a gzip file.

    Raises:
        InputError: There is no such file.
        ModelError: It cannot be read, is empty, or does not decompress.
    """
    if path.is_dir():
        raise InputError(f"A model file is needed. Received: the folder `{path}`.")
    if not path.exists():
        raise InputError(f"There is no file of this name. Received: `{path}`.")
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            size = path.stat().st_size
            most = unpacked_limit(size) if packed else LARGEST_FILE
            parts, read = [], 0
            while part := file.read(min(_CHUNK, most + 1 - read)):
                check_deadline()
                parts.append(part)
                read += len(part)
                if read > most:
                    raise ModelError(
                        f"`{path.name}` must hold {most} bytes at most{', unpacked' * packed}: it "
                        "is damaged or hostile; if neither, store it unpacked, with its weights "
                        f"in a file beside it. Received: more, in a file of {size} bytes."
                    )
            content = b"".join(parts)
    except (EOFError, zlib.error, OSError) as error:
        raise ModelError(
            f"`{path.name}` cannot be read; it may be damaged or cut short, so fetch it again. "
            f"Received: {type(error).__name__}: {error}."
        ) from error
    if not content:
        raise ModelError(f"`{path.name}` is empty. Received: 0 bytes.")
    return content


def stem(path: Path) -> str:
    """The file's name without `.onnx` and `.gz`."""
    name = path.name
    for suffix in (".gz", ".onnx"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name
