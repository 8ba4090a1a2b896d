"""Lowering of part of a recording; tensors that cannot be lowered become unbounded inputs."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ....core import InputError, ModelError
from ....graph import Slot, Value
from ..api import keras
from ..trace.records import OperationRecord, Trace
from .lower import KerasGraph, _Lowering


@dataclass(frozen=True, eq=False)
class LoweredPart:
    """A graph of part of a model, and the locations of the recorded tensors in it.

    Args:
        lowered: The graph; its inputs are the model's inputs, followed by the unknown tensors.
        reasons: For each unknown tensor, its layer and the reason why it is unknown.
        values: Map from the `id` of a tensor to the index of its value in the graph; tensors inside
            a fused curve are absent.
        places: Map from the `id` of a tensor to the index of its value in the graph before fusion.
        constants: Map from the `id` of a tensor that depends on no input to its array.
    """

    lowered: KerasGraph
    reasons: list[tuple[str, str]]
    values: dict[int, int]
    places: dict[int, int]
    constants: dict[int, np.ndarray]


def lower_part(trace: Trace, slots: list[Slot], unknown: dict[int, str]) -> LoweredPart:
    """Lower a model, with the outputs of some records treated as unknown.

    Args:
        trace: The recording of the model (no losses).
        slots: Name and shape of each input.
        unknown: Map from the `id` of a record to the reason why its outputs are unknown. The
            outputs of records that cannot be lowered are treated as unknown, too.

    Raises:
        ModelError, InputError: The other records cannot be lowered together.
    """
    k = keras()
    unknown = dict(unknown)
    first = _Lowering(trace, slots)
    needed = first.needed_records()
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
            first.enter(tensor, first.builder.rearrange([first.builder._flat_input()], place))
    boxes = [r for r in needed if id(r) in unknown]
    tensors = [t for r in boxes for t in k.tree.flatten(r.outputs)]
    reasons = [(r.source, unknown[id(r)]) for r in boxes for _ in k.tree.flatten(r.outputs)]
    unknown_ids = {id(t) for t in tensors}
    records = [r for r in trace.records if not _computes_any(k, r, unknown_ids)]
    extra = [Slot(f"unknown {i}", tuple(t.shape)) for i, t in enumerate(tensors)]
    extended = replace(trace, inputs=[*trace.inputs, *tensors], records=records)
    lowering = _Lowering(extended, [*slots, *extra])
    # A builder gives its inputs a batch axis of 1, which these tensors already include.
    for tensor in tensors:
        value = lowering.values_by_tensor[id(tensor)]
        if isinstance(value, Value):
            shape = tuple(tensor.shape)
            lowering.values_by_tensor[id(tensor)] = Value(lowering.builder, value.index, shape)
    outputs = k.tree.flatten(trace.outputs)
    lowered = lowering.run([f"output {i}" for i in range(len(outputs))])
    places = {key: v.index for key, v in lowering.values_by_tensor.items() if isinstance(v, Value)}
    new_indices = lowering.builder.moved
    values = {key: new_indices[v] for key, v in places.items() if v in new_indices}
    constants = {
        key: np.asarray(v)
        for key, v in lowering.values_by_tensor.items()
        if not isinstance(v, Value)
    }
    return LoweredPart(lowered, reasons, values, places, constants)


def _computes_any(k: Any, record: OperationRecord, tensors: set[int]) -> bool:
    return any(id(t) in tensors for t in k.tree.flatten(record.outputs))
