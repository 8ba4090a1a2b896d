"""Decorators of public questions: provenance, efforts, and budgets of counted work.

A budget gives the same answer on every machine, which no time limit can.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from inspect import BoundArguments, signature
from itertools import pairwise
from typing import Any, TypeVar, cast

import numpy as np

from ..answers.answer import Answer
from ..core import VERSION, InputError, Provenance, value_digest
from ..core.clock import CountedTime, read_clock, time_source, time_unit
from ..core.watch import recorded_phases
from ..executors.cores import on_cores
from ..live import followed
from ..live.follow import wrong_arguments


Ask = TypeVar("Ask", bound=Callable[..., Any])

APART = frozenset("model model_a model_b build property progress file executor resume".split())
"""Arguments that an answer tells by their own hashes, or that change nothing in it."""

MOST_BUDGET = 1e15
"""Units of work from which on counted time would not tell two readings apart."""

EFFORTS = {"quick": 5.0, "normal": 45.0, "exact": None}
"""Seconds after which a question without a limit ends. In a minute most users look up."""

EFFORT_VARIABLE = "OUTRANGE_EFFORT"
"""Environment variable with the default effort."""

DIVIDING = ("executor", "resume")
"""Arguments that divide a question among processes, whose order of work is not fixed."""

LATE, LATE_SHARE = 1.0, 0.1
"""Seconds, and share of its time limit, by which an answer may be late before it says so."""

LONGEST = 80
"""Characters of an argument that is shown as it was written; of others their hash is."""


def recorded(ask: Ask) -> Ask:
    """A decorator: the answer carries the question, its arguments, and the version that found it.

    Arguments are read before the question is asked, since arrays may change afterwards.
    """
    takes = signature(ask)

    @wraps(ask)
    def call(*args: Any, **options: Any) -> Any:
        try:
            bound = takes.bind(*args, **options)
        except TypeError as error:
            raise wrong_arguments(ask.__name__, takes, options, error) from None
        arguments = _arguments(bound)
        answer = ask(*args, **options)
        if not isinstance(answer, Answer):
            return answer
        asked = answer.provenance or Provenance()
        name = getattr(ask, "__name__", "")
        asked = replace(asked, question=name, version=VERSION, arguments=arguments)
        answer = replace(answer, provenance=asked)
        # Left to its default it is what the property declares.
        semantics = getattr(answer, "arithmetic", None)
        return answer if semantics is None else as_asked(answer, arithmetic=semantics)

    return cast(Ask, call)


@contextmanager
def counted_work() -> Iterator[None]:
    """Count work instead of time, on one thread."""
    from ..search.common.parallel import single_blas_thread

    with time_source(CountedTime("units")), on_cores(1), single_blas_thread():
        yield


def with_budget(ask: Ask) -> Ask:
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

    return cast(Ask, call)


def with_effort(ask: Ask) -> Ask:
    """Let a question without a limit end by itself, and say so.

    Args:
        ask: A public question with a parameter `effort` beside `time_limit`.
    """
    if "effort" not in signature(ask).parameters:
        return ask

    @wraps(ask)
    def call(*args: Any, effort: str | None = None, **options: Any) -> Any:
        limits = [name for name in ("time_limit", "budget") if options.get(name) is not None]
        if effort is not None and limits:
            raise InputError(
                "`effort` is for a question without a limit; leave it out beside `time_limit` or "
                f"`budget`. Received: effort={effort!r}, {limits[0]}={options[limits[0]]!r}."
            )
        chosen = os.environ.get(EFFORT_VARIABLE, "normal") if effort is None else effort
        if chosen not in EFFORTS:
            raise InputError(f"`effort` is one of {list(EFFORTS)}. Received: {chosen!r}.")
        seconds = None if limits else EFFORTS[chosen]
        if seconds is None:
            return ask(*args, **options)
        answer = ask(*args, **(options | {"time_limit": seconds}))
        if not isinstance(answer, Answer) or not _ran_out(answer):
            return answer
        ended = (
            f"The search ended after {seconds:g} s (effort {chosen}). A larger `time_limit`, or "
            '`effort="exact"`, continues it.'
        )
        return replace(answer, late=" ".join(filter(None, (answer.late, ended))))

    return cast(Ask, call)


def _ran_out(answer: Answer) -> bool:
    """Return whether time ended a question, or left an input of several open."""
    ends = [getattr(answer, name, None) for name in ("status", "reason")]
    return "time" in [end for end in ends if isinstance(end, str)] or any(
        bool(np.isin(end, ("", "open")).any()) for end in ends if isinstance(end, np.ndarray)
    )


def _check(budget: Any, options: dict[str, Any]) -> None:
    """Refuse a budget that is no positive number, or that stands beside what it excludes."""
    is_number = isinstance(budget, int | float | np.number) and not isinstance(budget, bool)
    if not is_number or not 0.0 < budget < MOST_BUDGET:
        raise InputError(f"`budget` is a positive number below 1e15. Received: budget={budget!r}.")
    if options.get("time_limit") is not None:
        raise InputError(
            "A question has a `budget` (the same answer on every machine) or a `time_limit`, not "
            f"both. Received: budget={budget!r}, time_limit={options['time_limit']!r}."
        )
    for name in DIVIDING:
        if options.get(name) is not None:
            raise InputError(
                f"`budget` counts the work of one process; `{name}` divides it among several. "
                f"Pass `time_limit` instead. Received: budget={budget!r} with `{name}`."
            )


def question(title: str, hears: bool = True) -> Callable[[Ask], Ask]:
    """A decorator: `recorded`, limits of time and work, `punctual`, and shown while it takes long.

    Args:
        title: What is asked, in a few words.
        hears: See `followed`.
    """
    shown = followed(title, hears)
    return lambda ask: recorded(with_effort(with_budget(punctual(shown(ask)))))


def punctual(ask: Ask) -> Ask:
    """Let an answer that is late say by how much, and in which phase the time went by.

    Args:
        ask: A public question.
    """
    takes = signature(ask)

    @wraps(ask)
    def call(*args: Any, **options: Any) -> Any:
        limit = options.get("time_limit")
        if limit is None or "time_limit" not in takes.parameters:
            return ask(*args, **options)
        begin = read_clock()
        with recorded_phases() as phases:
            answer = ask(*args, **options)
        end = read_clock()
        if not isinstance(answer, Answer) or end - begin <= limit + LATE + LATE_SHARE * limit:
            return answer
        return replace(answer, late=late_sentence(begin, limit, end, phases))

    return cast(Ask, call)


def late_sentence(
    begin: float, limit: float, end: float, phases: Sequence[tuple[float, str]]
) -> str:
    """Say by how much a time limit was exceeded, and in which phase most of that time went by.

    Args:
        begin: Start of the question.
        limit: Its time limit.
        end: Its end.
        phases: Start and name of each phase, in order.

    Example:
        >>> late_sentence(100.0, 25.0, 134.7, [(100.0, "searching"), (125.5, "writing")])
        'The time limit of 25 s was exceeded by 9.7 s, most of it while writing.'
    """
    late: dict[str, float] = {}
    for (start, name), (stop, _) in pairwise([*phases, (end, "")]):
        late[name] = late.get(name, 0.0) + max(0.0, stop - max(start, begin + limit))
    where = f", most of it while {max(late, key=late.__getitem__)}" if late else ""
    unit = time_unit()
    over = end - begin - limit
    return f"The time limit of {limit:g} {unit} was exceeded by {over:.1f} {unit}{where}."


def _arguments(bound: BoundArguments) -> tuple[tuple[str, str], ...]:
    """Return name and value of every argument but those in `APART`."""
    bound.apply_defaults()
    return tuple((name, told(v)) for name, v in bound.arguments.items() if name not in APART)


def told(value: Any) -> str:
    """An argument in one short text, the same for the same value.

    Example:
        >>> told((0, 1)), told(1e-3)
        ('(0, 1)', '0.001')
        >>> told(np.zeros((100, 2)))[:40]
        'float64 (100, 2), SHA-256 3bcd855bb64ce7'
    """
    if isinstance(value, Answer):
        return f"a {type(value).__name__}"  # found from the same model, in its own time
    if callable(value):
        return f"function {getattr(value, '__name__', type(value).__name__)}"
    if _is_condition(value):
        text = str(value)
        return text if len(text) <= LONGEST else f"condition, SHA-256 {value_digest(text)}"
    if isinstance(value, np.generic):
        value = value.item()
    if _is_plain(value):
        text = repr(value)
        if len(text) <= LONGEST:
            return text
    kind = type(value).__name__
    try:
        digest = value_digest(value)
        if hasattr(value, "shape"):
            kind = f"{getattr(value, 'dtype', kind)} {tuple(value.shape)}"
    except Exception:  # what no array can be made of, the question itself refuses, with a reason
        return kind
    return f"{kind}, SHA-256 {digest}"


def _is_condition(value: Any) -> bool:
    return type(value).__module__.startswith("outrange.questions.expressions")


def _is_plain(value: Any) -> bool:
    """Whether `repr` tells all of it, in the same words each time."""
    if value is None or isinstance(value, bool | int | float | str):
        return True
    if isinstance(value, Mapping):
        return len(value) <= LONGEST and all(map(_is_plain, [*value, *value.values()]))
    return isinstance(value, list | tuple) and len(value) <= LONGEST and all(map(_is_plain, value))


def as_asked(answer: Answer, **arguments: Any) -> Any:
    """The answer with arguments as the user wrote them: what the shell passed on was what was left.

    Args:
        answer: What a question returned.
        **arguments: By name.
    """
    asked = answer.provenance
    if asked is None:
        return answer
    changed = {name: told(value) for name, value in arguments.items()}
    kept = tuple((name, changed.get(name, value)) for name, value in asked.arguments)
    return replace(answer, provenance=replace(asked, arguments=kept))
