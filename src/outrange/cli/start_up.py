"""Start-up time of a command, which counts toward its time limit."""

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ..core import Clock, InputError, deadline
from ..core.clock import read_clock, read_processor_clock


DEFAULT_SECONDS = 60.0
"""Time limit in seconds of a command without `--time-limit` or `--budget`."""

LEAST_READING = 3.0
"""Minimum time limit, in seconds, for reading a model after its framework is imported, regardless
of the time limit of the command. An import cannot be interrupted, and an answer without bounds is
worthless."""

LEAST_SEARCH = 1e-3
"""Minimum time limit, in seconds, of a search: its limit if no time of the command is left."""


_seconds: ContextVar[float] = ContextVar("outrange_start_up", default=0.0)


def count_start_up() -> None:
    """Record how long this process took to start; for processes that run a single command.

    The start-up time is the processor time used so far, without delays by other processes.
    """
    _seconds.set(read_processor_clock())


def command_began() -> float:
    """Return the time in seconds, as a value of `core.clock.read_clock`, when the process started.

    This is the current time minus the start-up time, so call it at the start of a command.
    """
    return read_clock() - _seconds.get()


def choose_seconds(
    seconds: float | None,
    budget: float | None,
    default: float | None = DEFAULT_SECONDS,
) -> float | None:
    """Return the time limit of a command in seconds; infinity means no limit.

    Args:
        seconds: Value of `--time-limit`; None without it.
        budget: Value of `--budget`; None without it. The time limit then applies to reading only.
        default: Time limit of a command without `--time-limit`; None for that of the question.

    Raises:
        InputError: Both `--time-limit` and `--budget` are given.
    """
    if seconds is not None and budget is not None:
        raise InputError(
            "--time-limit and --budget must not be combined; leave one of them out. "
            f"Received: --time-limit {seconds:g} --budget {budget:g}."
        )
    return default if seconds is None else seconds


def question_limit(clock: Clock, seconds: float | None, budget: float | None) -> dict[str, Any]:
    """Return a dict with the limit of a question: its `"budget"` or its `"time_limit"`.

    Args:
        clock: The clock of the command. Its remaining time becomes `time_limit`, at least
            `LEAST_SEARCH`, if `seconds` is finite.
        seconds: Time limit of the command; see `choose_seconds`.
        budget: Limit in units of work that replaces the remaining time; None without `--budget`.
    """
    if budget is not None:
        return {"budget": budget}
    if seconds is None or math.isinf(seconds):
        return {"time_limit": seconds}
    # Without remaining time, the arguments are still validated and the search is still started.
    return {"time_limit": max(clock.left, LEAST_SEARCH)}


@contextmanager
def reading(model: str, clock: Clock) -> Iterator[None]:
    """Import the model's framework, and limit the time for reading the model in the `with` block.

    The limit is the remaining time of the command, but at least `LEAST_READING` seconds. If more
    than half of the command's time has then passed, a note is printed on stderr.

    Args:
        model: Path of the model.
        clock: The clock of the command.
    """
    from ..frontends.load import warm_up

    warm_up(model)
    with deadline(max(clock.left, LEAST_READING)):
        yield
    spent = clock.limit - clock.left
    if spent > 0.5 * clock.limit:
        print(
            f"outrange: importing the framework and reading {os.path.basename(model)} took "
            f"{spent:.1f} s of the {clock.limit:g} s of --time-limit.",
            file=sys.stderr,
        )
