"""The clock of outrange: time sources, deadlines, and cancellation.

*Deadlines are ambient.* A caller with a time limit opens `deadline`; loops with long rounds call
`check_deadline` between rounds. The deadline is a context variable because slow code lies ten calls
below the code that knows the limit. A nested deadline ends no later than the one around it, unless
`no_deadline` or `time_source` lies in between. `OutOfTime` is not an `Exception`, so that code that
recovers from errors lets it pass. It is caught by the code that opened the deadline, or earlier by
code that can use partial results.

*The time source is ambient too.* `WallTime`, the default, reads the computer's clock. `CountedTime`
advances by work alone: every reading adds a fixed step, and `charge` adds the arithmetic that
numerical code reports. All time limits then depend on counts, so the same question gets the same
answer on every machine. Worker processes, progress displays and checkpoints always need real time,
and call `read_wall_clock`.

*Cancellation.* A caller that may no longer need the answer before the deadline (such as a page
after a slider moves) opens `stopped_by`. As soon as the flag passed to it is set, the deadline is
treated as passed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


OPERATIONS = 1e9
"""Number of multiply-add operations in one second of counted time.

NumPy executes about this number of operations per second on one core, including the time lost
between large products.
"""

READING = 1e-4
"""Counted seconds that each reading or report of work adds, to account for surrounding code."""


START = 1000.0
"""Initial counted time in seconds. As on a computer's clock, time 0 lies well in the past."""


class OutOfTime(BaseException):
    """Exception raised after the deadline; bounds proved before the deadline remain valid."""


class TimeSource(Protocol):
    """A source of time in seconds since an arbitrary moment, and the unit for printing it."""

    unit: str

    def read(self) -> float: ...

    def read_processor(self) -> float: ...

    def charge(self, operations: float) -> None: ...


class WallTime:
    """The computer's clock."""

    unit = "s"

    def read(self) -> float:
        """Return the wall time in seconds."""
        return time.perf_counter()

    def read_processor(self) -> float:
        """Return the processor time of this process in seconds."""
        return time.process_time()

    def charge(self, operations: float) -> None:
        """Ignore reported work, because real time passes anyway."""


class CountedTime:
    """Time that advances by readings and by reported work, the same on every machine.

    One thread must do all the work, because several threads would read the time in no fixed order.

    Args:
        unit: The unit in which a counted second is printed.
    """

    def __init__(self, unit: str = "s") -> None:
        self.unit, self._seconds = unit, START

    def read(self) -> float:
        """Advance the counted time by the cost of one reading, and return it."""
        self._seconds += READING
        return self._seconds

    def read_processor(self) -> float:
        """Return the same time as `read`: counted work is processor time."""
        return self.read()

    def charge(self, operations: float) -> None:
        """Advance the counted time by the cost of reported work.

        Args:
            operations: Number of multiply-add operations, or of equally expensive ones.
        """
        self._seconds += READING + operations / OPERATIONS


_WALL = WallTime()

_source: ContextVar[TimeSource] = ContextVar("outrange_time_source", default=_WALL)

_deadline: ContextVar[float] = ContextVar("outrange_deadline", default=float("inf"))
"""The deadline, in seconds of the ambient time source."""


class Flag(Protocol):
    """A flag that another thread may set, such as a `threading.Event`."""

    def is_set(self) -> bool: ...


_stops: ContextVar[tuple[Flag, ...]] = ContextVar("outrange_stops", default=())
"""Flags of the enclosing callers. A caller sets its flag when it no longer waits for the answer."""


def read_clock() -> float:
    """Return the time of the ambient source, in seconds."""
    return _source.get().read()


def read_processor_clock() -> float:
    """Return the processor time of the ambient source, in seconds."""
    return _source.get().read_processor()


def read_wall_clock() -> float:
    """Return real time, in seconds, for workers, displays and files."""
    return _WALL.read()


def charge(operations: float) -> None:
    """Report numerical work to the ambient time source.

    Args:
        operations: Number of multiply-add operations, or of equally expensive ones.
    """
    _source.get().charge(operations)


def time_unit() -> str:
    """Return the unit of the ambient time: `"s"`, or `"units"` under a budget of counted work."""
    return _source.get().unit


def is_counted() -> bool:
    """Return whether the ambient time advances by work alone."""
    return isinstance(_source.get(), CountedTime)


