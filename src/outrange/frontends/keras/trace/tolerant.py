"""A symbolic run that continues past layers that cannot be traced, and into the loss.

What the ordinary trace refuses becomes one opaque record here: its outputs have a shape, and
nothing else is known of them. Reads of a variable outside of a recorded operation are noted, so
that nobody claims to know all uses of it.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ....core import ModelError
from .. import refuse
from ..api import keras
from ..signature import _declared
from .hooks import hooks
from .records import OperationRecord, Trace, Visit
from .trace import Tracer, _operations


class TolerantTracer(Tracer):
    """A tracer to which a layer may be a closed box."""

    def __init__(self) -> None:
        super().__init__()
        self.opaque: dict[int, str] = {}
        self.escaped: set[int] = set()
        self.readers: dict[int, set[int]] = {}
        self.busy = 0

    def operation(self, op: Any, args: tuple, kwargs: dict) -> Any:
        """Record `op`; what it reads of variables meanwhile, for shapes, is no use of them."""
        self.busy += 1
        try:
            return super().operation(op, args, kwargs)
        finally:
            self.busy -= 1

    def layer(self, layer: Any, args: tuple, kwargs: dict) -> Any:
        """Run the layer; if that fails, what it returns is of known shape and nothing more."""
        trace = self.trace
        counts = len(trace.records), len(trace.visits)
        try:
            return super().layer(layer, args, kwargs)
        except Exception as error:
            if not self.stack:
                raise
            reason = str(refuse.explained(error, f"Layer `{self.path_of(layer)}`", layer))
        del trace.records[counts[0] :], trace.visits[counts[1] :]
        self.failure = None
        self.busy += 1
        try:
            outputs = _spec(self.keras, layer, args, kwargs)
        finally:
            self.busy -= 1
        record = OperationRecord(layer, args, kwargs, outputs, self.path_of(layer), layer)
        self.opaque[id(record)] = reason
        for variable in layer.variables:
            self.escapes(variable, 0)
        trace.records.append(record)
        trace.visits.append(Visit(record.source, layer, outputs, None, args))
        return outputs

    def read(self, variable: Any) -> None:
        """A variable's value was taken."""
        if not self.busy:
            self.escapes(variable, id(self.stack[-1]) if self.stack else 0)

    def escapes(self, variable: Any, reader: int) -> None:
        """Some use of a variable, by the layer of that `id` or 0, cannot be followed."""
        self.escaped.add(id(variable))
        self.readers.setdefault(id(variable), set()).add(reader)


def _spec(k: Any, layer: Any, args: tuple, kwargs: dict) -> Any:
    """Symbols of the shapes that a layer returns."""
    try:
        return layer.compute_output_spec(*args, **kwargs)
    except Exception:
        # A layer whose code fails on symbols may still know its shapes.
        shape = layer.compute_output_shape(k.tree.flatten(args)[0].shape)
        return k.KerasTensor(shape, layer.compute_dtype)


@dataclass(eq=False)
class Followed:
    """What a symbolic run of model and losses left.

    Args:
        trace: Every record, those of the losses at the end.
        inside: How many records are the model's.
        losses: The tensor of each loss; None where its code could not be followed.
        targets: The symbols that stand for the targets.
        opaque: `id` of an opaque record to the reason.
        escaped: `id` of every variable read where it cannot be followed.
        readers: To each of those the `id` of the layers that read it; 0 for what is no layer, or
            one that is a closed box.
        reasons: Why a loss could not be followed.
    """

    trace: Trace
    inside: int = 0
    losses: list[Any] = field(default_factory=list)
    targets: list[Any] = field(default_factory=list)
    opaque: dict[int, str] = field(default_factory=dict)
    escaped: set[int] = field(default_factory=set)
    readers: dict[int, set[int]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)


def follow(model: Any, struct: Any, losses: list[tuple[Any, int, Any, float]]) -> Followed:
    """Run `model` and then its losses on symbols.

    Args:
        model: A built Keras model.
        struct: Its input, KerasTensors with a batch axis of 1.
        losses: Loss object, index of its output, the KerasTensor that stands for its targets, and
            its weight.

    Returns:
        The recording. Nothing in the model is changed.

    Raises:
        ModelError: The model's own `call` (not only a layer's) cannot be run on symbols.
    """
    tracer = TolerantTracer()
    k = tracer.keras
    found = Followed(tracer.trace)
    found.trace.inputs = k.tree.flatten(struct)
    found.targets = [target for _, _, target, _ in losses]
    nodes = [(op, len(op._inbound_nodes), len(op._outbound_nodes)) for op in _operations(model)]
    try:
        with hooks(tracer), _reads(k, tracer), k.StatelessScope() as scope:
            try:
                found.trace.outputs = model(struct, training=False)
            except Exception as error:
                raise tracer.failure or refuse.explained(error, f"Model `{model.name}`") from error
            found.inside = len(found.trace.records)
            outputs = k.tree.flatten(found.trace.outputs)
            for loss, index, target, _ in losses:
                found.losses.append(_loss(tracer, found, loss, target, outputs[index]))
    finally:
        for op, inbound, outbound in nodes:
            del op._inbound_nodes[inbound:]
            del op._outbound_nodes[outbound:]
    for variable in model.trainable_variables:
        if scope.get_current_value(variable) is not None:
            tracer.escapes(variable, 0)  # a call assigns it other values
    found.opaque, found.escaped, found.readers = tracer.opaque, tracer.escaped, tracer.readers
    return found


def _loss(tracer: TolerantTracer, found: Followed, loss: Any, target: Any, output: Any) -> Any:
    """The loss of one output as a symbol."""
    count = len(found.trace.records)
    try:
        return loss(target, output)
    except Exception as error:
        del found.trace.records[count:]
        first = str(error).strip().splitlines() or [""]
        found.reasons.append(
            f"the loss `{getattr(loss, 'name', loss)}` could not be followed on symbols "
            f"({type(error).__name__}: {first[0][:160]})"
        )
        return None


@contextlib.contextmanager
def _reads(k: Any, tracer: TolerantTracer) -> Iterator[None]:
    """Tells the tracer of every read of a variable's value."""
    kind = k.Variable
    old = kind.value
    own = "value" in vars(kind)

    def value(self: Any) -> Any:
        tracer.read(self)
        return old.fget(self)

    kind.value = property(value)
    try:
        yield
    finally:
        if own:
            kind.value = old
        else:
            del kind.value


def _symbol_dtype(array: Any) -> str:
    """The dtype in which a fit hands data to a model."""
    name = str(array.dtype)
    return "float32" if name.startswith("float") else name


def symbols(model: Any, x: Any) -> Any:
    """Symbols for a model's input, sizes it leaves open taken from the data."""
    k = keras()
    given = k.tree.flatten(x)
    try:
        declared = _declared(k, model)
    except ModelError:
        # A model with code of its own may state no shape at all: the data have one.
        made = [k.KerasTensor((1, *a.shape[1:]), dtype=_symbol_dtype(a)) for a in given]
        return k.tree.pack_sequence_as(x, made)
    flat = k.tree.flatten(declared)
    made = []
    for tensor, data in zip(flat, given, strict=True):
        shape = tuple(tensor.shape)[1:]
        seen = tuple(data.shape)[1:]
        if len(seen) == len(shape) and any(n is None for n in shape):
            shape = tuple(n if m is None else m for m, n in zip(shape, seen, strict=True))
        made.append(k.KerasTensor((1, *shape), dtype=tensor.dtype, name=tensor.name))
    return k.tree.pack_sequence_as(declared, made)
