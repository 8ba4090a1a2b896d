"""Loss and gradients, computed by the backend's automatic differentiation."""

from collections.abc import Callable
from typing import Any


def gradients(k: Any, model: Any, value: Callable[[], Any]) -> tuple[float, list[Any]]:
    """Compute a scalar and its gradients with respect to all trainable variables, as NumPy arrays.

    Args:
        model: The model; gradients are with respect to its `trainable_variables`.
        value: Function that computes the scalar from the model's current weights.

    Returns:
        The scalar, and one array per trainable variable. An array is None if TensorFlow or PyTorch
        reports that the scalar does not depend on the variable; JAX returns zeros instead.
    """
    return {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[k.backend.backend()](
        k, model, value
    )


def _arrays(k: Any, scalar: Any, grads: Any) -> tuple[float, list[Any]]:
    arrays = [None if g is None else k.ops.convert_to_numpy(_dense(k, g)) for g in grads]
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
        grads = tape.gradient(scalar, [v.value for v in model.trainable_variables])
        missing[:] = [g is None for g in grads]
        return scalar, [tf.convert_to_tensor(g) for g in grads if g is not None]

    # In a graph, as in `fit`: there a cross-entropy finds the operation behind its input.
    scalar, grads = (run if model.run_eagerly else tf.function(run))()
    left = iter(grads)
    return _arrays(k, scalar, [None if gone else next(left) for gone in missing])


def _jax(k: Any, model: Any, value: Callable[[], Any]) -> tuple[float, list[Any]]:
    variables = model.trainable_variables

    def run(values: list[Any]) -> Any:
        mapping = list(zip(variables, values, strict=True))
        with k.StatelessScope(state_mapping=mapping, collect_losses=True):
            return value()

    scalar, grads = jax_module().value_and_grad(run)([v.value for v in variables])
    return _arrays(k, scalar, grads)


def _torch(k: Any, model: Any, value: Callable[[], Any]) -> tuple[float, list[Any]]:
    from ....torch.api import torch

    scalar = value()
    values = [v.value for v in model.trainable_variables]
    if not scalar.requires_grad:
        return _arrays(k, scalar, [None] * len(values))
    grads = torch().autograd.grad(scalar, values, allow_unused=True)
    return _arrays(k, scalar, grads)


def jax_module() -> Any:
    """Return the `jax` module, for modules that compile their own training programs."""
    from ....jax.api import jax

    return jax()
