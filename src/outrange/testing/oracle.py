"""Evaluation of graphs in 200-bit arithmetic, as a reference for computed bounds."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core import OutrangeError
from ..graph import Graph
from ..graph.graph import Op
from ..ops import Affine, Curve, Largest, Product, Rearrange
from .arithmetic import many_bits


BITS = 200


def _matrices(op: Affine) -> list[np.ndarray]:
    """Return the matrices by which an affine op multiplies its inputs, one for each input.

    The op is applied to unit vectors, so each product has a factor of 0 or 1 and is exact.
    """
    matrices = []
    for i, n in enumerate(op.sizes):
        units = [np.zeros((n, size)) for size in op.sizes]
        units[i] = np.eye(n)
        matrices.append(op.apply(tuple(units), False))
    return matrices


def _affine(mp: Any, op: Affine, source: list) -> list:
    out = [mp.mpf(float(v)) for v in op.bias]
    for matrix, vector in zip(_matrices(op), source, strict=True):
        for i, j in np.argwhere(matrix):
            out[j] += mp.mpf(float(matrix[i, j])) * vector[i]
    return out


def _value(mp: Any, op: Op, source: list) -> list:
    if isinstance(op, Affine):
        return _affine(mp, op, source)
    if isinstance(op, Rearrange):
        flat = [v for part in source for v in part]
        return [mp.mpf(float(op.fill[k])) if i < 0 else flat[i] for k, i in enumerate(op.index)]
    if isinstance(op, Largest):
        return [max(source[0][i] for i in window if i >= 0) for window in op.windows]
    if isinstance(op, Product):
        return [source[0][i] * source[1][j] for i, j in zip(op.left, op.right, strict=True)]
    if isinstance(op, Curve) and op.exact is not None:
        return [op.exact(mp, v) for v in source[0]]
    raise OutrangeError(f"`{op.name}` has no exact definition to evaluate.")


def evaluate(graph: Graph, x: Iterable[float]) -> list:
    """Evaluate the output of a graph at one point in 200-bit arithmetic.

    Args:
        graph: A graph whose curves all have an `exact` definition.
        x: The input point, `(graph.size,)` float64.

    Returns:
        The output entries as mpmath numbers.

    Raises:
        OutrangeError: A curve has no `exact` definition.
    """
    mp = many_bits(BITS)
    values = [[mp.mpf(float(v)) for v in x]]
    for node in graph.nodes:
        values.append(_value(mp, node.op, [values[j] for j in node.inputs]))
    return values[graph.output]
