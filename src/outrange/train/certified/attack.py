"""Projected gradient ascent in a box, with the automatic differentiation of the Keras backend.

Reference: Madry et al., *Towards deep learning models resistant to adversarial attacks* (ICLR
2018).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..framework import keras


def ascend(score: Callable[[Any], Any], start: Any, lo: Any, hi: Any, steps: int) -> Any:
    """Search boxes for inputs with a large score by projected gradient ascent.

    Gradients do not flow through the search.

    Args:
        score: Differentiable function from inputs `(batch, ...)` to a scalar.
        start: First inputs, one in each box, `(batch, ...)`.
        lo: Lower ends of the boxes, in the shape of `start`.
        hi: Upper ends of the boxes, in the shape of `start`.
        steps: Number of steps. Each moves every input by half the width of its interval, in the
            direction of its derivative's sign, and clips it to the interval.
    """
    ops, x = keras.ops, keras.ops.stop_gradient(start)
    length = (hi - lo) / 2
    for _ in range(steps):
        x = x + length * ops.sign(input_gradient(score, x))
        x = keras.ops.stop_gradient(ops.minimum(ops.maximum(x, lo), hi))
    return x


def input_gradient(score: Callable[[Any], Any], x: Any) -> Any:
    """Return the gradient of a scalar function at `x`."""
    backend = keras.backend.backend()
    if backend == "jax":
        from ...frontends.jax.api import jax

        return jax().grad(score)(x)
    if backend == "tensorflow":
        from ...frontends.tensorflow.api import tensorflow

        with tensorflow().GradientTape() as tape:
            tape.watch(x)
            value = score(x)
        return tape.gradient(value, x)
    from ...frontends.torch.api import torch

    with torch().enable_grad():
        variable = x.detach().requires_grad_()
        return torch().autograd.grad(score(variable), variable)[0]
