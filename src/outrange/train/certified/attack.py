"""Projected gradient ascent in a box, with the automatic differentiation of the Keras backend.

Reference: Madry et al., *Towards deep learning models resistant to adversarial attacks* (ICLR
2018).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..framework import keras


def ascend(score: Callable[[Any], Any], start: Any, lo: Any, hi: Any, steps: int) -> Any:
    """Return inputs of boxes at which a score is large; gradients do not pass through the search.

    Args:
        score: Function from inputs, rows first, to a scalar.
        start: Inputs in the boxes.
        lo: Lower ends of the boxes, in the shape of `start`.
        hi: Upper ends of the boxes.
        steps: Number of steps. Each moves an input by half of the width of its interval.
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
