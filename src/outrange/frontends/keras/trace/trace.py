"""Recording of the operations that a model performs in one run on symbols.

For the duration of a trace, some methods of Keras are replaced. `Operation.symbolic_call` then
records the operation instead of adding it to Keras's own graph. `Layer.symbolic_call` runs the
`call` of most layers, so that their inner operations are recorded too. The layers' own `__call__`
still runs, so Keras itself handles casts, masks, the training flag, nested models and shared
layers.
"""

from typing import Any

import numpy as np

from ....core import ModelError, UnsupportedError
from ....core.sizes import VALUES, Tally
from .. import refuse
from ..api import keras
from ..declared_sizes import sizes
from ..lower.recurrent import ConstantTensor, unroll
from .backend_code import NativeCall
from .control import EXPAND
from .hooks import hooks, record_activation
from .records import OperationRecord, Trace, Visit


MISSTATED = ("AdaptiveAveragePool", "AdaptiveMaxPool")
"""Operations for which Keras (3.15) states a wrong output shape."""


class Tracer:
    """State of one symbolic run, with the methods that replace those of Keras."""

    def __init__(self, *, record_zeros: bool = False) -> None:
        self.keras, self.record_zeros = keras(), record_zeros
        self.trace = Trace()
        self.stack: list[Any] = []
        self.visiting: list[Visit] = []
        self.paths: dict[int, str] = {}
        self.failure: ModelError | None = None
        self.values = Tally(VALUES)

    # ---- names ----------------------------------------------------------------------------

    def path_of(self, layer: Any) -> str:
        """Return the joined names of the enclosing layers and of `layer`, or `""` for the model.

        The path is fixed at the first call of the layer. A repeated path gets a number.
        """
        if id(layer) not in self.paths:
            outer = self.paths[id(self.stack[-1])] if self.stack else None
            path = "" if outer is None else f"{outer}/{layer.name}".lstrip("/")
            used, fresh, count = set(self.paths.values()), path, 2
            while fresh in used:
                fresh, count = f"{path}#{count}", count + 1
            self.paths[id(layer)] = fresh
        return self.paths[id(layer)]

    @property
    def where(self) -> str:
        """Path and class of the innermost layer that is running, for error messages."""
        layer = self.stack[-1]
        path = self.paths[id(layer)] or layer.name
        return f"Layer `{path}` ({type(layer).__name__})"

    # ---- replacements of Keras's methods --------------------------------------------------

    def operation(self, op: Any, args: tuple, kwargs: dict) -> Any:
        """Record `op`; for a loop or a conditional, record the operations inside it instead."""
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
            # convolutions); the base class infers the shape by running the operation.
            outputs = self._infer_outputs(op, args, kwargs)
        inner = self.stack[-1] if self.stack else None
        path = self.paths[id(inner)] if inner is not None else ""
        is_step = inner is not None and _is_step_of(op, inner)
        source = path or getattr(inner, "name", op.name)
        if is_step:
            source, inner = f"{path}/{op.name}".lstrip("/"), None
        self.count(outputs, source)
        self.trace.records.append(OperationRecord(op, args, kwargs, outputs, source, inner))
        if is_step:
            self.trace.visits.append(Visit(source, op, outputs, None, args))
        return outputs

    def count(self, outputs: Any, source: str) -> None:
        """Add an operation's number of output entries per row to a total, which has a limit."""
        for tensor in self.keras.tree.flatten(outputs):
            if isinstance(tensor, self.keras.KerasTensor):
                self.values.add(sizes(tensor)[1:], f"a result of layer `{source}`")

    def _attention(self, outputs: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> Any:
        """Return the symbol of an attention's result, with the last axis of `value`.

        The result has the length of `value` along the last axis, but Keras (3.15) states the length
        of `query`.
        """
        shape = (*outputs.shape[:-1], value.shape[-1])
        return self.keras.KerasTensor(shape, dtype=outputs.dtype)

    def _infer_outputs(self, op: Any, args: tuple, kwargs: dict) -> Any:
        """Infer the result's shape by running `op` with tensors in place of variables."""
        k = self.keras

        def plain(x: Any) -> Any:
            return k.ops.convert_to_tensor(x) if isinstance(x, k.Variable) else x

        args, kwargs = k.tree.map_structure(plain, (args, kwargs))
        return k.Operation.compute_output_spec(op, *args, **kwargs)

    def layer(self, layer: Any, args: tuple, kwargs: dict) -> Any:
        """Run `layer.call` on the symbols, or record the layer as one operation.

        A layer is recorded as one operation if its `call` uses the backend directly.
        """
        path = self.path_of(layer)
        if self.stack and getattr(self.stack[-1], "activation", None) is layer:
            self.visiting[-1].before = self.keras.tree.flatten(args)[0]
        self.stack.append(layer)
        visit = Visit(path, layer, None, None, args)
        self.visiting.append(visit)
        start = len(self.trace.records), len(self.trace.visits)
        try:
            refuse.check_layer(layer, self.where)
            if refuse.is_opaque(self.keras, layer, args, kwargs):
                outputs = self._opaque(layer, args, kwargs)
            else:
                loop = unroll(self.keras, layer, self.constant, record_zeros=self.record_zeros)
                with record_activation(layer, visit), loop:
                    outputs = self.symbols(layer.call(*args, **kwargs))
        except Exception as error:
            outputs = self._native(layer, args, kwargs, error, start)
            if outputs is None:
                if self.failure is None:
                    self.failure = refuse.explain(error, self.where, layer)
                raise
        finally:
            self.stack.pop()
            self.visiting.pop()
        visit.outputs = outputs
        if path:
            self.trace.visits.append(visit)
        return outputs

    def _opaque(self, layer: Any, args: tuple, kwargs: dict) -> Any:
        """Record a layer as one operation, because its `call` uses the backend directly.

        A lowering rule for the whole layer exists.
        """
        x = self.keras.tree.flatten(args)[0]
        if type(layer).__name__ in refuse.TABULATED:  # its dtype may be an integer type
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
        """Run an image layer to determine its output shape, which `RandomCrop` misstates.

        The result is None for layers that are not in `MOVING`, for unknown sizes, and if running
        the layer raises an error.
        """
        if type(layer).__name__ not in refuse.MOVING or None in x.shape:
            return None
        try:
            return tuple(layer(self.keras.ops.zeros(x.shape, x.dtype), training=False).shape)
        except Exception:
            return None  # its rule raises a better error

    def _native(
        self, layer: Any, args: tuple, kwargs: dict, error: Exception, start: tuple[int, int]
    ) -> Any:
        """Record a layer that calls the backend's own functions, as one operation.

        This drops the records that the layer added before it failed, starting at `start`.

        Returns:
            The symbols of the layer's outputs. The result is None, and the records stay unchanged,
            if the shapes of the outputs are unknown or `error` is a `ModelError`. The result is
            also None for Keras's own model classes.
        """
        if isinstance(error, ModelError) or type(layer).__module__.startswith("keras.src.models"):
            return None
        call = NativeCall(layer, args, kwargs, refuse.explain(error, self.where, layer))
        try:
            outputs = call.outputs()
        except Exception:
            return None  # the first error is more informative
        del self.trace.records[start[0] :], self.trace.visits[start[1] :]
        path = self.paths[id(layer)]
        self.trace.records.append(OperationRecord(call, args, kwargs, outputs, path, layer))
        return outputs

    def symbols(self, outputs: Any) -> Any:
        """Return a layer's outputs, with constants (`ops.zeros`, an array) replaced by symbols."""
        k = self.keras

        def symbol(part: Any) -> Any:
            if isinstance(part, np.ndarray) or k.ops.is_tensor(part):
                return self.constant(k.ops.convert_to_tensor(part))
            return part

        return k.tree.map_structure(symbol, outputs)

    def constant(self, tensor: Any) -> Any:
        """Record a tensor as a constant, and return the KerasTensor that represents it."""
        symbol = self.keras.KerasTensor(tensor.shape, dtype=tensor.dtype)
        layer = self.stack[-1]
        path = self.paths[id(layer)]
        self.trace.records.append(
            OperationRecord(ConstantTensor(), (tensor,), {}, symbol, path, layer)
        )
        return symbol

    def random(self) -> None:
        """Raise an error, because a random generator was called."""
        where = self.where if self.stack else "The model"
        raise UnsupportedError(
            f"{where} draws random numbers at inference, which is not supported, because its "
            "output is then not a function of its input."
        )


def _is_step_of(op: Any, layer: Any) -> bool:
    """Return whether `layer` is a functional model, and `op` is one of its steps."""
    return any(op is step for step in getattr(layer, "operations", ()) or ())


def trace(model: Any, struct: Any, *, record_zeros: bool = False) -> Trace:
    """Run `model` on symbolic tensors, at inference, and record its operations.

    Args:
        model: A built Keras layer or model.
        struct: The model's input: KerasTensors with a batch axis of 1, in the model's structure.
        record_zeros: Whether to record operations of recurrent layers on their initial zeros.
            Otherwise the backend evaluates these operations, and may compile them.

    Returns:
        The recording.

    Raises:
        ModelError: The model's code cannot be recorded; the message names the layer or the model.
    """
    tracer = Tracer(record_zeros=record_zeros)
    k = tracer.keras
    tracer.trace.inputs = k.tree.flatten(struct)
    nodes = [(op, len(op._inbound_nodes), len(op._outbound_nodes)) for op in _operations(model)]
    try:
        with hooks(tracer), k.StatelessScope() as scope:
            try:
                tracer.trace.outputs = model(struct, training=False)
            except Exception as error:
                where = f"Model `{model.name}`"
                refusal = tracer.values.refusal or tracer.failure
                raise refusal or refuse.explain(error, where) from error
    finally:
        for op, inbound, outbound in nodes:
            del op._inbound_nodes[inbound:]
            del op._outbound_nodes[outbound:]
    if tracer.failure is not None:
        raise tracer.failure
    for variable in model.variables:
        if scope.get_current_value(variable) is not None:
            raise UnsupportedError(
                f"Model `{model.name}` changes its variable `{variable.path}` at inference, which "
                "is not supported, because its output then depends on earlier calls."
            )
    return tracer.trace


def _operations(model: Any) -> list[Any]:
    """Return the model, every layer in it, and every operation of its functional models."""
    operations: dict[int, Any] = {}
    for layer in model._flatten_layers():
        operations[id(layer)] = layer
        for op in getattr(layer, "operations", ()) or ():
            operations[id(op)] = op
    return list(operations.values())
