"""Does a trajectory leave the pipe that was proved? Then nothing is answered."""

from __future__ import annotations

import numpy as np

from ..core import ContradictionError
from ..graph import Graph
from ..questions.evidence.evaluate import enclose
from .pipes import Bounds


LOOKED_AT = 3
"""Trajectories that are enclosed, of those that seem to leave the pipe."""


def check_pipe(graph: Graph, bounds: Bounds, points: np.ndarray, states: np.ndarray) -> None:
    """Compare simulated trajectories with the pipe; those that seem to leave it are enclosed.

    Args:
        graph: The loop unrolled.
        bounds: What was proved of every step.
        points: `(batch, inputs)`.
        states: `(batch, steps + 1, n)` in float64, from these points.

    Raises:
        ContradictionError: One leaves it in real arithmetic: a bug.
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
            f"{k + 1}, and a trajectory contradicts it: there it is {least[i, k, j]:.9g}. This is "
            "a bug in outrange; please report the loop. "
            f"Received: the trajectory from {worst[i].tolist()}."
        )
