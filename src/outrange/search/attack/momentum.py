"""Points that make objectives small where inputs are many: sign descent from many starts.

Reference: A. Madry et al., *Towards Deep Learning Models Resistant to Adversarial Attacks* (PGD),
ICLR 2018.
"""

from __future__ import annotations

import numpy as np

from ...core import Box
from ...graph import Graph
from ..engines.array_engine import pull


STEPS = 40
ROOM = 1 << 23


def first_look(
    graph: Graph, box: Box, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The middle, two corners and random points: see `local.first_points`."""
    middle = np.stack([0.5 * box.lo + 0.5 * box.hi, box.lo, box.hi])
    x = np.concatenate([middle, box.uniform(rng, 29)])
    y = graph.run(x)
    return y.min(axis=0), x[y.argmin(axis=0)], y.max(axis=0)


def many_points(
    graph: Graph, box: Box, which: np.ndarray, starts: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Descents on some objectives from the middle, random points and corners.

    Args:
        graph: Its outputs are the objectives.
        box: Where.
        which: The objectives.
        starts: How many descents each.
        rng: For the starts.

    Returns:
        The least value met of every objective, and where.
    """
    starts = max(2, min(starts, ROOM // (box.size * which.size)))
    k = np.repeat(which, starts)
    x = box.uniform(rng, k.size)
    corners = rng.random(k.size) < 0.3
    x[corners] = np.where(rng.random((corners.sum(), box.size)) < 0.5, box.lo, box.hi)
    x[::starts] = 0.5 * box.lo + 0.5 * box.hi
    return descend(graph, box, x, k, STEPS)[:2]


def descend(
    graph: Graph, box: Box, x: np.ndarray, k: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sign descent with momentum and falling steps: least value of every objective met, where, and
    the largest value of each.
    """
    m = graph.value_size(graph.output)
    least, at, most = np.full(m, np.inf), np.tile(x[:1], (m, 1)), np.full(m, -np.inf)
    width = box.hi - box.lo
    mean = np.zeros_like(x)
    columns = np.arange(m)
    for i in range(steps + 1):
        values, slope = gradient(graph, x, k)
        low = values.argmin(axis=0)
        better = values[low, columns] < least
        least[better], at[better] = values[low, columns][better], x[low[better]]
        np.maximum(most, values.max(axis=0), out=most)
        if i == steps:
            break
        size = np.abs(slope).sum(axis=1, keepdims=True) + 1e-300
        mean = 0.7 * mean + slope / size
        pace = 0.25 * (1.0 - i / steps) + 0.005
        x = np.clip(x - pace * width * np.sign(mean), box.lo, box.hi)
    return least, at, most


def gradient(graph: Graph, x: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All outputs at points `x`, and the gradient of output `k[i]` at point `i`."""
    with np.errstate(all="ignore"):
        values = graph.run_all(x)
        y = values[graph.output]
        seed = np.zeros_like(y)
        seed[np.arange(len(x)), k] = 1.0
        slope = np.nan_to_num(pull(graph, values, seed))
    return y, slope
