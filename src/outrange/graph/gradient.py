"""Reverse-mode differentiation of a graph at points: the vector-Jacobian product.

A surrogate slope replaces the derivative of a step function, as in the training of binarized
networks. A descent method can thus find inputs at which units switch. No bound depends on it.

Reference: Y. Bengio, N. Leonard, A. Courville, *Estimating or propagating gradients through
stochastic neurons* (the straight-through estimator), 2013; F. Zenke, S. Ganguli, *SuperSpike*,
Neural Computation 2018, for the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeGuard

import numpy as np

from ..core import check_deadline, down, up
from ..ops import Affine, Curve, Product, Rearrange, Step
from ..ops.pointwise.op import Pointwise
from .graph import Graph, Op


_STEP = 2.0**-20
"""Relative step of a difference quotient."""


def vector_jacobian_product(
    graph: Graph,
    values: list[np.ndarray],
    rows: np.ndarray,
    widths: Mapping[int, np.ndarray] | None = None,
) -> np.ndarray:
    """Return the gradient `(batch, d)` of `rows . output` at the graph's `values`.

    Args:
        graph: The graph to differentiate.
        values: All of its values, from `run_all` or `smoothed_values`.
        rows: Coefficients of the outputs, `(batch, outputs)`.
        widths: The widths passed to `smoothed_values`. With None, the peak of the surrogate slope
            at a jump is as wide as the mean distance of the op's arguments from the jump. So a unit
            far from switching keeps a small slope.
    """
    waiting = {graph.output: rows}
    for v in range(graph.output, 0, -1):
        a = waiting.pop(v, None)
        if a is None:
            continue
        node = graph.nodes[v - 1]
        width = None if widths is None else widths.get(v)
        parts = _pull_back(node.op, a, [values[j] for j in node.inputs], width)
        for j, part in zip(node.inputs, parts, strict=True):
            waiting[j] = waiting[j] + part if j in waiting else part
    return waiting.get(0, np.zeros_like(values[0]))


def _pull_back(
    op: Op, a: np.ndarray, sources: Sequence[np.ndarray], width: np.ndarray | None
) -> Sequence[np.ndarray]:
    """Return the vector-Jacobian product of one op at its inputs: one array per input."""
    if isinstance(op, Affine | Rearrange):
        return op.adjoint(a)
    source = sources[0]
    if is_discontinuous(op):
        return (a * _surrogate_slope(op, source, width),)
    if isinstance(op, Curve):
        return (a * op.df(source),)
    if isinstance(op, Pointwise):
        return [a * slope for slope in _difference_quotients(op, sources)]
    if isinstance(op, Product):
        return op.pull(a * sources[1][:, op.right], a * source[:, op.left])
    picked = np.where(op.windows < 0, -np.inf, source[:, np.maximum(op.windows, 0)])
    place = picked.argmax(axis=-1)
    arg = np.maximum(op.windows, 0)[np.arange(op.size), place]
    out = np.zeros_like(source)
    np.add.at(out, (np.arange(len(a))[:, None], arg), a)
    return (out,)


def _difference_quotients(op: Pointwise, sources: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the partial derivatives of an entrywise function, by central differences."""
    slopes = []
    for i, x in enumerate(sources):
        step = _STEP * (1.0 + np.abs(x))
        above, below = (
            op.run([*sources[:i], end, *sources[i + 1 :]]) for end in (x + step, x - step)
        )
        slopes.append((above - below) / (2.0 * step))
    return slopes


