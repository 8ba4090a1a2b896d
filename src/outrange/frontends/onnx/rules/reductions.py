"""Lowering rules for softmax, and for operators that reduce axes, such as sums and maxima."""

import math

import numpy as np

from ....graph import Value, integers, log_softmax, log_sum_exp, softmax
from ....graph.builder import Operand
from ..element_types import BOOL, FLOATS, INTEGER_RANGES, NUMBERS
from .table import OnnxCall, op


def _axes(c: OnnxCall, *, since: int) -> list[int] | None:
    """Return the axes to reduce; None if no axis is to be reduced.

    Without a list of axes, every axis is reduced, unless `noop_with_empty_axes` is set.
    """
    axes = c.attr_or_input("axes", 1, since=since)
    is_noop = c.attr("noop_with_empty_axes", 0)
    if not axes:
        return None if is_noop else list(range(len(c.x.shape)))
    return axes


def _reduce(c: OnnxCall, how: str, x: Operand, *, since: int = 18) -> Operand:
    axes = _axes(c, since=since)
    keep = bool(c.attr("keepdims", 1))
    return x if axes is None else c.b.reduce(how, x, axes, keep)


@op("ReduceSum", types="T int64 -> T", T=NUMBERS)
def reduce_sum(c: OnnxCall) -> Operand:
    return _reduce(c, "sum", c.x, since=13)


@op("ReduceMean", types="T int64 -> T", T=NUMBERS)
def reduce_mean(c: OnnxCall) -> Operand:
    if not c.is_integer:
        return _reduce(c, "mean", c.x)
    total = _reduce(c, "sum", c.x)
    # Integer division applies to the sum, which must already fit the type.
    c.require_within(
        total, *INTEGER_RANGES[str(c.kinds[0])], "adds up integers in a type that may wrap around"
    )
    count = math.prod(c.x.shape) // max(math.prod(total.shape), 1)
    return integers.quotient(c.b, total, np.full((), count))


@op("ReduceMax", types="T int64 -> T", T=NUMBERS | BOOL, chooses=True)
def reduce_max(c: OnnxCall) -> Operand:
    return _reduce(c, "max", c.x)


@op("ReduceMin", types="T int64 -> T", T=NUMBERS | BOOL, chooses=True)
def reduce_min(c: OnnxCall) -> Operand:
    return _reduce(c, "min", c.x)


@op("ReduceProd", types="T int64 -> T", T=NUMBERS)
def reduce_prod(c: OnnxCall) -> Operand:
    x = c.constant(0, "operand")
    axes = _axes(c, since=18)
    keep = bool(c.attr("keepdims", 1))
    return x if axes is None else np.prod(x, axis=tuple(axes), keepdims=keep, dtype=x.dtype)


@op("ReduceL1", types="T int64 -> T", T=NUMBERS)
def reduce_l1(c: OnnxCall) -> Operand:
    return _reduce(c, "sum", c.b.curve("abs", c.x))


@op("ReduceSumSquare", types="T int64 -> T", T=NUMBERS)
def reduce_sum_square(c: OnnxCall) -> Operand:
    return _reduce(c, "sum", c.b.curve("square", c.x))


@op("ReduceL2", types="T int64 -> T", T=NUMBERS)
def reduce_l2(c: OnnxCall) -> Operand:
    squares = _reduce(c, "sum", c.b.curve("square", c.x))
    if not c.is_integer:
        return c.b.curve("sqrt", squares)
    least, most = INTEGER_RANGES[str(c.kinds[0])]
    most = min(most, integers.MOST_SQUARED)
    c.require_within(
        squares, least, most, "adds up squares of integers in a type that may wrap around"
    )
    return integers.root(c.b, squares)


@op("ReduceLogSumExp", types="T int64 -> T", T=FLOATS)
def reduce_log_sum_exp(c: OnnxCall) -> Operand:
    axes = _axes(c, since=18)
    keep = bool(c.attr("keepdims", 1))
    if axes is None:
        return c.x
    rank = len(c.x.shape)
    axes = sorted({a % rank for a in axes})
    remaining = [i for i in range(rank) if i not in axes]
    shape = [1 if i in axes else n for i, n in enumerate(c.x.shape) if keep or i not in axes]
    rows = c.b.reshape(
        c.b.transpose(c.x, [*remaining, *axes]), (math.prod(c.x.shape[i] for i in remaining), -1)
    )
    return c.b.reshape(log_sum_exp(c.b, rows, 1), shape)


@op("Softmax", "LogSoftmax", types="T -> T", T=FLOATS)
def soft(c: OnnxCall) -> Operand:
    function = softmax if c.node.op == "Softmax" else log_softmax
    shape = tuple(c.x.shape)
    if c.opset >= 13:
        return function(c.b, _float(c.x), int(c.attr("axis", -1)) % len(shape))
    # Before operator set 13 all axes from `axis` on shared one sum.
    axis = int(c.attr("axis", 1)) % len(shape)
    rows = c.b.reshape(_float(c.x), (math.prod(shape[:axis]), math.prod(shape[axis:])))
    return c.b.reshape(function(c.b, rows, 1), shape)


def _float(x: Operand) -> Operand:
    return x if isinstance(x, Value) else np.asarray(x, np.float64)
