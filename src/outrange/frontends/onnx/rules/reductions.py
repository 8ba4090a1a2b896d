"""Operators that reduce axes: sums, maxima, softmax."""

import math

import numpy as np

from ....graph import Value, log_softmax, log_sum_exp, softmax
from ....graph.builder import Operand
from .table import OnnxCall, op


def _axes(c: OnnxCall, *, since: int) -> list[int] | None:
    """The axes to reduce; None for none at all. An absent list means every axis."""
    axes = c.attr_or_input("axes", 1, since=since)
    idle = c.attr("noop_with_empty_axes", 0)
    if not axes:
        return None if idle else list(range(len(c.x.shape)))
    return axes


def _reduce(c: OnnxCall, how: str, x: Operand, *, since: int = 18) -> Operand:
    axes = _axes(c, since=since)
    keep = bool(c.attr("keepdims", 1))
    return x if axes is None else c.b.reduce(how, x, axes, keep)


@op("ReduceSum")
def reduce_sum(c: OnnxCall):
    return _whole(c, _reduce(c, "sum", c.x, since=13))


@op("ReduceMean")
def reduce_mean(c: OnnxCall):
    return _reduce(c, "mean", c.x)


@op("ReduceMax")
def reduce_max(c: OnnxCall):
    return _whole(c, _reduce(c, "max", c.x))


@op("ReduceMin")
def reduce_min(c: OnnxCall):
    return _whole(c, _reduce(c, "min", c.x))


def _whole(c: OnnxCall, found: Operand) -> Operand:
    """Integers stay integers: such results are shapes."""
    if isinstance(found, Value) or isinstance(c.x, Value) or c.x.dtype.kind not in "iu":
        return found
    return np.asarray(found).astype(c.x.dtype)


@op("ReduceProd")
def reduce_prod(c: OnnxCall):
    x = c.constant(0, "operand")
    axes = _axes(c, since=18)
    keep = bool(c.attr("keepdims", 1))
    return x if axes is None else np.prod(x, axis=tuple(axes), keepdims=keep, dtype=x.dtype)


@op("ReduceL1")
def reduce_l1(c: OnnxCall):
    return _reduce(c, "sum", c.b.curve("abs", c.x))


@op("ReduceSumSquare")
def reduce_sum_square(c: OnnxCall):
    return _reduce(c, "sum", c.b.curve("square", c.x))


@op("ReduceL2")
def reduce_l2(c: OnnxCall):
    return c.b.curve("sqrt", _reduce(c, "sum", c.b.curve("square", c.x)))


@op("ReduceLogSumExp")
def reduce_log_sum_exp(c: OnnxCall):
    axes = _axes(c, since=18)
    keep = bool(c.attr("keepdims", 1))
    if axes is None:
        return c.x
    rank = len(c.x.shape)
    axes = sorted({a % rank for a in axes})
    kept = [i for i in range(rank) if i not in axes]
    shape = [1 if i in axes else n for i, n in enumerate(c.x.shape) if keep or i not in axes]
    rows = c.b.reshape(
        c.b.transpose(c.x, [*kept, *axes]), (math.prod(c.x.shape[i] for i in kept), -1)
    )
    return c.b.reshape(log_sum_exp(c.b, rows, 1), shape)


@op("Softmax", "LogSoftmax")
def soft(c: OnnxCall):
    function = softmax if c.node.op == "Softmax" else log_softmax
    shape = tuple(c.x.shape)
    if c.opset >= 13:
        return function(c.b, _float(c.x), int(c.attr("axis", -1)) % len(shape))
    # Before operator set 13 all axes from `axis` on share one sum.
    axis = int(c.attr("axis", 1)) % len(shape)
    rows = c.b.reshape(_float(c.x), (math.prod(shape[:axis]), math.prod(shape[axis:])))
    return c.b.reshape(function(c.b, rows, 1), shape)


def _float(x: Operand) -> Operand:
    return x if isinstance(x, Value) else np.asarray(x, np.float64)