def smoothed_values(
    graph: Graph, x: np.ndarray, widths: Mapping[int, np.ndarray] | None
) -> list[np.ndarray]:
    """Return every value of a graph at the points `x` `(batch, d)`, with its jumps smoothed.

    At these values, `vector_jacobian_product` uses the slopes of the smoothed functions (for a
    staircase, the slope of its mean line). Units switch gradually, and each responds to the likely
    changes of other units. As the widths shrink, the values converge to those of `Graph.run_all`,
    except at jumps.

    Args:
        graph: The graph to evaluate.
        x: Points in the precision of the computation.
        widths: The width over which each jump of a value is spread, positive, `(batch, n)` or
            broadcast to it. For a staircase, the width (at most 1) is the weight of its mean line.
            A value without a width keeps its jumps; with None, all values keep their jumps.

    Reference: M. Courbariaux et al., *Binarized Neural Networks*, NeurIPS 2016; A. Galloway, G.
    Taylor, M. Moussa, *Attacking Binarized Neural Networks*, ICLR 2018.
    """
    values = [np.asarray(x)]
    with np.errstate(all="ignore"):
        for v, node in enumerate(graph.nodes, 1):
            check_deadline()
            sources = tuple(values[j] for j in node.inputs)
            width = None if widths is None else widths.get(v)
            if width is not None and is_discontinuous(node.op):
                result = _smooth(node.op, sources[0], width)
            else:
                result = node.op.run(sources)
            values.append(result.astype(x.dtype, copy=False))
    return values


def is_discontinuous(op: Op) -> TypeGuard[Curve]:
    """Return whether an op is a curve with jumps, including a staircase but no table lookup."""
    if isinstance(op, Step) and (op.rows is not None or op.is_staircase):
        return op.rows is None
    return isinstance(op, Curve) and bool(op.jumps)


def has_jumps(graph: Graph) -> bool:
    """Return whether some op of a graph is a curve with jumps, other than a table lookup."""
    return any(is_discontinuous(node.op) for node in graph.nodes)


def _smooth(op: Curve, x: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Evaluate `op` with each jump replaced by a smooth rise of the slope `_surrogate_slope`.

    A staircase is blended with its mean line.
    """
    if isinstance(op, Step) and op.is_staircase:
        share = np.minimum(width, 1.0)
        rise, at = _mean_slope(op)
        return (1.0 - share) * op.f(x) + share * (rise * (x - at[0]) + at[1])
    total = np.asarray(op.f(x))
    for knot, height in _heights(op):
        away = (x - knot) / width
        soft = 0.5 * (1.0 + away / (1.0 + np.abs(away)))
        there = 0.5 * (op.f(np.array([up(knot)])) + op.f(np.array([down(knot)])))
        total = np.where(x == knot, there, total + height * (soft - (x > knot)))
    return total


def _surrogate_slope(op: Curve, x: np.ndarray, width: np.ndarray | None) -> np.ndarray:
    """Return the slope of `op` plus a peak at each jump, or the mean slope of a staircase."""
    if isinstance(op, Step) and op.is_staircase:
        return np.full_like(x, _mean_slope(op)[0])
    total = np.asarray(op.df(x))
    for knot, height in _heights(op):
        away = np.abs(x - knot)
        spread = away.mean(axis=-1, keepdims=True) + 1e-30 if width is None else width
        total = total + 0.5 * height / (spread * (1.0 + away / spread) ** 2)
    return total


def _mean_slope(step: Step) -> tuple[float, tuple[float, float]]:
    """Return the mean slope of a staircase, and a point on its mean line."""
    # Evaluate between jumps: at a jump, rounding half to even may be a step off.
    at = step.start + step.spacing * np.array([0.5, 1.5])
    ends = step.f(at)
    return float((ends[1] - ends[0]) / step.spacing), (float(at[0]), float(ends[0]))


def _heights(op: Curve) -> Iterator[tuple[float, float]]:
    """Yield the position of every jump, and the height by which the function rises there."""
    for knot in op.jumps:
        at = np.array([knot])
        yield knot, float((op.f(up(at)) - op.f(down(at)))[0])


def output_gradient(
    graph: Graph,
) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return a function `(x (b, d), k (b,)) -> (outputs (b, m), gradient (b, d))`.

    The gradient at `x[i]` is the gradient of output `k[i]`. NaN is replaced by 0, and an
    infinite derivative by the largest finite number of the same sign.
    """

    def gradient(x: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(all="ignore"):
            values = graph.run_all(x)
            y = values[graph.output]
            seed = np.zeros_like(y)
            seed[np.arange(len(x)), k] = 1.0
            return y, np.nan_to_num(vector_jacobian_product(graph, values, seed))

    return gradient
