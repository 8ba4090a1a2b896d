"""Decorators of the public functions: provenance, limits of time and work, notes on lateness.

With a budget, a function returns the same answer on every machine. With a time limit, answers may
differ.
"""

from __future__ import annotations

import math
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
from ..core.clock import CountedTime, ending_stalled, read_clock, time_source, time_unit
from ..core.progress import record_phases
from ..executors.cores import on_cores
from ..executors.workers import workers
from ..live import with_progress
from ..live.follow import argument_error
from ..questions.inputs.perturbation import Perturbation
from ..search.common.tolerance import STALLED
from .arguments import check_shared_arguments


Ask = TypeVar("Ask", bound=Callable[..., Any])

APART = frozenset("model model_a model_b build property progress file".split())
"""Arguments that provenance does not list, because they are hashed elsewhere or do not affect the
answer."""

MOST_BUDGET = 1e15
"""Limit on budgets. Beyond it, float64 could not distinguish successive readings of counted work.
"""

DEFAULT_LIMIT = 45.0
"""Time limit in seconds of a call without another limit; few users wait longer than a minute."""

EARLY = 0.9
"""Fraction of the default limit. A search that ended before this fraction did not run out of time,
but stalled.
"""

LIMIT_VARIABLE = "OUTRANGE_TIME_LIMIT"
"""Environment variable that replaces `DEFAULT_LIMIT`: a number of seconds, or `inf`."""

FORMER_VARIABLE = "OUTRANGE_EFFORT"
"""Former environment variable, which is refused until version 0.2."""

LATE, LATE_SHARE = 1.0, 0.1
"""An answer is late if it exceeds its time limit by more than the sum of `LATE` seconds and the
fraction `LATE_SHARE` of the limit."""

LONGEST = 80
"""Maximum number of characters, or of list entries, of an argument that is shown in full. Longer
arguments are hashed."""


def with_provenance(ask: Ask) -> Ask:
    """Decorate a function so that answers record its name and arguments, and the library version.

    Arguments that many functions share are checked first. All arguments are formatted before the
    function runs, since arrays may change afterwards.
    """
    takes = signature(ask)

    @wraps(ask)
    def call(*args: Any, **options: Any) -> Any:
        try:
            bound = takes.bind(*args, **options)
        except TypeError as error:
            raise argument_error(ask.__name__, takes, options, error) from None
        bound.apply_defaults()
        check_shared_arguments(takes, bound.arguments)
        arguments = _arguments(bound)
        answer = ask(*args, **options)
        if not isinstance(answer, Answer):
            return answer
        provenance = answer.provenance or Provenance()
        name = getattr(ask, "__name__", "")
        provenance = replace(provenance, question=name, version=VERSION, arguments=arguments)
        answer = replace(answer, provenance=provenance)
        # If left to its default, the arithmetic is the one that the property declares.
        semantics = getattr(answer, "arithmetic", None)
        return answer if semantics is None else with_arguments(answer, arithmetic=semantics)

    return cast(Ask, call)


@contextmanager
def counted_work() -> Iterator[None]:
    """Count work instead of time within the `with` block, on one thread of this process.

    Workers are not used, because the order of work varies between processes and runs.
    """
    from ..search.common.parallel import single_blas_thread

    with time_source(CountedTime("units")), on_cores(1), single_blas_thread(), workers():
        yield


def with_budget(ask: Ask) -> Ask:
    """Decorate a function with the argument `budget`, a limit in units of work instead of seconds.

    Args:
        ask: A public function; without a `budget`, it is called unchanged.
    """

    @wraps(ask)
    def call(*args: Any, budget: float | None = None, **options: Any) -> Any:
        if budget is None:
            return ask(*args, **options)
        _check(budget, options.get("time_limit"))
        with counted_work():
            return ask(*args, **(options | {"time_limit": float(budget)}))

    return cast(Ask, call)


def with_default_limit(ask: Ask) -> Ask:
    """Decorate a function to stop after the default limit if the call sets no limit.

    If the search runs out of this time, the answer says so. `time_limit=math.inf` sets no limit. A
    function is returned unchanged unless it has the parameter `time_limit` with the default None.

    Args:
        ask: A public function.
    """
    limit = signature(ask).parameters.get("time_limit")
    if limit is None or limit.default is not None:
        return ask

    @wraps(ask)
    def call(*args: Any, time_limit: float | None = None, **options: Any) -> Any:
        is_default = time_limit is None and options.get("budget") is None
        seconds = _default_limit() if is_default else time_limit
        if seconds is None or math.isinf(seconds):
            return ask(*args, **options)
        options["time_limit"] = seconds
        if not is_default:
            return ask(*args, **options)
        begin = read_clock()
        with ending_stalled():
            answer = ask(*args, **options)
        took = read_clock() - begin
        if not isinstance(answer, Answer) or not _ran_out(answer):
            return answer
        if took < EARLY * seconds:
            ended = (
                f"The search ended after {took:.0f} s: in the second half of that time the gap "
                f"fell by less than {STALLED:.0%}, so twice the time would gain little. Set "
                "`time_limit` to continue anyway (`math.inf` for no limit)."
            )
        else:
            ended = (
                f"The search ended after {seconds:g} s, the default limit. Set a larger "
                "`time_limit` to continue it (`math.inf` for no limit)."
            )
        return replace(answer, late=" ".join(filter(None, (answer.late, ended))))

    return cast(Ask, call)


