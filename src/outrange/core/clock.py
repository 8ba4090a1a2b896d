"""One clock for everything that is asked: a deadline that reaches the innermost loop.

Whoever takes a time limit opens `deadline`; loops whose rounds may take long call `check_deadline`
between rounds. The deadline is ambient (a context variable) because what is slow lies ten calls
below what knows the limit, and every call on the way would have to hand it on. A nested deadline
never ends later than the one around it.

`OutOfTime` is no `Exception`: nothing that recovers from errors may take it for one. It is raised
only where what is half done can be thrown away, and caught by whoever opened the deadline.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class OutOfTime(BaseException):
    """The deadline has passed; what was proved before still holds."""


_deadline: ContextVar[float] = ContextVar("outrange_deadline", default=float("inf"))
"""On the clock of `time.perf_counter`."""


@contextmanager
def deadline(seconds: float | None) -> Iterator[None]:
    """Let `check_deadline` raise once `seconds` from now have passed; None sets no limit.

    Args:
        seconds: Wall time.
    """
    end = float("inf") if seconds is None else time.perf_counter() + seconds
    token = _deadline.set(min(end, _deadline.get()))
    try:
        yield
    finally:
        _deadline.reset(token)


@contextmanager
def no_deadline() -> Iterator[None]:
    """Work that must end whatever the clock says, because an answer would be lost without it."""
    token = _deadline.set(float("inf"))
    try:
        yield
    finally:
        _deadline.reset(token)


def seconds_left() -> float:
    """Seconds until the deadline: infinite without one, negative after it."""
    return _deadline.get() - time.perf_counter()


def check_deadline() -> None:
    """Raise `OutOfTime` if the deadline has passed.

    Raises:
        OutOfTime: It has.
    """
    if time.perf_counter() > _deadline.get():
        raise OutOfTime


class Clock:
    """Wall time since it was made, and the limit on it.

    Args:
        limit: Seconds, or None. It is cut to the ambient deadline.
        began: On the clock of `time.perf_counter`; None for now.
    """

    def __init__(self, limit: float | None = None, began: float | None = None) -> None:
        self._began = time.perf_counter() if began is None else began
        left = max(0.0, seconds_left()) + self.seconds
        self.limit = left if limit is None else min(limit, left)

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return time.perf_counter() - self._began

    @property
    def left(self) -> float:
        """Seconds to the limit, at least 0."""
        return max(0.0, self.limit - self.seconds)

    @property
    def expired(self) -> bool:
        """Whether the limit has passed."""
        return self.seconds > self.limit
