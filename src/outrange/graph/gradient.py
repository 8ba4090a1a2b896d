"""Reverse-mode differentiation of a graph at points: the vector-Jacobian product.

Through a step passes a slope in its place, as in training of binarized networks: a descent follows
it to where units switch. No bound rests on it.

Reference: Y. Bengio, N. Leonard, A. Courville, *Estimating or propagating gradients through
stochastic neurons* (the straight-through estimator), 2013; F. Zenke, S. Ganguli, *SuperSpike*,
Neural Computation 2018, for the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..core import check_deadline, down, up
from ..ops import Affine, Curve, Product, Rearrange, Step
from .graph import Graph, Op


def vector_jacobian_product(
    graph: Graph, values: list[np.ndarray], rows: np.ndarray, width: np.ndarray | float = 1.0
) -> np.ndarray:
    """The gradient `(batch, d)` of `rows . output` where the graph's values are `values`.

    Args:
        graph: The graph.
        values: All of them, or those of `smoothed_values`.
        rows: `(batch, outputs)`.
        width: Of the peaks that stand for jumps, `(batch, 1)` or one number: see
            `smoothed_values`.
    """
    waiting = {graph.output: rows}
    for v in range(graph.output, 0, -1):
        a = waiting.pop(v, None)
        if a is None:
            continue
        node = graph.nodes[v - 1]
        parts = _pull_back(node.op, a, [values[j] for j in node.inputs], width)
        for j, part in zip(node.inputs, parts, strict=True):
            waiting[j] = waiting[j] + part if j in waiting else part
    return waiting.get(0, np.zeros_like(values[0]))


def _pull_back(
    op: Op, a: np.ndarray, sources: Sequence[np.ndarray], width: np.ndarray | float
) -> Sequence[np.ndarray]:
    """The vector-Jacobian product of one op at the point of its inputs: one array per input."""
    if isinstance(op, Affine | Rearrange):
        return op.adjoint(a)
    source = sources[0]
    if isinstance(op, Step) and op.rows is None:
        return (a * _surrogate_slope(op, source, width),)
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


def smoothed_values(graph: Graph, x: np.ndarray, width: np.ndarray | None) -> list[np.ndarray]:
    """Every value at the points `x` `(batch, d)` of a graph whose jumps are smoothed.

    A jump is spread over `width` times the mean distance of the inputs of its value, so that the
    slopes of `vector_jacobian_product` at these values are the true ones: of a unit that is as
    likely to switch as not, half its jump is seen. As the width falls, the values become those of
    `Graph.run_all`.

    Args:
        graph: The graph.
        x: In the precision in which everything is computed.
        width: `(batch, 1)`, positive; None leaves the jumps as they are.

    Reference: M. Courbariaux et al., *Binarized Neural Networks*, NeurIPS 2016; A. Galloway, G.
    Taylor, M. Moussa, *Attacking Binarized Neural Networks*, ICLR 2018.
    """
    values = [np.asarray(x)]
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            check_deadline()
            sources = tuple(values[j] for j in node.inputs)
            if isinstance(node.op, Step) and node.op.rows is None and width is not None:
                found = _smoothed(node.op, sources[0], width)
            else:
                found = node.op.run(sources)
            values.append(found.astype(x.dtype, copy=False))
    return values


def _smoothed(step: Step, x: np.ndarray, width: np.ndarray) -> np.ndarray:
    """The function of which `_surrogate_slope` is the slope; a staircase approaches its line."""
    if step.is_staircase:
        share = np.minimum(width, 1.0)
        rise, at = _mean_slope(step)
        return (1.0 - share) * step.f(x) + share * (rise * (x - at[0]) + at[1])
    total = np.full_like(x, step.f(down(np.array([step.jumps[0]])))[0])
    for knot, height in _heights(step):
        away = (x - knot) / _spread(x, knot, width)
        total += 0.5 * height * (1.0 + away / (1.0 + np.abs(away)))
    return total


def _surrogate_slope(step: Step, x: np.ndarray, width: np.ndarray | float) -> np.ndarray:
    """A slope in place of jumps: of a staircase its mean one, else a peak at every jump.

    Peaks are as wide as the inputs are far from the jump on average, times `width`, so that of a
    unit far from switching a little is left.
    """
    if step.is_staircase:
        return np.full_like(x, _mean_slope(step)[0])
    total = np.zeros_like(x)
    for knot, height in _heights(step):
        spread = _spread(x, knot, width)
        total += 0.5 * height / (spread * (1.0 + np.abs(x - knot) / spread) ** 2)
    return total


def _spread(x: np.ndarray, knot: float, width: np.ndarray | float) -> np.ndarray:
    return width * np.abs(x - knot).mean(axis=-1, keepdims=True) + 1e-30


def _mean_slope(step: Step) -> tuple[float, tuple[float, float]]:
    """Of a staircase, and a point that its mean line goes through."""
    # Between jumps: at one, a half that is rounded to even may be a step off.
    at = step.start + step.spacing * np.array([0.5, 1.5])
    ends = step.f(at)
    return float((ends[1] - ends[0]) / step.spacing), (float(at[0]), float(ends[0]))


def _heights(step: Step) -> Iterator[tuple[float, float]]:
    """Every jump and by how much the function rises there."""
    for knot in step.jumps:
        at = np.array([knot])
        yield knot, float((step.f(up(at)) - step.f(down(at)))[0])


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
