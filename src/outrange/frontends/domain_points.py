"""Search for points in the domain of a graph, for comparisons that have too few such points."""

from collections.abc import Callable, Iterator

import numpy as np

from ..graph import Graph
from ..graph.domain import is_inside, restricted_functions, step_inside
from .points import legal


ENOUGH = 8
"""Number of points in the domain at which no search is needed, and the most that a search adds."""

_SIZES = 10.0 ** np.arange(-3, 7)
_STEPS = 40


Parts = Callable[[Graph, int], Iterator[slice]]
"""Function from a graph and a number of points to slices of the points that fit in memory."""


def with_points_inside(
    graph: Graph, x: np.ndarray, parts: Parts, seed: int
) -> tuple[np.ndarray, bool]:
    """Add points at which all functions of the graph are defined, if `x` has fewer than `ENOUGH`.

    Args:
        graph: The graph before curves are fused.
        x: The points so far, `(count, inputs)`.
        parts: Function that splits points into batches for evaluation.
        seed: Seed of the random points.

    Returns:
        `x` with any new points appended, and whether at least one point is in the domain.
    """
    if next(restricted_functions(graph), None) is None:
        return x, True
    count = _inside(graph, x, parts).sum()
    if count >= ENOUGH:
        return x, True
    rng = np.random.default_rng(seed)
    more = [np.zeros((0, graph.size))]
    for size in _SIZES:
        # Points whose entries are near one number, and have the same sign.
        for center in (-size, size):
            drawn = center * rng.uniform(0.5, 1.5, (2, graph.size))
            drawn[1] = center * (1.0 + 0.01 * rng.standard_normal(graph.size))
            more.append(drawn)
    candidates = legal(graph, np.concatenate(more), rng)
    good = _inside(graph, candidates, parts)
    chosen = candidates[good][:ENOUGH]
    if not count + len(chosen):
        chosen = _descend_into_domain(graph, np.concatenate([x, candidates])[::_EACH], parts, rng)
    return np.concatenate([x, chosen]), bool(count + len(chosen))


_EACH = 8
"""One in this many points is the start of a descent toward the domain."""


def _inside(graph: Graph, x: np.ndarray, parts: Parts) -> np.ndarray:
    inside = [is_inside(graph, graph.run_all(x[part])) for part in parts(graph, len(x))]
    return np.concatenate(inside)


def _descend_into_domain(
    graph: Graph, starts: np.ndarray, parts: Parts, rng: np.random.Generator
) -> np.ndarray:
    """Move points toward the domain by descent, and return up to `ENOUGH` that reach it."""
    arrived = []
    for part in parts(graph, len(starts)):
        x = starts[part]
        for _ in range(_STEPS):
            x = legal(graph, step_inside(graph, x), rng)
            good = is_inside(graph, graph.run_all(x))
            if good.any():
                arrived.append(x[good])
                break
    return np.concatenate(arrived)[:ENOUGH] if arrived else starts[:0]