@contextmanager
def time_source(source: TimeSource) -> Iterator[None]:
    """Read time from another source inside the context, where outer deadlines do not apply.

    Args:
        source: The time source to use inside the context.
    """
    token, end = _source.set(source), _deadline.set(float("inf"))
    try:
        yield
    finally:
        _deadline.reset(end)
        _source.reset(token)


@contextmanager
def deadline(seconds: float | None) -> Iterator[None]:
    """Let `check_deadline` raise `OutOfTime` after `seconds`; None sets no limit.

    Args:
        seconds: Time limit in seconds of the ambient source, or None.
    """
    end = float("inf") if seconds is None else read_clock() + seconds
    token = _deadline.set(min(end, _deadline.get()))
    try:
        yield
    finally:
        _deadline.reset(token)


@contextmanager
def no_deadline() -> Iterator[None]:
    """Suspend the deadline and all flags of `stopped_by` inside the context.

    It is used for work that must be completed, because the answer would otherwise be lost.
    """
    token, stop = _deadline.set(float("inf")), _stops.set(())
    try:
        yield
    finally:
        _deadline.reset(token)
        _stops.reset(stop)


@contextmanager
def stopped_by(flag: Flag) -> Iterator[None]:
    """Treat the deadline as passed once `flag`, or the flag of an enclosing `stopped_by`, is set.

    Args:
        flag: A flag that another thread may set.
    """
    token = _stops.set((*_stops.get(), flag))
    try:
        yield
    finally:
        _stops.reset(token)


_ends_stalled: ContextVar[bool] = ContextVar("outrange_ends_stalled", default=False)


@contextmanager
def ending_stalled() -> Iterator[None]:
    """Set a context variable that lets searches end before their deadline once their gaps stall.

    Searches read the variable with `ends_stalled`. Gaps stall if none of them fell by a fixed
    fraction in the second half of the elapsed time (`Convergence.has_stalled` in
    `search/common/tolerance.py`).
    """
    token = _ends_stalled.set(True)
    try:
        yield
    finally:
        _ends_stalled.reset(token)


def ends_stalled() -> bool:
    """Return whether a search should end before its deadline once its gap stalls.

    See `ending_stalled`.
    """
    return _ends_stalled.get()


def is_stopped() -> bool:
    """Return whether the caller no longer waits for the answer: see `stopped_by`."""
    return any(flag.is_set() for flag in _stops.get())


def check_stopped() -> None:
    """Raise `OutOfTime` if the caller no longer waits for the answer.

    Unlike `check_deadline`, this function ignores the deadline. The evidence of an answer is still
    computed after the deadline, but not if nobody awaits the answer.

    Raises:
        OutOfTime: The caller canceled the question.
    """
    if is_stopped():
        raise OutOfTime


def seconds_left() -> float:
    """Return the seconds until the deadline.

    The result is infinite without a deadline, negative after it, and minus infinity if a flag of
    `stopped_by` is set.
    """
    return -float("inf") if is_stopped() else _deadline.get() - read_clock()


def check_deadline() -> None:
    """Raise `OutOfTime` if the deadline has passed or the caller has canceled the question.

    Raises:
        OutOfTime: The deadline has passed, or a flag of `stopped_by` is set.
    """
    if read_clock() > _deadline.get() or is_stopped():
        raise OutOfTime


class Clock:
    """A stopwatch with a limit.

    Args:
        limit: Time limit in seconds, or None. The ambient deadline applies in any case.
        began: Start time as returned by `read_clock`; None for the current time.
    """

    def __init__(self, limit: float | None = None, began: float | None = None) -> None:
        self._began = read_clock() if began is None else began
        left = max(0.0, seconds_left()) + self.seconds
        self.limit = left if limit is None else min(limit, left)

    def partial(self, share: float) -> Clock:
        """Return a clock with the same start that leaves only a fraction of the remaining time."""
        return Clock(self.seconds + share * self.left, self._began)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return read_clock() - self._began

    @property
    def left(self) -> float:
        """Seconds left until the limit; infinite if there is neither a limit nor a deadline.

        The number is 0 after the limit, or if a flag given to `stopped_by` is set.
        """
        return 0.0 if is_stopped() else max(0.0, self.limit - self.seconds)

    @property
    def expired(self) -> bool:
        """Whether the limit or the deadline has passed, or a flag given to `stopped_by` is set."""
        return self.seconds > self.limit or is_stopped()
