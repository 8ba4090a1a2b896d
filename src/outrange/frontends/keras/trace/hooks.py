"""Keras's own methods, replaced for the duration of a trace, under a lock."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from .records import Visit


_LOCK = threading.RLock()


@contextlib.contextmanager
def activation_seen(layer: Any, visit: Visit) -> Iterator[None]:
    """Writes what enters `layer.activation` on `visit`, while the layer runs."""
    own = vars(layer)
    activation = own.get("activation")
    if not callable(activation) or getattr(activation, "__name__", "") == "linear":
        yield
        return

    def seen(x: Any, *args: Any, **kwargs: Any) -> Any:
        visit.before = x
        return activation(x, *args, **kwargs)

    # Past `Layer.__setattr__`, so that nothing in the layer notices.
    own["activation"] = seen
    try:
        yield
    finally:
        own["activation"] = activation


@contextlib.contextmanager
def hooks(tracer: Any) -> Iterator[None]:
    """Replaces Keras's methods by the tracer's, and puts everything back."""
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
        # NumPy would take a symbol for a scalar object: it is to leave `array + symbol` to it.
        put(tensor, "__array_ufunc__", None)
        for name, function in _operators(k.ops).items():
            put(variable, name, _left_of_symbol(getattr(variable, name), function, tensor))
        _activations(k, put)
        yield


def _operators(ops: Any) -> dict[str, Any]:
    """The operators of a variable on the left of a symbol, which Keras leaves to the backend."""
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
    """Some of `keras.activations` hand their argument to the backend; symbols must not go there."""
    own = k.activations.mish.__globals__
    convert, mish = own["backend"].convert_to_tensor, own["Mish"]
    old = mish.static_call

    def to_tensor(x: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(x, k.KerasTensor):
            return convert(x, dtype, *args, **kwargs)
        return x if dtype is None or dtype == x.dtype else k.ops.cast(x, dtype)

    put(own["backend"], "convert_to_tensor", to_tensor)
    put(
        mish,
        "static_call",
        staticmethod(lambda x: mish()(x) if isinstance(x, k.KerasTensor) else old(x)),
    )
