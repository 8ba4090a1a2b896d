"""Runs a model once on symbols and records every primitive operation it performs.

For the duration of a trace two public methods are replaced. `Operation.symbolic_call` records the
operation instead of adding to Keras's own graph; `Layer.symbolic_call` runs the layer's `call`, so
that what is inside it is recorded too. The layers' own `__call__` still runs: casts, masks, the
training flag, nested models and shared layers are handled by Keras itself.
"""

from typing import Any

import numpy as np

from ....core import ModelError, UnsupportedError
from ....core.sizes import VALUES, Tally
from .. import refuse
from ..api import keras
from ..declared import sizes
from ..lower.recurrent import Given, unrolled
from .backend_code import NativeCall
from .control import EXPAND
from .hooks import activation_seen, hooks
from .records import OperationRecord, Trace, Visit


MISSTATED = ("AdaptiveAveragePool", "AdaptiveMaxPool")
"""Operations for whose results Keras (3.15) states a shape they do not have."""


class Tracer:
    """The state of one symbolic run, and the two methods that stand in for Keras's."""

    def __init__(self, *, zeros_recorded: bool = False) -> None:
        self.keras, self.zeros_recorded = keras(), zeros_recorded
        self.trace = Trace()
        self.stack: list[Any] = []
        self.visiting: list[Visit] = []
        self.paths: dict[int, str] = {}
        self.failure: ModelError | None = None
        self.values = Tally(VALUES)

    # ---- names ----------------------------------------------------------------------------

    def path_of(self, layer: Any) -> str:
        """The names of the layers around `layer` and its own, joined; the model has none."""
        if id(layer) not in self.paths:
            around = self.paths[id(self.stack[-1])] if self.stack else None
            path = "" if around is None else f"{around}/{layer.name}".lstrip("/")
            taken, fresh, count = set(self.paths.values()), path, 2
            while fresh in taken:
                fresh, count = f"{path}#{count}", count + 1
            self.paths[id(layer)] = fresh
        return self.paths[id(layer)]

    @property
    def around(self) -> str:
        """The innermost layer as messages name it."""
        layer = self.stack[-1]
        path = self.paths[id(layer)] or layer.name
        return f"Layer `{path}` ({type(layer).__name__})"

    # ---- the stand-ins --------------------------------------------------------------------

    def operation(self, op: Any, args: tuple, kwargs: dict) -> Any:
        """Record `op`, or run what is inside it."""
        expand = EXPAND.get(type(op).__name__)
        if expand is not None:
            return expand(self.keras, op, *args, **kwargs)
        try:
            if type(op).__name__ in MISSTATED:
                raise UnsupportedError("Keras's own shape rule is not used.")
            outputs = op.compute_output_spec(*args, **kwargs)
            if type(op).__name__ == "DotProductAttention":
                outputs = self._attention(outputs, *args, **kwargs)
        except Exception:
            # Keras's own shape rule of some operations is narrower than the operation (grouped
            # convolutions); the base class infers the shape by running it.
            outputs = self._inferred(op, args, kwargs)
        inner = self.stack[-1] if self.stack else None
        path = self.paths[id(inner)] if inner is not None else ""
        named = inner is not None and _stands_in(op, inner)
        source = path or getattr(inner, "name", op.name)
        if named:
            source, inner = f"{path}/{op.name}".lstrip("/"), None
        self.count(outputs, source)
        self.trace.records.append(OperationRecord(op, args, kwargs, outputs, source, inner))
        if named:
            self.trace.visits.append(Visit(source, op, outputs, None, args))
        return outputs

    def count(self, outputs: Any, source: str) -> None:
        """Add up what an operation returns for one row, before a graph of it is made."""
        for tensor in self.keras.tree.flatten(outputs):
            if isinstance(tensor, self.keras.KerasTensor):
                self.values.add(sizes(tensor)[1:], f"a result of layer `{source}`")

    def _attention(self, outputs: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> Any:
        """Correct the last axis: Keras (3.15) states that of the queries in place of the values."""
        shape = (*outputs.shape[:-1], value.shape[-1])
        return self.keras.KerasTensor(shape, dtype=outputs.dtype)

    def _inferred(self, op: Any, args: tuple, kwargs: dict) -> Any:
        """The shape of the result, found by running `op`; backends take no variables there."""
        k = self.keras

        def plain(x: Any) -> Any:
            return k.ops.convert_to_tensor(x) if isinstance(x, k.Variable) else x

        args, kwargs = k.tree.map_structure(plain, (args, kwargs))
        return k.Operation.compute_output_spec(op, *args, **kwargs)

    def layer(self, layer: Any, args: tuple, kwargs: dict) -> Any:
        """Run `layer.call` on the symbols, with the layer's name on what it records."""
        path = self.path_of(layer)
        if self.stack and getattr(self.stack[-1], "activation", None) is layer:
            self.visiting[-1].before = self.keras.tree.flatten(args)[0]
        self.stack.append(layer)
        visit = Visit(path, layer, None, None, args)
        self.visiting.append(visit)
        start = len(self.trace.records), len(self.trace.visits)
        try:
            refuse.layer(layer, self.around)
            if refuse.is_opaque(self.keras, layer, args, kwargs):
                outputs = self._opaque(layer, args, kwargs)
            else:
                loop = unrolled(
                    self.keras, layer, self.constant, zeros_recorded=self.zeros_recorded
                )
                with activation_seen(layer, visit), loop:
                    outputs = self.symbols(layer.call(*args, **kwargs))
        except Exception as error:
            outputs = self._native(layer, args, kwargs, error, start)
            if outputs is None:
                if self.failure is None:
                    self.failure = refuse.explained(error, self.around, layer)
                raise
        finally:
            self.stack.pop()
            self.visiting.pop()
        visit.outputs = outputs
        if path:
            self.trace.visits.append(visit)
        return outputs

    def _opaque(self, layer: Any, args: tuple, kwargs: dict) -> Any:
        """A layer that computes past Keras's operations is one record, with its own rule."""
        x = self.keras.tree.flatten(args)[0]
        if type(layer).__name__ in refuse.TABULATED:  # Its dtype may be one of whole numbers.
            outputs = layer.compute_output_spec(x)
        else:
            shape = self._moved_shape(layer, x) or layer.compute_output_shape(x.shape)
            outputs = self.keras.KerasTensor(shape, layer.compute_dtype)
        self.count(outputs, self.paths[id(layer)])
        self.trace.records.append(
            OperationRecord(layer, args, kwargs, outputs, self.paths[id(layer)], layer)
        )
        return outputs

    def _moved_shape(self, layer: Any, x: Any) -> tuple[int, ...] | None:
        """The shape that a layer for images returns; `RandomCrop` states one it does not have."""
        if type(layer).__name__ not in refuse.MOVING or None in x.shape:
            return None
        try:
            return tuple(layer(self.keras.ops.zeros(x.shape, x.dtype), training=False).shape)
        except Exception:
            return None  # Its rule says more.

    def _native(
        self, layer: Any, args: tuple, kwargs: dict, error: Exception, start: tuple[int, int]
    ) -> Any:
        """A layer in the backend's own code is one record; None if that cannot be run either.

        What was recorded of the layer up to its failure, from `start` on, is dropped.
        """
        if isinstance(error, ModelError) or type(layer).__module__.startswith("keras.src.models"):
            return None
        call = NativeCall(layer, args, kwargs, refuse.explained(error, self.around, layer))
        try:
            outputs = call.outputs()
        except Exception:
            return None  # The first error says more.
        del self.trace.records[start[0] :], self.trace.visits[start[1] :]
        path = self.paths[id(layer)]
        self.trace.records.append(OperationRecord(call, args, kwargs, outputs, path, layer))
        return outputs

    def symbols(self, outputs: Any) -> Any:
        """What a layer returned; constants that it made (`ops.zeros`, an array) as symbols, too."""
        k = self.keras

        def symbol(part: Any) -> Any:
            if isinstance(part, np.ndarray) or k.ops.is_tensor(part):
                return self.constant(k.ops.convert_to_tensor(part))
            return part

        return k.tree.map_structure(symbol, outputs)

    def constant(self, tensor: Any) -> Any:
        """A symbol that stands for a tensor."""
        symbol = self.keras.KerasTensor(tensor.shape, dtype=tensor.dtype)
        layer = self.stack[-1]
        path = self.paths[id(layer)]
        self.trace.records.append(OperationRecord(Given(), (tensor,), {}, symbol, path, layer))
        return symbol

    def random(self) -> None:
        """A random generator was asked for numbers."""
        where = self.around if self.stack else "The model"
        raise UnsupportedError(
            f"{where} draws random numbers at inference: its output is no function of its input."
        )


def _stands_in(op: Any, layer: Any) -> bool:
    """Whether `op` is a named step of the functional model `layer`."""
    return any(op is step for step in getattr(layer, "operations", ()) or ())


def trace(model: Any, struct: Any, *, zeros_recorded: bool = False) -> Trace:
    """Run `model` on symbols, at inference.

    Args:
        model: A Keras layer or model, built.
        struct: Its input: KerasTensors with a batch axis of 1, in whatever structure it takes.
        zeros_recorded: Whether what recurrent layers compute with their initial zeros is recorded,
            or left to the backend, which may compile for it.

    Returns:
        The recording.

    Raises:
        ModelError: The model's code cannot be run on symbols; the message names the layer.
    """
    tracer = Tracer(zeros_recorded=zeros_recorded)
    k = tracer.keras
    tracer.trace.inputs = k.tree.flatten(struct)
    nodes = [(op, len(op._inbound_nodes), len(op._outbound_nodes)) for op in _operations(model)]
    try:
        with hooks(tracer), k.StatelessScope() as scope:
            try:
                tracer.trace.outputs = model(struct, training=False)
            except Exception as error:
                where = f"Model `{model.name}`"
                told = tracer.values.refusal or tracer.failure
                raise told or refuse.explained(error, where) from error
    finally:
        for op, inbound, outbound in nodes:
            del op._inbound_nodes[inbound:]
            del op._outbound_nodes[outbound:]
    if tracer.failure is not None:
        raise tracer.failure
    for variable in model.variables:
        if scope.get_current_value(variable) is not None:
            raise UnsupportedError(
                f"Model `{model.name}` changes its variable `{variable.path}` at inference, so its "
                "output depends on earlier calls."
            )
    return tracer.trace


def _operations(model: Any) -> list[Any]:
    """The model, every layer inside it, and every operation of a functional model inside it."""
    found: dict[int, Any] = {}
    for layer in model._flatten_layers():
        found[id(layer)] = layer
        for op in getattr(layer, "operations", ()) or ():
            found[id(op)] = op
    return list(found.values())
