"""Files that one process locks and appends to, flushing each append to disk."""

from __future__ import annotations

import os
from pathlib import Path

from ...core import InputError


LOCKED = 2**31 - 2
"""Offset of the byte that is locked on Windows: the last one that can be locked."""

BINARY = getattr(os, "O_BINARY", 0)
"""Flag that keeps Windows from translating line endings."""


def lock(file: int, path: Path) -> None:
    """Lock the file until it is closed or the process exits; without system locks, do nothing.

    Raises:
        InputError: Another process has locked the file.
    """
    try:
        _lock_of_system(file)
    except (BlockingIOError, PermissionError):
        raise InputError(
            "Another run is writing these results; wait until it ends, or choose another --file. "
            f"Received: `{path}`."
        ) from None
    except OSError:
        return  # a file system without locks


def _lock_of_system(file: int) -> None:
    try:
        import fcntl
    except ImportError:
        _lock_of_windows(file)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_of_windows(file: int) -> None:
    """Lock one byte far beyond the end of the file, since Windows forbids reading locked bytes."""
    try:
        import msvcrt
    except ImportError:
        return
    place = os.lseek(file, 0, os.SEEK_CUR)
    os.lseek(file, LOCKED, os.SEEK_SET)
    try:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]
    finally:
        os.lseek(file, place, os.SEEK_SET)


def content(file: int) -> bytes:
    """Return the content of an open file. Later appends still go to its end."""
    os.lseek(file, 0, os.SEEK_SET)
    parts = []
    while part := os.read(file, 2**20):
        parts.append(part)
    return b"".join(parts)


def append(file: int, text: str) -> None:
    data = text.encode()
    while data:
        data = data[os.write(file, data) :]
    os.fsync(file)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, where the system supports that."""
    try:
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
    except OSError:
        return
