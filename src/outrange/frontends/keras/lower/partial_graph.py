"""As much of a recording as can be written as a graph; the rest are inputs that may be anything."""

from dataclasses import replace
from typing import Any

import numpy as np

from ....core import InputError, ModelError
from ....graph import Graph, Slot, Value
from ..api import keras
from ..trace.records import OperationRecord, Trace
from .lower import _Lowering


def lower_part(
    trace: Trace, slots: list[Slot], unknown: dict[int, str]
) -> tuple[Graph, list[tuple[str, str]], dict[int, int], dict[int, np.ndarray]]:
    """The graph of a model, given that nothing is known of some records.

    Args:
        trace: The recording of the model (no losses).
        slots: Name and shape of each input.
        unknown: `id` of a record to why nothing is known of it; records that no rule describes
            join them.

    Returns:
        The graph, whose inputs are the model's and then the unknown tensors; layer and reason of
        each of those; `id` of a tensor to its value; `id` of a tensor to its constant.

    Raises:
        ModelError, InputError: No graph can be made at all.
    """
    k = keras()
    unknown = dict(unknown)
    first = _Lowering(trace, slots)
    needed = first.needed()
    for record in needed:
        if id(record) not in unknown:
            try:
                first.record(record)
                continue
            except (ModelError, InputError) as error:
                unknown[id(record)] = str(error)
        for tensor in k.tree.flatten(record.outputs):
            shape = tuple(tensor.shape)
            place = np.zeros(shape, np.int64)
            first.enter(tensor, first.builder.rearrange([first.builder._whole()], place))
    boxes = [r for r in needed if id(r) in unknown]
    tensors = [t for r in boxes for t in k.tree.flatten(r.outputs)]
    reasons = [(r.source, unknown[id(r)]) for r in boxes for _ in k.tree.flatten(r.outputs)]
    given = {id(t) for t in tensors}
    kept = [r for r in trace.records if not _gives(k, r, given)]
    extra = [Slot(f"unknown {i}", tuple(t.shape)) for i, t in enumerate(tensors)]
    whole = replace(trace, inputs=[*trace.inputs, *tensors], records=kept)
    lowering = _Lowering(whole, [*slots, *extra])
    # A builder gives its inputs a batch axis of 1, which these tensors already count.
    for tensor in tensors:
        value = lowering.known[id(tensor)]
        if isinstance(value, Value):
            shape = tuple(tensor.shape)
            lowering.known[id(tensor)] = Value(lowering.builder, value.index, shape)
    outputs = k.tree.flatten(trace.outputs)
    lowered = lowering.run([f"output {i}" for i in range(len(outputs))])
    moved = lowering.builder.moved  # what is inside of a fused curve is no value of the graph
    values = {
        key: moved[v.index]
        for key, v in lowering.known.items()
        if isinstance(v, Value) and v.index in moved
    }
    constants = {
        key: np.asarray(v) for key, v in lowering.known.items() if not isinstance(v, Value)
    }
    return lowered.graph, reasons, values, constants


def _gives(k: Any, record: OperationRecord, tensors: set[int]) -> bool:
    return any(id(t) in tensors for t in k.tree.flatten(record.outputs))
