"""Points in the domain of a graph, where those at hand miss it."""

from collections.abc import Callable, Iterator

import numpy as np

from ..graph import Graph
from ..graph.domain import is_inside, restricted, step_inside
from .points import legal


ENOUGH = 8
"""Points inside, from which on no others are looked for."""

_SIZES = 10.0 ** np.arange(-3, 7)
_STEPS = 40


Parts = Callable[[Graph, int], Iterator[slice]]
"""So many points at once as the memory allows: from a graph and how many there are."""


def with_points_inside(
    graph: Graph, x: np.ndarray, parts: Parts, seed: int
) -> tuple[np.ndarray, bool]:
    """The points, and others where all functions of the graph are defined.

    Args:
        graph: The graph as written.
        x: `(count, size)`.
        parts: How to run it.
        seed: Of the random points.

    Returns:
        Points, and whether one of them is in the domain of the graph.
    """
    if next(restricted(graph), None) is None:
        return x, True
    count = _inside(graph, x, parts).sum()
    if count >= ENOUGH:
        return x, True
    rng = np.random.default_rng(seed)
    more = [np.zeros((0, graph.size))]
    for size in _SIZES:
        # Near one number, and of one sign.
        for center in (-size, size):
            drawn = center * rng.uniform(0.5, 1.5, (2, graph.size))
            drawn[1] = center * (1.0 + 0.01 * rng.standard_normal(graph.size))
            more.append(drawn)
    candidates = legal(graph, np.concatenate(more), rng)
    good = _inside(graph, candidates, parts)
    chosen = candidates[good][:ENOUGH]
    if not count + len(chosen):
        chosen = _descended(graph, np.concatenate([x, candidates])[::_EACH], parts, rng)
    return np.concatenate([x, chosen]), bool(count + len(chosen))


_EACH = 8
"""One point in so many starts a descent."""


def _inside(graph: Graph, x: np.ndarray, parts: Parts) -> np.ndarray:
    found = [is_inside(graph, graph.run_all(x[part])) for part in parts(graph, len(x))]
    return np.concatenate(found)


def _descended(
    graph: Graph, starts: np.ndarray, parts: Parts, rng: np.random.Generator
) -> np.ndarray:
    """Points that were moved into the domain, a few at most."""
    found = []
    for part in parts(graph, len(starts)):
        x = starts[part]
        for _ in range(_STEPS):
            x = legal(graph, step_inside(graph, x), rng)
            good = is_inside(graph, graph.run_all(x))
            if good.any():
                found.append(x[good])
                break
    return np.concatenate(found)[:ENOUGH] if found else starts[:0]
