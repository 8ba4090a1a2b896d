"""Symbolic runs of a model and its losses that continue past layers that cannot be traced.

A layer that the ordinary trace rejects becomes one opaque record; only the shapes of its outputs
are known. Reads of a variable outside recorded operations are counted, so that no analysis
assumes that it knows all uses of the variable.
"""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ....core import ModelError
from .. import refuse
from ..api import keras
from ..signature import declared_struct
from .hooks import hooks
from .records import OperationRecord, Trace, Visit
from .trace import Tracer, _operations


class TolerantTracer(Tracer):
    """A tracer that records a layer as opaque if its code cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.opaque: dict[int, str] = {}
        self.escaped: dict[int, float] = {}
        self.busy = 0

    def operation(self, op: Any, args: tuple, kwargs: dict) -> Any:
        """Record `op`, and ignore reads of variables during its shape inference."""
        self.busy += 1
        try:
            return super().operation(op, args, kwargs)
        finally:
            self.busy -= 1

    def layer(self, layer: Any, args: tuple, kwargs: dict) -> Any:
        """Run the layer; if it is an inner layer and fails, record it as opaque."""
        trace = self.trace
        counts = len(trace.records), len(trace.visits)
        try:
            return super().layer(layer, args, kwargs)
        except Exception as error:
            if not self.stack:
                raise
            reason = str(refuse.explain(error, f"Layer `{self.path_of(layer)}`", layer))
        del trace.records[counts[0] :], trace.visits[counts[1] :]
        self.failure = None
        self.busy += 1
        try:
            outputs = _spec(self.keras, layer, args, kwargs)
        finally:
            self.busy -= 1
        record = OperationRecord(layer, args, kwargs, outputs, self.path_of(layer), layer)
        self.opaque[id(record)] = reason
        self.escaped.update({id(v): math.inf for v in layer.variables})
        trace.records.append(record)
        trace.visits.append(Visit(record.source, layer, outputs, None, args))
        return outputs

    def read(self, variable: Any) -> None:
        """Count a read of a variable's value outside a recorded operation."""
        if not self.busy:
            self.escaped[id(variable)] = self.escaped.get(id(variable), 0) + 1


def _spec(k: Any, layer: Any, args: tuple, kwargs: dict) -> Any:
    """Return KerasTensors with the shapes of a layer's outputs."""
    try:
        return layer.compute_output_spec(*args, **kwargs)
    except Exception:
        # A layer whose code fails on symbols may still compute its shapes.
        shape = layer.compute_output_shape(k.tree.flatten(args)[0].shape)
        return k.KerasTensor(shape, layer.compute_dtype)


@dataclass(eq=False)
class TolerantRun:
    """The result of a symbolic run of a model and its losses.

    Args:
        trace: All records, with those of the losses at the end.
        inside: Number of records of the model itself.
        losses: The tensor of each loss, or None if its code could not be traced.
        targets: The symbols of the targets.
        opaque: Map from the `id` of an opaque record to the reason why it is opaque.
        escaped: Map from the `id` of a variable to the number of its reads outside recorded
            operations. This number is infinite if an opaque layer owns the variable, or if the
            model assigns it although it is trainable.
        assigned: The `id` of every variable that the model assigns.
        reasons: Reasons why losses could not be traced.
    """

    trace: Trace
    inside: int = 0
    losses: list[Any] = field(default_factory=list)
    targets: list[Any] = field(default_factory=list)
    opaque: dict[int, str] = field(default_factory=dict)
    escaped: dict[int, float] = field(default_factory=dict)
    assigned: set[int] = field(default_factory=set)
    reasons: list[str] = field(default_factory=list)


