"""One clock for everything that is asked: a deadline that reaches the innermost loop.

Whoever takes a time limit opens `deadline`; loops whose rounds may take long call `check_deadline`
between rounds. The deadline is ambient (a context variable) because what is slow lies ten calls
below what knows the limit, and every call on the way would have to hand it on. A nested deadline
never ends later than the one around it.

`OutOfTime` is no `Exception`: nothing that recovers from errors may take it for one. It is raised
only where what is half done can be thrown away, and caught by whoever opened the deadline.

Whoever may lose interest before the time is over (a page whose slider has moved on) opens
`stopped_by`: from the moment its event is set, the deadline has passed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class OutOfTime(BaseException):
    """The deadline has passed; what was proved before still holds."""


_deadline: ContextVar[float] = ContextVar("outrange_deadline", default=float("inf"))
"""On the clock of `time.perf_counter`."""


class Flag(Protocol):
    """What another thread may set: a `threading.Event`, say."""

    def is_set(self) -> bool: ...


_stop: ContextVar[Flag | None] = ContextVar("outrange_stop", default=None)
"""Set by whoever no longer waits for the answer."""


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
    token, stop = _deadline.set(float("inf")), _stop.set(None)
    try:
        yield
    finally:
        _deadline.reset(token)
        _stop.reset(stop)


@contextmanager
def stopped_by(flag: Flag) -> Iterator[None]:
    """Let the deadline pass as soon as `flag` is set.

    Args:
        flag: Another thread sets it.
    """
    token = _stop.set(flag)
    try:
        yield
    finally:
        _stop.reset(token)


def is_stopped() -> bool:
    """Whether nobody waits for the answer any more: see `stopped_by`."""
    flag = _stop.get()
    return flag is not None and flag.is_set()


def check_stopped() -> None:
    """Raise `OutOfTime` if nobody waits for the answer any more.

    For what is done after the time is over: an answer in time is worth its evidence, one that
    nobody reads is not.

    Raises:
        OutOfTime: Nobody does.
    """
    if is_stopped():
        raise OutOfTime


def seconds_left() -> float:
    """Seconds until the deadline: infinite without one, negative after it."""
    return -float("inf") if is_stopped() else _deadline.get() - time.perf_counter()


def check_deadline() -> None:
    """Raise `OutOfTime` if the deadline has passed.

    Raises:
        OutOfTime: It has.
    """
    if time.perf_counter() > _deadline.get() or is_stopped():
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
        return 0.0 if is_stopped() else max(0.0, self.limit - self.seconds)

    @property
    def expired(self) -> bool:
        """Whether the limit has passed."""
        return self.seconds > self.limit or is_stopped()
