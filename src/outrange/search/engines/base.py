"""The interface of bounding engines."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, eq=False)
class BoxBounds:
    """Proved bounds on `m` objectives over `B` boxes, for `d` inputs and `s` units with phases.

    For box `i` and objective `k`, every `x` in the box satisfies
    `objective_k(x) >= slopes[i, k] @ x + offset[i, k]`. `least[i, k]` is the least value of that
    form over the box, or a better proved bound. Every rounding error is accounted for.
    """

    least: np.ndarray
    """`(B, m)` proved lower bounds; `-inf` if the objective was not requested."""
    slopes: np.ndarray
    """`(B, m, d)` coefficients of the lower forms."""
    offset: np.ndarray
    """`(B, m)` constants of the forms, with padding for rounding subtracted."""
    scores: np.ndarray
    """`(B, m, d)` part of the slack attributed to each input (gap attribution)."""
    status: np.ndarray
    """`(B, s)` int8 phases, inherited by sub-boxes: 1 upper piece, -1 lower piece, 0 undecided."""
    undecided: np.ndarray
    """`(B,)` number of unstable units, including products whose factors both vary."""
    at: np.ndarray | None = None
    """`(B, m, d)` minimizers of the forms; None if these are corners of the boxes."""
    within: tuple[np.ndarray, np.ndarray] | None = None
    """Lower and upper bounds `(B, m, d)` on the inputs: outside these bounds, the objective is
    above its cutoff. None if only the forms are known."""


class Engine(Protocol):
    """Interface of an engine that bounds many boxes per call, and stores none between calls."""

    inputs: int
    objectives: int
    units: int
    together: int
    """Number of boxes that can be bounded together in hardly more time than a single box."""

    def bound(
        self,
        lo: np.ndarray,
        hi: np.ndarray,
        status: np.ndarray,
        wanted: np.ndarray,
        cutoff: np.ndarray,
    ) -> BoxBounds:
        """Bound some of the objectives over each of the boxes from `lo` to `hi`.

        Args:
            lo: Lower bounds of the boxes, shape `(B, d)`.
            hi: Upper bounds of the boxes, shape `(B, d)`.
            status: `(B, s)` int8, phases of units that are known from a larger box.
            wanted: `(B, m)` mask of the objectives to bound over each box.
            cutoff: `(m,)` bounds at or above which work on an objective may stop.
        """
        ...

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        """Evaluate objectives `(batch, m)` in plain float64 at points `(batch, d)`."""
        ...

    def gradient(self, x: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return objectives `(batch, m)`, and the gradient of objective `k[i]` at each `x[i]`."""
        ...
