"""`outrange range` and `outrange summary`: bound the outputs or all layers of a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...answers.range import Range
from ...answers.render.text import entry_names
from ...answers.summary import Summary
from ...core import Clock, InputError, OutOfTime
from ..exit_codes import EXACT, INTERRUPTED, OPEN, fail
from ..options.arrays import read_array
from ..options.boxes import BoxOptions, box_of
from ..options.models import load_model
from ..options.workers import command_workers
from ..start_up import choose_seconds, command_began, question_limit, reading


CODES = {"exact": EXACT, "interrupted": INTERRUPTED}


def ask_range(
    model: str,
    box: BoxOptions,
    echo: Callable[[str], None],
    *,
    output: str | None,
    layer: str | None,
    rows: str | None,
    seconds: float | None,
    budget: float | None = None,
    tol: float | None,
    solver: bool,
    arithmetic: str | None = None,
    certificate: str | None = None,
    executor: str | None = None,
    resume: str | None = None,
    form: str,
    safe_mode: bool,
) -> int:
    """Compute and print the output range; return the exit code for its status."""
    from ...api.decorators import with_arguments
    from ...api.ranges import output_range
    from ...api.read import load

    if sum(option is not None for option in (output, layer, rows)) > 1 and not (layer and rows):
        raise InputError("--output cannot be combined with --layer or --rows; choose one.")
    from ...questions.common.arguments import check_limits

    check_limits(tol, seconds)
    seconds = choose_seconds(seconds, budget, default=None)
    clock = Clock(seconds, command_began())
    try:
        with reading(model, clock):
            network = load_model(model, safe_mode, box.feature_names)
    except OutOfTime:
        return fail("time ran out before the model was read; increase --time-limit", OPEN)
    if layer is not None:
        network = load(network, layer=layer)
    graph = network.graph
    where = box_of(box, graph.inputs)
    forms = None if rows is None else np.atleast_2d(read_array(rows, "--rows"))
    labels = {slot.name: slot.shape for slot in graph.outputs}
    if output is not None:
        forms, labels = pick_output(output, labels)
    with command_workers(executor, resume, budget):
        answer = output_range(
            network,
            where,
            tol=tol,
            **question_limit(clock, seconds, budget),
            rows=forms,
            solver=solver,
            arithmetic=arithmetic or "real",
            certificate=certificate,
        )
    if budget is None:
        answer = with_arguments(answer, time_limit=seconds)
    if output is not None:
        answer = replace(
            answer, outputs=labels, **_reshape_arrays(answer, next(iter(labels.values())))
        )
    echo(json.dumps(answer.as_dict()) if form == "json" else str(answer))
    return CODES.get(answer.status, OPEN)


def pick_output(
    text: str, outputs: dict[str, tuple[int, ...]]
) -> tuple[np.ndarray, dict[str, tuple[int, ...]]]:
    """Return linear forms that select an output, and a dict from the output's label to its shape.

    Args:
        text: Name of an output, or flat index of an output entry.
        outputs: Dict from the name of each output to its shape.
    """
    sizes = [int(np.prod(shape, dtype=np.int64)) for shape in outputs.values()]
    identity = np.eye(sum(sizes))
    if text in outputs:
        which = list(outputs).index(text)
        start = sum(sizes[:which])
        return identity[start : start + sizes[which]], {text: outputs[text]}
    if text.isdigit() and int(text) < len(identity):
        return identity[int(text)][None], {entry_names(outputs)[int(text)]: ()}
    raise InputError(
        f"--output must be one of {list(outputs)}, or an index below {len(identity)}. "
        f"Received: {text!r}."
    )


def _reshape_arrays(answer: Range, shape: tuple[int, ...]) -> dict:
    """Return the array fields of `answer` by name, with their first axis reshaped to `shape`."""

    def reshape(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: reshape(part) for name, part in value.items()}
        return None if value is None else value.reshape(shape + value.shape[1:])

    names = ("lo", "hi", "seen_lo", "seen_hi", "at_lo", "at_hi", "model_lo", "model_hi")
    names += ("real_lo", "real_hi")
    return {name: reshape(getattr(answer, name)) for name in names}


def ask_summary(model: str, box: BoxOptions, *, safe_mode: bool) -> Summary:
    """Compute the summary of the model in a file."""
    from ...api.ranges import summary

    network = load_model(model, safe_mode, box.feature_names)
    return summary(network, box_of(box, network.graph.inputs, note=False))
