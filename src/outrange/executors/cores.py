"""The number of cores that a task may use if it shares the machine with other tasks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


_most: ContextVar[int | None] = ContextVar("outrange_cores", default=None)


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Limit the result of `cores` in this context, so that other tasks can use the other cores.

    Args:
        count: Maximum number of cores. If fewer are available, `cores` returns that number.
    """
    token = _most.set(count)
    try:
        yield
    finally:
        _most.reset(token)


def cores() -> int:
    """Return the number of cores that this process, or its current task, may use."""
    try:
        available = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        available = os.cpu_count() or 1
    most = _most.get()
    return available if most is None else min(available, most)
