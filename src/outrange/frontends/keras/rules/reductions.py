"""Lowering rules for sums, means, norms, softmax and other operations over whole axes."""

from collections.abc import Callable

import numpy as np

from ....core import UnsupportedError
from ....graph import (
    Operand,
    log_softmax,
    log_sum_exp,
    over_axes,
    softmax,
    softmax_of_filled,
)
from ....graph.composites.statistics import variance, vector_norm
from ...rule_table import rule_decorator
from ..lower.call import KerasCall, array, is_value


RULES: dict[str, Callable] = {}
rule = rule_decorator(RULES)

HOW = {"Sum": "sum", "Mean": "mean", "Max": "max", "Min": "min", "Amax": "max", "Amin": "min"}


@rule(*HOW)
def _reduce(c: KerasCall) -> Operand:
    c.reject_other_options(initial=None, where=None)
    how = HOW[type(c.op).__name__]
    return c.builder.reduce(how, c.x, c.config.get("axis"), c.config.get("keepdims", False))


@rule("Average")
def _average(c: KerasCall) -> Operand:
    x, weights, axis = c.x, c.constant(1, "weights"), c.config.get("axis")
    if weights is None:
        return c.builder.reduce("mean", x, axis)
    if axis is not None and weights.shape != tuple(x.shape):
        shape = [1] * len(x.shape)
        shape[axis] = -1
        weights = weights.reshape(shape)
    total = np.broadcast_to(weights, x.shape).sum(axis=axis, keepdims=True)
    spread = c.builder.affine_map(x, weights / total, ulps=np.size(weights) + 1)
    return c.builder.reduce("sum", spread, axis)


@rule("Var", "Std")
def _variance(c: KerasCall) -> Operand:
    axis, keep = c.config.get("axis"), c.config.get("keepdims", False)
    result = variance(c.builder, c.x, axis, keep)
    return result if type(c.op).__name__ == "Var" else c.builder.curve("sqrt", result)


@rule("Moments")
def _moments(c: KerasCall) -> list[Operand]:
    axes, keep, b = c.config.get("axes"), c.config.get("keepdims", False), c.builder
    return [b.reduce("mean", c.x, axes, keep), variance(b, c.x, axes, keep)]


@rule("Norm")
def _norm(c: KerasCall) -> Operand:
    order, axis, keep = c.config.get("ord"), c.config.get("axis"), c.config.get("keepdims", False)
    rank = len(c.x.shape) if axis is None else np.size(axis)
    if order in (None, "fro") or (rank == 1 and order in (1, 2, np.inf)):
        order = 2 if order in (None, "fro") else order
        return vector_norm(c.builder, c.x, float(order), axis, keep)
    raise UnsupportedError(f"a norm of order {order!r} over {rank} axes is not supported yet")


@rule("Cumsum")
def _cumsum(c: KerasCall) -> Operand:
    axis, x = c.config.get("axis"), c.x
    flat = x.shape if axis is not None else (int(np.prod(x.shape)),)
    axis = 0 if axis is None else axis % len(flat)
    if not is_value(x):
        return np.cumsum(array(x).reshape(flat), axis=axis)
    positions = np.moveaxis(np.arange(x.size).reshape(flat), axis, -1)
    n = flat[axis]
    window = np.where(np.tri(n, dtype=bool), positions[..., None, :], -1)
    window = np.moveaxis(window, -2, axis)
    return c.builder.gather_sum(x, window.reshape(-1, n), 1.0, c.shapes[0], name="cumsum")


@rule("Softmax")
def _softmax(c: KerasCall) -> Operand:
    if isinstance(c.op, c.keras.Layer):
        return _softmax_layer(c)
    return _along(c, softmax)


_MASKED = -1e9
"""Value with which Keras's Softmax layer replaces a masked score, in float32 and float64."""


def _softmax_layer(c: KerasCall) -> Operand:
    """Lower a Softmax layer that calls the backend, usually because it has a mask.

    Raises:
        UnsupportedError: The layer has several axes, or its mask depends on the input.
    """
    axes, mask = [int(a) for a in np.ravel(c.op.axis)], c.get(1, "mask")
    if len(axes) > 1:
        # Its error grows with the scores, and no bound on it is known.
        raise UnsupportedError(
            "a Softmax layer over several axes is not supported: it computes exp(x - logsumexp(x)) "
            "in float32, which loses digits where scores are large; use keras.ops.softmax(x, "
            f"axis={tuple(axes)}), which does not lose digits"
        )
    if mask is None:
        return softmax(c.builder, c.x, axes[0])
    if is_value(mask):
        raise UnsupportedError("a mask that depends on the input is not supported yet")
    unmasked = np.broadcast_to(np.asarray(mask, np.float64) > 0.5, c.x.shape)
    return softmax_of_filled(c.builder, c.x, unmasked, axes, _MASKED)


@rule("LogSoftmax")
def _log_softmax(c: KerasCall) -> Operand:
    return _along(c, log_softmax)


def _along(c: KerasCall, function: Callable) -> Operand:
    """Apply `function` along the configured axes, or along all axes if `axis=None`."""
    axis = c.config.get("axis", -1)
    axes = range(len(c.x.shape)) if axis is None else np.ravel(axis)
    return over_axes(c.builder, function, c.x, [int(a) for a in axes])


@rule("Logsumexp")
def _log_sum_exp(c: KerasCall) -> Operand:
    b, x, axis = c.builder, c.x, c.config.get("axis")
    rank = len(x.shape)
    axes = range(rank) if axis is None else np.atleast_1d(axis)
    axes = sorted({int(a) % rank for a in axes})
    remaining = [i for i in range(rank) if i not in axes]
    x = b.transpose(x, [*remaining, *axes])
    x = b.reshape(x, [*(x.shape[i] for i in range(len(remaining))), -1])
    return b.reshape(log_sum_exp(b, x, len(remaining)), c.shapes[0])
