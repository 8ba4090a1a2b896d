"""Differences between a graph and its model that rounding can explain."""

import numpy as np

from ..core import check_deadline
from ..graph import Graph
from ..graph.float32 import PointErrors


_RUNS = 4
_SPREAD = 16.0


def noise(
    graph: Graph, strayed: PointErrors, seed: int, enough: np.ndarray | None = None
) -> np.ndarray:
    """Return the largest change of the outputs over a few runs with random roundings, `(batch,)`.

    Args:
        graph: The graph before curves are fused.
        strayed: Values of the graph at each point, and bounds on their roundings.
        seed: Seed of the roundings.
        enough: For each point, a change of the outputs at which the runs may stop, `(batch,)`. They
            stop once it is reached at all points. If None, all runs are made.
    """
    rng = np.random.default_rng(seed)
    exact = strayed.values[graph.output]
    farthest = np.zeros(len(exact))
    with np.errstate(all="ignore"):
        for _ in range(_RUNS):
            values = [strayed.values[0]]
            for node, rounding in zip(graph.nodes, strayed.roundings[1:], strict=True):
                check_deadline()
                y = node.op.run(tuple(values[j] for j in node.inputs))
                values.append(y + rounding * rng.uniform(-1.0, 1.0, y.shape))
            moved = np.abs(values[graph.output] - exact).max(axis=1, initial=0.0)
            farthest = np.maximum(farthest, np.where(np.isnan(moved), np.inf, moved))
            if enough is not None and (farthest >= enough).all():
                break
    return farthest


def tolerance(
    graph: Graph, strayed: PointErrors, seed: int = 0, difference: np.ndarray | None = None
) -> np.ndarray:
    """Return the largest differences that rounding in the model's element type can explain.

    Safety factors leave room for the graph's own rounding if the model computes in float64 too. The
    result has shape `(batch, outputs)`. It is an estimate, not a proved bound. It is infinite
    where an intermediate value overflows or the estimate is NaN.

    Args:
        graph: The graph before curves are fused.
        strayed: Values of the graph at each point, and bounds on their roundings.
        seed: Seed of the random roundings.
        difference: Differences to be explained, `(batch, outputs)`. If given, the runs with random
            roundings stop once they explain all differences. The result may then be smaller, but
            exactly the same differences exceed it.
    """
    enough = None
    if difference is not None:
        finite = np.where(np.isfinite(difference), np.abs(difference), 0.0)
        enough = finite.max(axis=1, initial=0.0) / _SPREAD
    with np.errstate(over="ignore"):  # An overflow gives an infinite bound.
        bound = 4.0 * strayed.bounds[graph.output]
    typical = _SPREAD * noise(graph, strayed, seed, enough)[:, None]
    allowed = np.where(strayed.near_jump[:, None], bound, np.minimum(bound, typical))
    allowed = np.where(strayed.overflows[:, None], np.inf, allowed)
    largest = np.abs(strayed.values[graph.output]).max(axis=1, initial=0.0, keepdims=True)
    allowed = allowed + 4.0 * strayed.computed.unit * largest
    return np.where(np.isnan(allowed), np.inf, allowed)
