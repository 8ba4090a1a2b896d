"""Reverse-mode differentiation of a graph at points: the vector-Jacobian product."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..ops import Affine, Curve, Product, Rearrange
from .graph import Graph, Op


def vector_jacobian_product(graph: Graph, values: list[np.ndarray], rows: np.ndarray) -> np.ndarray:
    """The gradient `(batch, d)` of `rows . output` where the graph's values are `values`."""
    waiting = {graph.output: rows}
    for v in range(graph.output, 0, -1):
        a = waiting.pop(v, None)
        if a is None:
            continue
        node = graph.nodes[v - 1]
        parts = _pull_back(node.op, a, [values[j] for j in node.inputs])
        for j, part in zip(node.inputs, parts, strict=True):
            waiting[j] = waiting[j] + part if j in waiting else part
    return waiting.get(0, np.zeros_like(values[0]))


def _pull_back(op: Op, a: np.ndarray, sources: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """The vector-Jacobian product of one op at the point of its inputs: one array per input."""
    if isinstance(op, Affine | Rearrange):
        return op.adjoint(a)
    source = sources[0]
    if isinstance(op, Curve):
        return (a * op.df(source),)
    if isinstance(op, Product):
        return op.pull(a * sources[1][:, op.right], a * source[:, op.left])
    picked = np.where(op.windows < 0, -np.inf, source[:, np.maximum(op.windows, 0)])
    place = picked.argmax(axis=-1)
    arg = np.maximum(op.windows, 0)[np.arange(op.size), place]
    out = np.zeros_like(source)
    np.add.at(out, (np.arange(len(a))[:, None], arg), a)
    return (out,)


def output_gradient(
    graph: Graph,
) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """A function `(x (b, d), k (b,)) -> (outputs (b, m), gradient (b, d) of output k[i] at x[i])`.

    Args:
        graph: Its outputs are differentiated; where a slope is not finite, 0 is returned.
    """

    def gradient(x: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(all="ignore"):
            values = graph.run_all(x)
            y = values[graph.output]
            seed = np.zeros_like(y)
            seed[np.arange(len(x)), k] = 1.0
            return y, np.nan_to_num(vector_jacobian_product(graph, values, seed))

    return gradient
