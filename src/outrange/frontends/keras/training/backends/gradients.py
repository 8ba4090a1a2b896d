"""Loss and gradients by the backend's own differentiation."""

from collections.abc import Callable
from typing import Any


def gradients(k: Any, model: Any, value: Callable[[], Any]) -> tuple[float, list[Any]]:
    """A scalar and its gradient by every trainable variable, as NumPy arrays.

    Args:
        model: Its `trainable_variables` are differentiated by.
        value: Computes the scalar from the model's present weights.

    Returns:
        The scalar, and per trainable variable an array, or None where the backend says that there
        is no path at all (TensorFlow, PyTorch; JAX returns zeros there).
    """
    return {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[k.backend.backend()](
        k, model, value
    )


def _arrays(k: Any, scalar: Any, found: Any) -> tuple[float, list[Any]]:
    arrays = [None if g is None else k.ops.convert_to_numpy(_dense(k, g)) for g in found]
    return float(k.ops.convert_to_numpy(scalar)), arrays


def _dense(k: Any, gradient: Any) -> Any:
    return k.ops.convert_to_tensor(gradient)


def _tensorflow(k: Any, model: Any, value: Callable[[], Any]) -> tuple[float, list[Any]]:
    from ....tensorflow.api import tensorflow

    tf = tensorflow()

    missing: list[bool] = []

    def run() -> tuple[Any, list[Any]]:
        with tf.GradientTape() as tape:
            scalar = value()
        found = tape.gradient(scalar, [v.value for v in model.trainable_variables])
        missing[:] = [g is None for g in found]
        return scalar, [tf.convert_to_tensor(g) for g in found if g is not None]

    # In a graph, as `fit` does: there a cross-entropy sees which operation made its input.
    scalar, found = (run if model.run_eagerly else tf.function(run))()
    left = iter(found)
    return _arrays(k, scalar, [None if gone else next(left) for gone in missing])


def _jax(k: Any, model: Any, value: Callable[[], Any]) -> tuple[float, list[Any]]:
    variables = model.trainable_variables

    def run(values: list[Any]) -> Any:
        mapping = list(zip(variables, values, strict=True))
        with k.StatelessScope(state_mapping=mapping, collect_losses=True):
            return value()

    scalar, found = jax_module().value_and_grad(run)([v.value for v in variables])
    return _arrays(k, scalar, found)


def _torch(k: Any, model: Any, value: Callable[[], Any]) -> tuple[float, list[Any]]:
    from ....torch.api import torch

    scalar = value()
    wanted = [v.value for v in model.trainable_variables]
    if not scalar.requires_grad:
        return _arrays(k, scalar, [None] * len(wanted))
    found = torch().autograd.grad(scalar, wanted, allow_unused=True)
    return _arrays(k, scalar, found)


def jax_module() -> Any:
    """JAX itself, for those who compile a training program of their own."""
    from ....jax.api import jax

    return jax()
