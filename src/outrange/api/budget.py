"""Budgets of counted work: the same answer on every machine, which no time limit can give."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from numbers import Real
from typing import Any, TypeVar, cast

from ..core import InputError
from ..core.clock import CountedTime, time_source
from ..executors.cores import on_cores


Question = TypeVar("Question", bound=Callable[..., Any])

APART = ("executor", "resume")
"""Arguments that divide a question among processes, whose order of work is not fixed."""


@contextmanager
def counted_work() -> Iterator[None]:
    """Count work instead of time, on one thread."""
    from ..search.common.parallel import single_blas_thread

    with time_source(CountedTime("units")), on_cores(1), single_blas_thread():
        yield


def with_budget(ask: Question) -> Question:
    """Let a question take `budget`: inside, a second of its time limit is a unit of work.

    Args:
        ask: A public question with a parameter `budget` beside `time_limit`.
    """

    @wraps(ask)
    def call(*args: Any, budget: float | None = None, **options: Any) -> Any:
        if budget is None:
            return ask(*args, **options)
        _check(budget, options)
        with counted_work():
            return ask(*args, **(options | {"time_limit": float(budget)}))

    return cast(Question, call)


def _check(budget: Any, options: dict[str, Any]) -> None:
    """Refuse a budget that is no positive number, or that stands beside what it excludes."""
    is_number = isinstance(budget, Real) and not isinstance(budget, bool)
    if not is_number or not 0.0 < float(budget) < math.inf:
        raise InputError(f"`budget` is a positive, finite number. Received: budget={budget!r}.")
    if options.get("time_limit") is not None:
        raise InputError(
            "A question has a `budget` (the same answer on every machine) or a `time_limit`, not "
            f"both. Received: budget={budget!r}, time_limit={options['time_limit']!r}."
        )
    for name in APART:
        if options.get(name) is not None:
            raise InputError(
                f"`budget` counts the work of one process; `{name}` divides it among several. "
                f"Pass `time_limit` instead. Received: budget={budget!r} with `{name}`."
            )
