"""Projected gradient descent with momentum on the outputs of a graph with many inputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...core import Box
from ...graph import Graph
from ...graph.gradient import output_gradient
from ..common.domain_boxes import DomainBoxes
from .pgd import Descent, Lowest, descend


MOMENTUM = Descent(steps=41, step=0.25, momentum=0.7, floor=0.005)
"""Settings of the descents in `attack`."""

ATTACK_ENTRIES = 1 << 23
"""Maximum number of entries in all points of one attack, unless two points per objective have more.
"""

CORNERS = 0.3
"""Approximate fraction of the starts that are corners."""


def initial_samples(
    graph: Graph, box: Box, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Evaluate the outputs of a graph at the middle, two corners and 29 random points of a box.

    Return `(least (m,), at (m, d), most (m,))`: the least value of each output, its point, and the
    largest value.
    """
    middle = np.stack([0.5 * box.lo + 0.5 * box.hi, box.lo, box.hi])
    x = np.concatenate([middle, box.uniform(rng, 29)])
    return Lowest(graph.run(x), x).points


def attack(
    graph: Graph,
    box: Box,
    which: np.ndarray,
    starts: int,
    rng: np.random.Generator,
    late: Callable[[], bool] = lambda: False,
) -> tuple[np.ndarray, np.ndarray]:
    """Descend on some objectives from the middle of a box, random points and corners.

    Args:
        graph: Graph whose outputs are the objectives.
        box: Box of the inputs.
        which: Indices of the objectives to attack.
        starts: Desired number of descents per objective. `ATTACK_ENTRIES` may reduce it, but not
            below 2.
        rng: Random generator for the starts.
        late: Function that returns whether to stop.

    Returns:
        `(least (m,), at (m, d))`: the least value of every objective at any point of the descents,
        and its point. The values are infinite if time is up before the first evaluation.
    """
    starts = max(2, min(starts, ATTACK_ENTRIES // (box.size * which.size)))
    k = np.repeat(which, starts)
    x = box.uniform(rng, k.size)
    corners = rng.random(k.size) < CORNERS
    x[corners] = np.where(rng.random((corners.sum(), box.size)) < 0.5, box.lo, box.hi)
    x[::starts] = 0.5 * box.lo + 0.5 * box.hi
    return attack_from(graph, box, x, k, MOMENTUM, late)


def attack_from(
    graph: Graph,
    box: Box,
    x: np.ndarray,
    k: np.ndarray,
    descent: Descent,
    late: Callable[[], bool] = lambda: False,
) -> tuple[np.ndarray, np.ndarray]:
    """Descend on output `k[i]` from point `x[i]`.

    Return `(least (m,), at (m, d))`: the least value of every output at any point of the descents,
    and its point. The values are infinite if time is up before the first evaluation.
    """
    objectives = graph.value_size(graph.output)
    steps = descend(output_gradient(graph), x, k, DomainBoxes.of(box), descent, late=late)
    return Lowest(np.full((1, objectives), np.inf), x[:1].copy()).take(steps).points[:2]
