"""Who shares a machine: a task on a worker has some cores of it, and most have one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


_most: ContextVar[int | None] = ContextVar("outrange_cores", default=None)


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Let what is computed inside use so many cores: tasks beside it have the others.

    Args:
        count: At most; of a machine that has fewer, all.
    """
    token = _most.set(count)
    try:
        yield
    finally:
        _most.reset(token)


def cores() -> int:
    """The cores this process may use; of a task on a worker, those of the task."""
    try:
        there = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        there = os.cpu_count() or 1
    most = _most.get()
    return there if most is None else min(there, most)
