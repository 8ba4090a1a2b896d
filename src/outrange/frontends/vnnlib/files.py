"""The text of a property file, unpacked if need be."""

import gzip
import hashlib
import io
import os
import zlib
from pathlib import Path

from ...core import InputError, ModelError, check_deadline
from .errors import line_of, refusal


LARGEST_FILE = 2**27
"""Bytes after unpacking. A property with a million bounds takes a quarter of that."""

_CHUNK = 2**20


def as_path(path: str | os.PathLike[str]) -> Path:
    """The path of an existing file.

    Raises:
        InputError: It is not a path, or there is no such file.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(
            "A property is a path ending in `.vnnlib` or `.vnnlib.gz`. "
            f"Received: {type(path).__module__}.{type(path).__qualname__}."
        )
    found = Path(os.fsdecode(os.fspath(path)))
    if found.is_dir():
        raise InputError(f"A property file is needed. Received: the folder `{found}`.")
    if not found.is_file():
        # A pipe or a device would block; it cannot be distinguished from an endless file.
        what = "is no regular file" if found.exists() else "does not exist"
        raise InputError(f"A property file is needed; this one {what}. Received: `{found}`.")
    return found


def read_text(path: Path) -> tuple[str, str]:
    """The text of `path`, decompressed where its content is a gzip file; SHA-256 of its bytes.

    Raises:
        ModelError: It cannot be read, does not decompress, is too large, empty, or not text.
    """
    content, digest = _content(path)
    zero = content.find(b"\0")
    if zero >= 0:
        raise refusal(
            path.name,
            content.count(b"\n", 0, zero) + 1,
            "a property is a text file in UTF-8; this is binary, or another encoding.",
            "a zero byte",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refusal(
            path.name,
            content.count(b"\n", 0, error.start) + 1,
            "a property is a text file in UTF-8; save it in that encoding.",
            f"byte 0x{content[error.start]:02x}",
        ) from None
    if not text.strip():
        raise refusal(path.name, line_of(text, len(text)), "the file is empty.", text[:20])
    return text, digest


def stem(path: Path) -> str:
    """The file's name without `.vnnlib` and `.gz`."""
    name = path.name
    for suffix in (".gz", ".vnnlib"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name


def _content(path: Path) -> tuple[bytes, str]:
    """What the file holds, unpacked; and the digest of the very bytes that were read."""
    try:
        with path.open("rb") as file:
            stored = file.read(LARGEST_FILE + 1)
        if len(stored) > LARGEST_FILE:
            raise _too_large(path, len(stored))
        packed = stored[:2] == b"\x1f\x8b"
        content = _unpacked(path, stored) if packed else stored
    except (EOFError, zlib.error, OSError) as error:
        raise ModelError(
            f"`{path.name}` cannot be read; it may be damaged or cut short, so fetch it again. "
            f"Received: {type(error).__name__}: {error}."
        ) from error
    return content, hashlib.sha256(stored).hexdigest()


def _unpacked(path: Path, stored: bytes) -> bytes:
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
        f"`{path.name}`: a property file may hold {LARGEST_FILE} bytes at most, unpacked; split "
        f"it. Received: {size} bytes or more."
    )
