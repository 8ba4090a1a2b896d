"""Seconds that went by before a command could look at the clock: its time limit counts them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..core import Clock, deadline
from ..core.clock import read_clock, read_processor_clock


LEAST_READING = 3.0
"""Seconds that a command may read its model once the framework is imported, however short its
limit: nothing can interrupt an import, and an answer without bounds is none."""


_seconds: ContextVar[float] = ContextVar("outrange_start_up", default=0.0)


def count_start_up() -> None:
    """Remember how long this process, which does nothing but one command, has been starting.

    The processor time used so far is what starting took, where nothing else keeps it waiting.
    """
    _seconds.set(read_processor_clock())


def command_began() -> float:
    """When the command began, on the clock of `core.clock.read_clock`."""
    return read_clock() - _seconds.get()


@contextmanager
def reading(model: str, clock: Clock) -> Iterator[None]:
    """Read a model's file until the limit, or a while after its framework is imported."""
    from ..frontends.load import warm_up

    warm_up(model)
    with deadline(max(clock.left, LEAST_READING)):
        yield
    spent = clock.limit - clock.left
    if spent > 0.5 * clock.limit:
        print(
            f"outrange: importing the framework and reading {os.path.basename(model)} took "
            f"{spent:.1f} s of the {clock.limit:g} s of --time.",
            file=sys.stderr,
        )
