"""Text of a property file, decompressed if necessary."""

import gzip
import hashlib
import io
import os
import zlib
from pathlib import Path

from ...core import InputError, ModelError, check_deadline
from .errors import line_of, refusal


LARGEST_FILE = 2**27
"""Size limit in bytes, after decompression. A million bounds take about a quarter of it."""

_CHUNK = 2**20


def as_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of an existing property file.

    Raises:
        InputError: The argument is not a path, or there is no such file.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(
            "A property must be a path ending in `.vnnlib` or `.vnnlib.gz`. "
            f"Received: {type(path).__module__}.{type(path).__qualname__}."
        )
    file = Path(os.fsdecode(os.fspath(path)))
    if file.is_dir():
        raise InputError(f"A property must be a file, not a folder. Received: the folder `{file}`.")
    if not file.is_file():
        # A pipe or a device would block; it cannot be distinguished from an endless file.
        what = "is not a regular file" if file.exists() else "does not exist"
        raise InputError(
            f"A property must be a regular file, but this path {what}. Received: `{file}`."
        )
    return file


def read_text(path: Path) -> tuple[str, str]:
    """Return the text of a file, and the SHA-256 of the file's bytes.

    The text of a gzip file is decompressed; the hash is that of the compressed bytes.

    Raises:
        ModelError: The file is unreadable, does not decompress, is too large, empty, or not text.
    """
    content, digest = _read_content(path)
    zero = content.find(b"\0")
    if zero >= 0:
        raise refusal(
            path.name,
            content.count(b"\n", 0, zero) + 1,
            "a property must be a text file in UTF-8; this one is binary or in another encoding.",
            "a zero byte",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refusal(
            path.name,
            content.count(b"\n", 0, error.start) + 1,
            "a property must be a text file in UTF-8; save it in that encoding.",
            f"byte 0x{content[error.start]:02x}",
        ) from None
    if not text.strip():
        raise refusal(path.name, line_of(text, len(text)), "the file is empty.", text[:20])
    return text, digest


def stem(path: Path) -> str:
    """Return the file's name without the suffixes `.gz` and `.vnnlib`."""
    name = path.name
    for suffix in (".gz", ".vnnlib"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name


def _read_content(path: Path) -> tuple[bytes, str]:
    """Return the decompressed content of a file, and the SHA-256 of its bytes as stored."""
    try:
        with path.open("rb") as file:
            stored = file.read(LARGEST_FILE + 1)
        if len(stored) > LARGEST_FILE:
            raise _too_large(path, len(stored))
        is_gzip = stored[:2] == b"\x1f\x8b"
        content = _decompress(path, stored) if is_gzip else stored
    except (EOFError, zlib.error, OSError) as error:
        raise ModelError(
            f"`{path.name}` cannot be read; it may be damaged or truncated, so fetch it again. "
            f"Received: {type(error).__name__}: {error}."
        ) from error
    return content, hashlib.sha256(stored).hexdigest()


def _decompress(path: Path, stored: bytes) -> bytes:
    parts, size = [], 0
    with gzip.open(io.BytesIO(stored)) as file:
        while part := file.read(_CHUNK):
            check_deadline()
            parts.append(part)
            size += len(part)
            if size > LARGEST_FILE:
                raise _too_large(path, size)
    return b"".join(parts)


def _too_large(path: Path, size: int) -> ModelError:
    return ModelError(
        f"`{path.name}`: a property file may have at most {LARGEST_FILE} bytes, decompressed; "
        f"split it. Received: {size} bytes or more."
    )
