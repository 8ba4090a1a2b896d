"""Seconds that went by before a command could look at the clock: its time limit counts them."""

import time
from contextvars import ContextVar

from ..core import Clock


LEAST_READING = 1.0
"""Seconds after its begin until which a command may read its model, however short its limit."""

_seconds: ContextVar[float] = ContextVar("outrange_start_up", default=0.0)


def count_start_up() -> None:
    """Remember how long this process, which does nothing but one command, has been starting.

    The processor time used so far is what starting took, where nothing else keeps it waiting.
    """
    _seconds.set(time.process_time())


def command_began() -> float:
    """When the command began, on the clock of `time.perf_counter`."""
    return time.perf_counter() - _seconds.get()


def reading_time(clock: Clock) -> float:
    """Seconds left for reading the model."""
    return max(clock.left, LEAST_READING - clock.seconds)
