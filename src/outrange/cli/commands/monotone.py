"""`outrange monotone`: find or verify the direction of every output in every input."""

from __future__ import annotations

import json
from collections.abc import Callable

from ...core import Clock, OutOfTime
from ..exit_codes import EXACT, INTERRUPTED, OPEN, VIOLATED, fail
from ..options.boxes import BoxOptions, box_of
from ..options.models import load_model
from ..options.workers import command_workers
from ..start_up import choose_seconds, command_began, question_limit, reading


def ask_monotone(
    model: str,
    box: BoxOptions,
    echo: Callable[[str], None],
    *,
    only: str | None,
    outputs: str | None,
    direction: str | None,
    seconds: float | None,
    budget: float | None,
    certificate: str | None,
    executor: str | None,
    form: str,
    safe_mode: bool,
) -> int:
    """Find or verify directions, and print them; return the exit code.

    Args:
        model: File of the model.
        box: Options of the input set.
        echo: Function that prints the answer.
        only: Inputs to consider, as a list of names or indices separated by commas; None for all.
        outputs: Outputs to consider, in the same form.
        direction: `"rises"` or `"falls"` to verify; None to find a direction.
        seconds: Limit of wall-clock time, including the time to read the model.
        budget: Limit in units of work, instead of `seconds`.
        certificate: Certificate file to write for the proved directions.
        executor: Address of a Dask scheduler whose workers search.
        form: Output format, `"text"` or `"json"`.
        safe_mode: Whether to refuse code stored in the model file.
    """
    from ...api.decorators import with_arguments
    from ...api.slopes import monotone
    from ...questions.common.arguments import check_limits

    check_limits(None, seconds)
    seconds = choose_seconds(seconds, budget, default=None)
    clock = Clock(seconds, command_began())
    try:
        with reading(model, clock):
            network = load_model(model, safe_mode, box.feature_names)
    except OutOfTime:
        return fail("time ran out before the model was read; increase --time-limit", OPEN)
    with command_workers(executor, budget=budget):
        answer = monotone(
            network,
            box_of(box, network.graph.inputs, note=False),
            inputs=_read_entries(only),
            outputs=_read_entries(outputs),
            direction=direction,
            certificate=certificate,
            **question_limit(clock, seconds, budget),
        )
    if budget is None:
        answer = with_arguments(answer, time_limit=seconds)
    echo(json.dumps(answer.as_dict()) if form == "json" else str(answer))
    is_open = any(trend.direction == "unknown" for trend in answer.trends)
    if answer.holds is None if direction else is_open:
        return INTERRUPTED if answer.reason == "interrupted" else OPEN
    return VIOLATED if direction and not answer.holds else EXACT


def _read_entries(text: str | None) -> list[str | int] | None:
    """Parse a list of names and flat indices, such as `area,2`."""
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    return [int(word) if word.isdigit() else word for word in words]
