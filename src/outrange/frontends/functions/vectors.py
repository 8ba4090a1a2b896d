"""NumPy's vector functions, composed of operations of the builder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ...graph import Builder, Operand


Reader = Callable[[Builder, Any], Operand]


def cross(b: Builder, of: Reader, x: Any, y: Any) -> Operand:
    """Lower `np.cross` of vectors of three entries, along the last axis."""
    left, right = of(b, x), of(b, y)
    if [shape[-1:] for shape in (left.shape, right.shape)] != [(3,), (3,)]:
        raise UnsupportedError(
            "`np.cross` needs vectors of three entries along the last axis; these have the shapes "
            f"{tuple(left.shape)} and {tuple(right.shape)}"
        )

    def rotate(of: Operand, by: int) -> Operand:
        return b.structural(lambda a: np.roll(a[0], -by, axis=-1), [of])

    return b.subtract(
        b.multiply(rotate(left, 1), rotate(right, 2)), b.multiply(rotate(left, 2), rotate(right, 1))
    )


def outer(b: Builder, of: Reader, x: Any, y: Any) -> Operand:
    """Lower `np.outer`: every product of an entry of `x` and an entry of `y`."""
    column = b.structural(lambda a: a[0].reshape(-1, 1), [of(b, x)])
    row = b.structural(lambda a: a[0].reshape(1, -1), [of(b, y)])
    return b.multiply(column, row)


def norm(
    b: Builder, of: Reader, x: Any, order: Any = None, axis: Any = None, keepdims: bool = False
) -> Operand:
    """Lower `np.linalg.norm`: the Euclidean norm, the 1-norm or the maximum norm of vectors.

    Without an order, the norm is taken over all entries, or over the axes in `axis`.
    """
    operand = of(b, x)
    if axis is None and len(operand.shape) != 1 and order is not None:
        raise UnsupportedError("`np.linalg.norm` with an order needs a vector, or `axis=`")
    if order is not None and axis is not None and np.size(axis) > 1:
        raise UnsupportedError(
            "`np.linalg.norm` of matrices (two axes) is supported only without an order"
        )
    if order in (1, np.inf):
        return b.reduce("sum" if order == 1 else "max", b.curve("abs", operand), axis, keepdims)
    if order not in (None, 2):
        raise UnsupportedError(
            f"`np.linalg.norm` of order {order} is not supported; only the orders 1, 2 and inf are "
            "supported"
        )
    return b.curve("sqrt", b.reduce("sum", b.curve("square", operand), axis, keepdims))


def product(b: Builder, of: Reader, x: Any, axis: int | None = None) -> Operand:
    """Lower `np.prod` along one axis, or over all entries."""
    operand = of(b, x)
    entries = b.structural(lambda a: a[0].reshape(-1), [operand]) if axis is None else operand
    along = 0 if axis is None else axis
    parts = [
        b.structural(lambda a, i=i: np.take(a[0], i, axis=along), [entries])
        for i in range(entries.shape[along])
    ]
    result = parts[0]
    for part in parts[1:]:
        result = b.multiply(result, part)
    return result


def difference(b: Builder, of: Reader, x: Any, n: int = 1, axis: int = -1) -> Operand:
    """Lower `np.diff`: the differences of consecutive entries along an axis, taken `n` times."""
    entries = of(b, x)
    for _ in range(n):
        size = entries.shape[axis]
        later, former = (
            b.structural(lambda a, w=w: np.take(a[0], w, axis=axis), [entries])
            for w in (range(1, size), range(size - 1))
        )
        entries = b.subtract(later, former)
    return entries


def running_sum(b: Builder, of: Reader, x: Any, axis: int | None = None) -> Operand:
    """Lower `np.cumsum` along one axis, or over all entries in row-major order."""
    entries = of(b, x)
    if axis is None:
        entries, axis = b.structural(lambda a: a[0].reshape(-1), [entries]), 0
    size = entries.shape[axis]
    sums = [
        b.reduce(
            "sum", b.structural(lambda a, k=k: np.take(a[0], range(k + 1), axis=axis), [entries]),
            axis, False,
        )
        for k in range(size)
    ]  # fmt: skip
    return b.structural(lambda a: np.stack(a, axis=axis), sums, name="stack")