def _default_limit() -> float:
    """Return the time limit in seconds of a call that sets none.

    Raises:
        InputError: An environment variable is not a positive number, or is a former one.
    """
    if FORMER_VARIABLE in os.environ:
        raise InputError(
            f"The environment variable `{FORMER_VARIABLE}` is now `{LIMIT_VARIABLE}`: a number of "
            f"seconds, or `inf`. Received: {FORMER_VARIABLE}={os.environ[FORMER_VARIABLE]!r}."
        )
    text = os.environ.get(LIMIT_VARIABLE, str(DEFAULT_LIMIT))
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise InputError(
            f"The environment variable `{LIMIT_VARIABLE}` must be a number of seconds > 0, or "
            f"`inf`. Received: {text!r}."
        )
    return seconds


def _ran_out(answer: Answer) -> bool:
    """Return whether an answer says that time ran out, or that some of its inputs are undecided."""
    ends = [getattr(answer, name, None) for name in ("status", "reason")]
    return "time" in [end for end in ends if isinstance(end, str)] or any(
        bool(np.isin(end, ("", "open")).any()) for end in ends if isinstance(end, np.ndarray)
    )


def _check(budget: Any, time_limit: float | None) -> None:
    """Check that a budget is a positive number and not combined with a time limit.

    Raises:
        InputError: The budget is out of range, or is combined with a time limit.
    """
    is_number = isinstance(budget, int | float | np.number) and not isinstance(budget, bool)
    if not is_number or not 0.0 < budget < MOST_BUDGET:
        raise InputError(
            f"`budget` must be a positive number below 1e15. Received: budget={budget!r}."
        )
    if time_limit is not None:
        raise InputError(
            "`budget` and `time_limit` must not be combined. Pass `budget` for the same answer on "
            "every machine, or `time_limit` for a limit in seconds. "
            f"Received: budget={budget!r}, time_limit={time_limit!r}."
        )


def question(title: str, reports: bool = True) -> Callable[[Ask], Ask]:
    """Return a decorator for public functions that combines the decorators of this module.

    It adds provenance, a default time limit, `budget`, notes on lateness, and a live view.

    Args:
        title: Title of the live view, in a few words.
        reports: See `with_progress`.
    """
    shown = with_progress(title, reports)
    return lambda ask: with_provenance(with_default_limit(with_budget(report_lateness(shown(ask)))))


def report_lateness(ask: Ask) -> Ask:
    """Decorate a function so that a late answer states its delay and the phase mainly responsible.

    Args:
        ask: A public function.
    """
    takes = signature(ask)

    @wraps(ask)
    def call(*args: Any, **options: Any) -> Any:
        limit = options.get("time_limit")
        if limit is None or "time_limit" not in takes.parameters:
            return ask(*args, **options)
        begin = read_clock()
        with record_phases() as phases:
            answer = ask(*args, **options)
        end = read_clock()
        if isinstance(limit, str):
            from ..train.comparison.compare import seconds_of

            limit = seconds_of(limit)
        if not isinstance(answer, Answer) or end - begin <= limit + LATE + LATE_SHARE * limit:
            return answer
        return replace(answer, late=late_sentence(begin, limit, end, phases))

    return cast(Ask, call)


def late_sentence(
    begin: float, limit: float, end: float, phases: Sequence[tuple[float, str]]
) -> str:
    """Return a sentence stating by how much a time limit was exceeded, and mainly in which phase.

    Args:
        begin: Start time of the call in seconds.
        limit: Time limit of the call in seconds.
        end: End time of the call in seconds.
        phases: Start time in seconds and name of each phase, in order.

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
    """Return the name and formatted value of every bound argument except those in `APART`.

    The fields of a `loop` or a `Perturbation` are listed as arguments.
    """
    items: list[tuple[str, Any]] = []
    for name, value in bound.arguments.items():
        is_record = name == "loop" or isinstance(value, Perturbation)
        items += vars(value).items() if is_record else [(name, value)]
    return tuple((name, format_argument(value)) for name, value in items if name not in APART)


def format_argument(value: Any) -> str:
    """Return a short description of an argument, such as its text, or its type and hash.

    Example:
        >>> format_argument((0, 1)), format_argument(1e-3)
        ('(0, 1)', '0.001')
        >>> format_argument(np.zeros((100, 2)))[:40]
        'float64 (100, 2), SHA-256 3bcd855bb64ce7'
    """
    if isinstance(value, Answer):
        return f"a {type(value).__name__}"  # Its own provenance is not repeated here.
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
    except Exception:  # The question itself refuses such a value, with a reason.
        return kind
    return f"{kind}, SHA-256 {digest}"


def _is_condition(value: Any) -> bool:
    return type(value).__module__.startswith("outrange.questions.expressions")


def _is_plain(value: Any) -> bool:
    """Return whether a value is a number, a string, None, or a short container of such values.

    A container is short if it has at most `LONGEST` entries.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return True
    if isinstance(value, Mapping):
        return len(value) <= LONGEST and all(map(_is_plain, [*value, *value.values()]))
    return isinstance(value, list | tuple) and len(value) <= LONGEST and all(map(_is_plain, value))


def with_arguments(answer: Answer, **arguments: Any) -> Any:
    """Return an answer whose provenance lists the user's arguments, not converted arguments.

    For example, the command line converts arguments before it calls a function.

    Args:
        answer: The result of a public function.
        **arguments: The user's arguments by name.
    """
    provenance = answer.provenance
    if provenance is None:
        return answer
    changed = {name: format_argument(value) for name, value in arguments.items()}
    merged = tuple((name, changed.get(name, value)) for name, value in provenance.arguments)
    return replace(answer, provenance=replace(provenance, arguments=merged))
