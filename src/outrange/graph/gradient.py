"""Reverse-mode differentiation of a graph at points: the vector-Jacobian product.

Through a step passes a slope in its place, as in training of binarized networks: a descent follows
it to where units switch. No bound rests on it.

Reference: Y. Bengio, N. Leonard, A. Courville, *Estimating or propagating gradients through
stochastic neurons* (the straight-through estimator), 2013; F. Zenke, S. Ganguli, *SuperSpike*,
Neural Computation 2018, for the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..core import down, up
from ..ops import Affine, Curve, Product, Rearrange, Step
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
    if isinstance(op, Step) and op.rows is None:
        return (a * _surrogate_slope(op, source),)
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


def _surrogate_slope(step: Step, x: np.ndarray) -> np.ndarray:
    """A slope in place of jumps: of a staircase its mean one, else a peak at every jump.

    Peaks are as wide as the inputs are far from the jump on average, so that of a unit far from
    switching a little is left.
    """
    if step.is_staircase:
        # Between jumps: at one, a half that is rounded to even may be a step off.
        ends = step.f(step.start + step.spacing * np.array([0.5, 1.5]))
        return np.full_like(x, (ends[1] - ends[0]) / step.spacing)
    total = np.zeros_like(x)
    for knot in step.jumps:
        at = np.array([knot])
        height = float((step.f(up(at)) - step.f(down(at)))[0])
        away = np.abs(x - knot)
        width = away.mean(axis=-1, keepdims=True) + 1e-300
        total += height / (width * (1.0 + away / width) ** 2)
    return total


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