def follow(
    model: Any, struct: Any, losses: list[tuple[Any, int, Any, float]], training: bool = False
) -> TolerantRun:
    """Record a run of a model, and then of its losses, on symbolic tensors.

    Args:
        model: A built Keras model.
        struct: The model's input: KerasTensors with a batch axis of 1.
        losses: For each loss: the loss object, the index of its output, the KerasTensor of its
            targets, and its weight.
        training: Whether to run the model in training mode.

    Returns:
        The recording. The model is not changed.

    Raises:
        ModelError: The model's own `call` (not only a layer's) cannot be run on symbols.
    """
    tracer = TolerantTracer()
    k = tracer.keras
    run = TolerantRun(tracer.trace)
    run.trace.inputs = k.tree.flatten(struct)
    run.targets = [target for _, _, target, _ in losses]
    nodes = [(op, len(op._inbound_nodes), len(op._outbound_nodes)) for op in _operations(model)]
    try:
        with hooks(tracer), _note_reads(k, tracer), k.StatelessScope() as scope:
            try:
                run.trace.outputs = model(struct, training=training)
            except Exception as error:
                raise tracer.failure or refuse.explain(error, f"Model `{model.name}`") from error
            run.inside = len(run.trace.records)
            outputs = k.tree.flatten(run.trace.outputs)
            for loss, index, target, _ in losses:
                run.losses.append(_loss(tracer, run, loss, target, outputs[index]))
    finally:
        for op, inbound, outbound in nodes:
            del op._inbound_nodes[inbound:]
            del op._outbound_nodes[outbound:]
    run.opaque, run.escaped = tracer.opaque, tracer.escaped
    run.assigned = {id(v) for v in model.variables if scope.get_current_value(v) is not None}
    for variable in model.trainable_variables:
        if id(variable) in run.assigned:
            run.escaped[id(variable)] = math.inf
    return run


def _loss(tracer: TolerantTracer, run: TolerantRun, loss: Any, target: Any, output: Any) -> Any:
    """Return the loss of one output as a symbol, or None if it cannot be traced."""
    count = len(run.trace.records)
    try:
        return loss(target, output)
    except Exception as error:
        del run.trace.records[count:]
        first = str(error).strip().splitlines() or [""]
        run.reasons.append(
            f"the loss `{getattr(loss, 'name', loss)}` could not be traced symbolically "
            f"({type(error).__name__}: {first[0][:160]})"
        )
        return None


@contextlib.contextmanager
def _note_reads(k: Any, tracer: TolerantTracer) -> Iterator[None]:
    """Report every read of a variable's value in this context to the tracer."""
    kind = k.Variable
    old = kind.value
    is_own = "value" in vars(kind)

    def value(self: Any) -> Any:
        tracer.read(self)
        return old.fget(self)

    kind.value = property(value)
    try:
        yield
    finally:
        if is_own:
            kind.value = old
        else:
            del kind.value


def _symbol_dtype(array: Any) -> str:
    """Return the dtype in which `fit` passes data to a model under Keras's default `floatx`."""
    name = str(array.dtype)
    return "float32" if name.startswith("float") else name


def symbols(model: Any, x: Any) -> Any:
    """Return symbols for a model's input, with unknown sizes taken from data of the same rank."""
    k = keras()
    arrays = k.tree.flatten(x)
    try:
        declared = declared_struct(k, model)
    except ModelError:
        # A user's model may not state any shape; the data have one.
        tensors = [k.KerasTensor((1, *a.shape[1:]), dtype=_symbol_dtype(a)) for a in arrays]
        return k.tree.pack_sequence_as(x, tensors)
    flat = k.tree.flatten(declared)
    tensors = []
    for tensor, data in zip(flat, arrays, strict=True):
        shape = tuple(tensor.shape)[1:]
        data_shape = tuple(data.shape)[1:]
        if len(data_shape) == len(shape) and any(n is None for n in shape):
            shape = tuple(n if m is None else m for m, n in zip(shape, data_shape, strict=True))
        tensors.append(k.KerasTensor((1, *shape), dtype=tensor.dtype, name=tensor.name))
    return k.tree.pack_sequence_as(declared, tensors)
