"""Who shares a machine: a task on a worker has one core of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


_one_core: ContextVar[bool] = ContextVar("outrange_one_core", default=False)


def on_one_core() -> bool:
    """Whether this is a task of a pool: those beside it have the other cores."""
    return _one_core.get()


@contextmanager
def one_core() -> Iterator[None]:
    """Let what is computed inside use a single thread."""
    token = _one_core.set(True)
    try:
        yield
    finally:
        _one_core.reset(token)


def cores() -> int:
    """The cores this process may use; of a task on a worker, one."""
    if on_one_core():
        return 1
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1
