"""Tensor contractions: matrix products or sparse sums with a constant, and products of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...core import UnsupportedError
from ..values import Operand, Value
from .products import contract


if TYPE_CHECKING:
    from ..builder import Builder


def einsum(b: Builder, spec: str, x: Operand, y: Operand) -> Operand:
    """Return `numpy.einsum` of two operands, without `...` in `spec`."""
    left, out = spec.replace(" ", "").split("->")
    first, second = left.split(",")
    if isinstance(x, Value):
        if isinstance(y, Value):
            return contract(b, first, second, out, x, y)
        return _with_constant(b, first, second, out, x, np.asarray(y, np.float64))
    if isinstance(y, Value):
        return _with_constant(b, second, first, out, y, np.asarray(x, np.float64))
    return np.einsum(spec, x, y)


def _with_constant(b: Builder, a: str, c: str, out: str, x: Operand, y: np.ndarray) -> Operand:
    """Write `einsum(f"{a},{c}->{out}", x, y)` with constant `y` as a matrix product or a sum."""
    if len(set(a)) < len(a) or len(set(c)) < len(c):
        raise UnsupportedError(
            f"The einsum of layer `{b.source}` must not repeat an index within one tensor. "
            f"Received: `{a},{c}->{out}`."
        )
    size = dict(zip(a, x.shape, strict=True)) | dict(zip(c, y.shape, strict=True))
    lost = [q for q in a if q not in c and q not in out]
    if lost:
        x = b.reduce("sum", x, [a.index(q) for q in lost])
        a = "".join(q for q in a if q not in lost)
    only_c = [q for q in c if q not in a and q not in out]
    if only_c:
        y = y.sum(axis=tuple(c.index(q) for q in only_c))
        c = "".join(q for q in c if q not in only_c)
    contracted = [q for q in a if q in c and q not in out]
    shared = [q for q in a if q in c and q in out]
    free = [q for q in a if q not in c]
    new = [q for q in c if q not in a]
    if not shared:
        x = b.transpose(x, [a.index(q) for q in (*free, *contracted)])
        rows = int(np.prod([size[q] for q in contracted], dtype=np.int64))
        matrix = y.transpose([c.index(q) for q in (*contracted, *new)]).reshape(rows, -1)
        x = b.reshape(x, (*(size[q] for q in free), rows))
        z = b.dense(x, matrix)
        z = b.reshape(z, [size[q] for q in (*free, *new)])
        order = [*free, *new]
        return b.transpose(z, [order.index(q) for q in out])
    index = np.arange(x.size).reshape(x.shape)
    labels = "".join(out) + "".join(contracted)
    grid = [size[q] for q in labels]

    def spread(array: np.ndarray, letters: str) -> np.ndarray:
        order = [letters.index(q) for q in labels if q in letters]
        full = array.transpose(order).reshape([size[q] if q in letters else 1 for q in labels])
        return np.broadcast_to(full, grid).reshape(int(np.prod([size[q] for q in out])), -1)

    shape = [size[q] for q in out]
    return b.gather_sum(x, spread(index, a), spread(y, c), shape, name="einsum")
