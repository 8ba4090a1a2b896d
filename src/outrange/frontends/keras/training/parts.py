"""The graphs of a model, as far as they can be written."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ....core import InputError, ModelError
from ....graph import Slot
from ....program import PartialGraph
from ..lower.partial_graph import lower_part
from ..trace.records import Trace
from ..trace.tolerant import TolerantRun
from .modes import moving, unknown_records


LARGEST = 20_000_000
"""Weights beyond which no graph is made: their float64 copies alone would fill the memory."""


def model_part(found: TolerantRun) -> Trace:
    """The recording without the losses."""
    trace = found.trace
    return Trace(trace.inputs, trace.outputs, trace.records[: found.inside], trace.visits)


def parts(
    k: Any, model: Any, found: TolerantRun | None, number: dict[int, int], struct: Any
) -> tuple[PartialGraph | None, PartialGraph | None, list[str]]:
    """`whole` and `free` of the program, and what is missing in them."""
    if found is None:
        return None, None, []
    slots = slots_of(k, struct)
    count = sum(int(np.prod(v.shape, dtype=np.int64)) for v in model.weights)
    trace = model_part(found)
    missing = []
    whole = None
    if count <= LARGEST:
        whole = _part(trace, slots, found.opaque, number)
    else:
        missing.append(f"ranges with the stored weights: the model has {count:,} of them")
    free = _part(trace, slots, {**found.opaque, **_changing(k, model, found)}, number)
    if whole is not None:
        missing += [f"{reason}" for _, reason in whole.unknown]
    return whole, free, missing


def slots_of(k: Any, struct: Any) -> list[Slot]:
    return [Slot(f"input {i}", tuple(t.shape[1:])) for i, t in enumerate(k.tree.flatten(struct))]


def whole_again(
    k: Any, found: TolerantRun | None, number: Mapping[int, int], struct: Any
) -> PartialGraph | None:
    """The graph of the whole model once more, with the values that the weights have now."""
    if found is None:
        return None
    return _part(model_part(found), slots_of(k, struct), found.opaque, number)


def _part(
    trace: Trace, slots: list[Slot], unknown: dict[int, str], number: Mapping[int, int]
) -> PartialGraph | None:
    try:
        found = lower_part(trace, slots, unknown)
    except (ModelError, InputError):
        return None
    lowered = found.lowered

    def numbered(table: dict[int, Any]) -> dict[int, Any]:
        return {number[i]: what for i, what in table.items() if i in number}

    return PartialGraph(
        lowered.graph, sum(slot.size for slot in slots), tuple(found.reasons),
        numbered(found.values), numbered(found.constants), numbered(found.places),
        written=lowered.graph if lowered.plain is None else lowered.plain,
        bypassed=lowered.bypassed,
    )  # fmt: skip


def _changing(k: Any, model: Any, found: TolerantRun) -> dict[int, str]:
    """Records whose result training can change by more than their inputs."""
    moved = moving(k, model, found)
    changing = dict.fromkeys(
        unknown_records(k, model, found), "code of your own may do something else in training"
    )
    for record in found.trace.records[: found.inside]:
        flat = k.tree.flatten((record.args, record.kwargs))
        # A layer that is one operation, a PReLU say, has its weights itself.
        held = record.op.variables if isinstance(record.op, k.Layer) else ()
        own = any(
            isinstance(v, k.Variable) and (v.trainable or id(v) in moved) for v in (*flat, *held)
        )
        hidden = bool(found.escaped) and any(
            hasattr(v, "shape") and not isinstance(v, k.KerasTensor | k.Variable) for v in flat
        )
        if own or hidden:
            changing[id(record)] = "it depends on weights that training changes"
    return changing
