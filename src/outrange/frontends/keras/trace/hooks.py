"""Replacement of Keras's own methods for the duration of a trace, under a lock."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from .records import Visit


_LOCK = threading.RLock()


@contextlib.contextmanager
def record_activation(layer: Any, visit: Visit) -> Iterator[None]:
    """Store the argument of `layer.activation` in `visit.before` when the layer runs.

    Nothing is stored if the layer has no attribute `activation`, or if its activation is linear.
    """
    attributes = vars(layer)
    activation = attributes.get("activation")
    if not callable(activation) or getattr(activation, "__name__", "") == "linear":
        yield
        return

    def record(x: Any, *args: Any, **kwargs: Any) -> Any:
        visit.before = x
        return activation(x, *args, **kwargs)

    # Bypass `Layer.__setattr__`, so that the layer does not track the change.
    attributes["activation"] = record
    try:
        yield
    finally:
        attributes["activation"] = activation


@contextlib.contextmanager
def hooks(tracer: Any) -> Iterator[None]:
    """Replace Keras's methods with the tracer's in this context, and restore them afterward."""
    k = tracer.keras
    tensor, variable = k.KerasTensor, k.Variable
    with _LOCK, contextlib.ExitStack() as undo:

        def put(owner: Any, name: str, value: Any) -> None:
            if name in vars(owner):
                undo.callback(setattr, owner, name, vars(owner)[name])
            else:
                undo.callback(delattr, owner, name)
            setattr(owner, name, value)

        put(k.Operation, "symbolic_call", lambda op, *a, **kw: tracer.operation(op, a, kw))
        put(k.Layer, "symbolic_call", lambda layer, *a, **kw: tracer.layer(layer, a, kw))
        put(k.random.SeedGenerator, "next", lambda *a, **kw: tracer.random())
        # NumPy would take a symbol for a scalar object; `array + symbol` must call the symbol.
        put(tensor, "__array_ufunc__", None)
        for name, function in _operators(k.ops).items():
            put(variable, name, _left_of_symbol(getattr(variable, name), function, tensor))
        _activations(k, put)
        yield


def _operators(ops: Any) -> dict[str, Any]:
    """Return `keras.ops` functions for the common operators of a variable, such as `__add__`.

    A function replaces its operator if the right operand is a symbol, which Keras itself would pass
    to the backend.
    """
    return {
        "__add__": ops.add, "__sub__": ops.subtract, "__mul__": ops.multiply,
        "__truediv__": ops.true_divide, "__matmul__": ops.matmul, "__pow__": ops.power,
        "__gt__": ops.greater, "__ge__": ops.greater_equal,
        "__lt__": ops.less, "__le__": ops.less_equal,
    }  # fmt: skip


def _left_of_symbol(old: Any, function: Any, tensor: Any) -> Any:
    return lambda self, other: (
        function(self, other) if isinstance(other, tensor) else old(self, other)
    )


def _activations(k: Any, put: Any) -> None:
    """Replace backend calls in `keras.activations` by functions that also accept symbols."""
    module_globals = k.activations.mish.__globals__
    convert, mish = module_globals["backend"].convert_to_tensor, module_globals["Mish"]
    old = mish.static_call

    def to_tensor(x: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(x, k.KerasTensor):
            return convert(x, dtype, *args, **kwargs)
        return x if dtype is None or dtype == x.dtype else k.ops.cast(x, dtype)

    put(module_globals["backend"], "convert_to_tensor", to_tensor)
    put(
        mish,
        "static_call",
        staticmethod(lambda x: mish()(x) if isinstance(x, k.KerasTensor) else old(x)),
    )
