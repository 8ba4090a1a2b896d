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
"""Time limit in seconds of a command without any of `--time-limit`, `--budget` and `--effort`."""

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
    effort: str | None = None,
    default: float | None = DEFAULT_SECONDS,
) -> float | None:
    """Return the time limit of a command in seconds, or None if it has no time limit.

    Args:
        seconds: Value of `--time-limit`; None without it.
        budget: Value of `--budget`; None without it. The time limit then applies to reading only.
        effort: Value of `--effort`; None without it.
        default: Time limit of a command without `--time-limit` and `--effort`.

    Raises:
        InputError: More than one of `--effort`, `--time-limit` and `--budget` is given.
    """
    limits = {"--effort": effort, "--time-limit": seconds, "--budget": budget}
    received = {option: value for option, value in limits.items() if value is not None}
    if len(received) > 1:
        options = " ".join(
            f"{option} {value if isinstance(value, str) else format(value, 'g')}"
            for option, value in received.items()
        )
        raise InputError(
            "Only one of --effort, --time-limit and --budget is allowed; leave the others out. "
            f"Received: {options}."
        )
    return default if seconds is None and effort is None else seconds


def question_limit(clock: Clock, budget: float | None, effort: str | None = None) -> dict[str, Any]:
    """Return a dict with the limit of a question: its `"budget"`, `"effort"` or `"time_limit"`.

    Args:
        clock: The clock of the command. Its remaining time becomes `time_limit`, at least
            `LEAST_SEARCH`, or None if there is no limit.
        budget: Limit in units of work that replaces the remaining time; None without `--budget`.
        effort: Effort that replaces the remaining time; None without `--effort`.
    """
    if effort is not None:
        return {"effort": effort}
    if budget is not None:
        return {"budget": budget}
    # Without remaining time, the arguments are still validated and the search is still started.
    return {"time_limit": None if math.isinf(clock.limit) else max(clock.left, LEAST_SEARCH)}


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
