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
"""Minimum number of seconds to read a model after its framework is imported, regardless of the time
limit. An import cannot be interrupted, and an answer without bounds is worthless."""

LEAST_SEARCH = 1e-3
"""Time limit in seconds of a search if reading the model used up all of the command's time."""


_seconds: ContextVar[float] = ContextVar("outrange_start_up", default=0.0)


def count_start_up() -> None:
    """Record the start-up time of this process; the process runs a single command.

    The processor time used so far equals the start-up time unless other processes delayed it.
    """
    _seconds.set(read_processor_clock())


def command_began() -> float:
    """Return the start time of the command in seconds, as a value of `core.clock.read_clock`."""
    return read_clock() - _seconds.get()


def question_limit(clock: Clock, budget: float | None) -> dict[str, Any]:
    """Return the limit of a question as a keyword argument, `budget` or `time_limit`.

    Args:
        clock: The clock of the command.
        budget: Limit in units of work that replaces the remaining time; None without `--budget`.
    """
    if budget is not None:
        return {"budget": budget}
    # Without remaining time, the arguments are still validated and the search is still started.
    return {"time_limit": None if math.isinf(clock.limit) else max(clock.left, LEAST_SEARCH)}


@contextmanager
def reading(model: str, clock: Clock) -> Iterator[None]:
    """Limit the time to read a model in the `with` block to what is left of the command's time.

    At least `LEAST_READING` seconds are granted after the import of the framework.
    """
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
