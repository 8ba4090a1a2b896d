"""Checks of a proved pipe against simulated trajectories; a contradiction raises an error."""

from __future__ import annotations

import numpy as np

from ..core import ContradictionError
from ..graph import Graph
from ..questions.evidence.evaluate import enclose
from .pipes import Bounds


LOOKED_AT = 3
"""Largest number of trajectories outside the pipe that are enclosed in rigorous bounds."""


def check_pipe(graph: Graph, bounds: Bounds, points: np.ndarray, states: np.ndarray) -> None:
    """Check that simulated trajectories stay in the pipe.

    The trajectories that seem to leave the pipe are enclosed in rigorous bounds, the farthest first
    and at most `LOOKED_AT` of them.

    Args:
        bounds: The proved bounds at every step.
        points: Flat inputs of the trajectories, `(batch, inputs)`.
        states: Simulated states of the trajectories in float64, `(batch, steps + 1, n)`.

    Raises:
        ContradictionError: A trajectory leaves the pipe in real arithmetic, which is a bug.
    """
    lo, hi = bounds.lo[1:], bounds.hi[1:]
    with np.errstate(invalid="ignore"):
        out = np.maximum(lo - states[:, 1:], states[:, 1:] - hi)
    far = np.where(np.isfinite(out), out, 0.0).reshape(len(points), lo.size).max(axis=1)
    worst = points[np.argsort(-far, kind="stable")[:LOOKED_AT]]
    worst = worst[np.sort(-far, kind="stable")[:LOOKED_AT] < 0]
    if not len(worst):
        return
    least, most = (end[:, : lo.size].reshape(-1, *lo.shape) for end in enclose(graph, worst))
    for i, k, j in np.argwhere((most < lo) | (least > hi))[:1]:
        raise ContradictionError(
            f"It was proved that state {j} lies in [{lo[k, j]:.9g}, {hi[k, j]:.9g}] after step "
            f"{k + 1}, but in a trajectory it is {least[i, k, j]:.9g}. This is "
            "a bug in outrange; please report the loop. "
            f"Received: the trajectory from {worst[i].tolist()}."
        )
