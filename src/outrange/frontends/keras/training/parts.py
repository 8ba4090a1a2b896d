"""Graphs of the parts of a model that can be lowered."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ....core import InputError, ModelError
from ....graph import Slot
from ....program import PartialGraph
from ..lower.partial_graph import lower_part
from ..trace.records import Trace
from ..trace.tolerant import TolerantRun
from .modes import changeable_variables, unknown_records


LARGEST = 20_000_000
"""Number of weights above which no graph with their values is built, to save memory."""


def model_part(run: TolerantRun) -> Trace:
    """Return the recorded run of the model, without the operations of its losses."""
    trace = run.trace
    return Trace(trace.inputs, trace.outputs, trace.records[: run.inside], trace.visits)


def parts(
    k: Any, model: Any, run: TolerantRun | None, number: dict[int, int], struct: Any
) -> tuple[PartialGraph | None, PartialGraph | None, list[str]]:
    """Return the graphs `Program.whole` and `Program.free`, and messages about what `whole` lacks.

    A graph is None if it cannot be built or would be too large.
    """
    if run is None:
        return None, None, []
    slots = slots_of(k, struct)
    count = sum(int(np.prod(v.shape, dtype=np.int64)) for v in model.weights)
    trace = model_part(run)
    missing = []
    whole = None
    if count <= LARGEST:
        whole = _part(trace, slots, run.opaque, number)
    else:
        missing.append(
            f"ranges with the stored weights: the model is too large, with {count:,} weights"
        )
    free = _part(trace, slots, {**run.opaque, **_changing(k, model, run)}, number)
    if whole is not None:
        missing += [f"{reason}" for _, reason in whole.unknown]
    return whole, free, missing


def slots_of(k: Any, struct: Any) -> list[Slot]:
    return [Slot(f"input {i}", tuple(t.shape[1:])) for i, t in enumerate(k.tree.flatten(struct))]


def lower_whole_again(
    k: Any, run: TolerantRun | None, number: Mapping[int, int], struct: Any
) -> PartialGraph | None:
    """Lower the whole model again, with the current values of the weights."""
    if run is None:
        return None
    return _part(model_part(run), slots_of(k, struct), run.opaque, number)


def _part(
    trace: Trace, slots: list[Slot], unknown: dict[int, str], number: Mapping[int, int]
) -> PartialGraph | None:
    try:
        part = lower_part(trace, slots, unknown)
    except (ModelError, InputError):
        return None
    lowered = part.lowered

    def by_number(table: dict[int, Any]) -> dict[int, Any]:
        return {number[i]: what for i, what in table.items() if i in number}

    return PartialGraph(
        lowered.graph, sum(slot.size for slot in slots), tuple(part.reasons),
        by_number(part.values), by_number(part.constants), by_number(part.places),
        written=lowered.graph if lowered.plain is None else lowered.plain,
        bypassed=lowered.bypassed,
    )  # fmt: skip


def _changing(k: Any, model: Any, run: TolerantRun) -> dict[int, str]:
    """Map the `id` of each record whose operation or weights training may change to the reason."""
    changeable = changeable_variables(k, model, run)
    changing = dict.fromkeys(
        unknown_records(k, model, run), "your own code may behave differently in training"
    )
    for record in run.trace.records[: run.inside]:
        flat = k.tree.flatten((record.args, record.kwargs))
        # A layer that is one operation, such as a PReLU, holds its weights itself.
        own_variables = record.op.variables if isinstance(record.op, k.Layer) else ()
        trained = any(
            isinstance(v, k.Variable) and (v.trainable or id(v) in changeable)
            for v in (*flat, *own_variables)
        )
        hidden = bool(run.escaped) and any(
            hasattr(v, "shape") and not isinstance(v, k.KerasTensor | k.Variable) for v in flat
        )
        if trained or hidden:
            changing[id(record)] = "it depends on weights that training changes"
    return changing
