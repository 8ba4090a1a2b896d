"""Seconds that went by before a command could look at the clock: its time limit counts them."""

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ..core import Clock, deadline
from ..core.clock import read_clock, read_processor_clock


LEAST_READING = 3.0
"""Seconds that a command may read its model once the framework is imported, however short its
limit: nothing can interrupt an import, and an answer without bounds is none."""

LEAST_SEARCH = 1e-3
"""Seconds of a search whose command used up its time with reading."""


_seconds: ContextVar[float] = ContextVar("outrange_start_up", default=0.0)


def count_start_up() -> None:
    """Remember how long this process, which does nothing but one command, has been starting.

    The processor time used so far is what starting took, where nothing else keeps it waiting.
    """
    _seconds.set(read_processor_clock())


def command_began() -> float:
    """When the command began, on the clock of `core.clock.read_clock`."""
    return read_clock() - _seconds.get()


def question_limit(clock: Clock, budget: float | None) -> dict[str, Any]:
    """Return the limit of a question, as the public functions take it.

    Args:
        clock: The clock of the command.
        budget: Units of work of `--budget`, in place of the time that is left.
    """
    if budget is not None:
        return {"budget": budget}
    # A search without time left is still checked and started once.
    return {"time_limit": None if math.isinf(clock.limit) else max(clock.left, LEAST_SEARCH)}


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
