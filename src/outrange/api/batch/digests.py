"""Digests that distinguish an instance's files from other files with the same names."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from functools import lru_cache
from pathlib import Path


CHUNK = 1 << 20
"""Number of bytes that are unpacked in one step."""

DIGITS = 16
"""Number of hexadecimal digits of a digest: enough against accidental collisions, but not against
malicious ones."""


def digest_of(*files: Path) -> str:
    """Return the digest of the unpacked contents of files, or "" if any file cannot be read.

    Args:
        files: Plain or gzip-compressed files; their order matters.
    """
    try:
        parts = [_of_file(file, file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    except (OSError, EOFError, zlib.error):
        return ""
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:DIGITS]


@lru_cache(4096)
def _of_file(file: Path, _changed: int, _size: int) -> str:
    with file.open("rb") as opened:
        packed = opened.read(2) == b"\x1f\x8b"
        opened.seek(0)
        if not packed:
            return hashlib.file_digest(opened, "sha256").hexdigest()
        digest = hashlib.sha256()
        with gzip.GzipFile(fileobj=opened) as content:
            while part := content.read(CHUNK):
                digest.update(part)
        return digest.hexdigest()
