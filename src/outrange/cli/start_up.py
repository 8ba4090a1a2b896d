"""Start-up time of a command, which counts toward its time limit."""

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
"""Minimum seconds for reading a model once its framework is imported, whatever the time limit:
an import cannot be interrupted, and an answer without bounds is worthless."""

LEAST_SEARCH = 1e-3
"""Seconds of a search whose command spent all its time reading the model."""


_seconds: ContextVar[float] = ContextVar("outrange_start_up", default=0.0)


def count_start_up() -> None:
    """Record the start-up time of this process, which runs a single command.

    The processor time used so far equals the start-up time unless other processes delayed it.
    """
    _seconds.set(read_processor_clock())


def command_began() -> float:
    """Return when the command began, on the clock of `core.clock.read_clock`."""
    return read_clock() - _seconds.get()


def question_limit(clock: Clock, budget: float | None) -> dict[str, Any]:
    """Return the limit of a question as a keyword of the public functions.

    Args:
        clock: The clock of the command.
        budget: Units of work of `--budget`, used in place of the remaining time; None without it.
    """
    if budget is not None:
        return {"budget": budget}
    # A search without remaining time is still validated and started once.
    return {"time_limit": None if math.isinf(clock.limit) else max(clock.left, LEAST_SEARCH)}


@contextmanager
def reading(model: str, clock: Clock) -> Iterator[None]:
    """Limit reading a model to the remaining time, or to `LEAST_READING` after the import."""
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
