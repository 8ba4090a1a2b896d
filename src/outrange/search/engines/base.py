"""The interface of bounding engines."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, eq=False)
class BoxBounds:
    """What an engine proved about `B` boxes and `m` objectives; `d` inputs, `s` decidable units.

    For box `i` and objective `k`, every `x` in the box has
    `objective_k(x) >= slopes[i, k] @ x + offset[i, k]`, and `least[i, k]` is the least value of
    that form over the box (or a better proved bound), every rounding error accounted for.
    """

    least: np.ndarray
    """`(B, m)` proved lower bounds; `-inf` where the objective was not asked for."""
    slopes: np.ndarray
    """`(B, m, d)`."""
    offset: np.ndarray
    """`(B, m)`, padding for rounding already subtracted."""
    scores: np.ndarray
    """`(B, m, d)`: the share of the slack attributed to each input (gap attribution)."""
    status: np.ndarray
    """`(B, s)` int8: 1 upper piece, -1 lower piece, 0 undecided. Inherited by sub-boxes."""
    undecided: np.ndarray
    """`(B,)` number of unstable units."""
    at: np.ndarray | None = None
    """`(B, m, d)` points where the forms are least; None for the corners of the boxes."""
    within: tuple[np.ndarray, np.ndarray] | None = None
    """`(B, m, d)` ends: outside them the objective is above its cutoff; None where nothing more
    than the forms is known."""


class Engine(Protocol):
    """Bounds many boxes at once; stateless between calls."""

    inputs: int
    objectives: int
    units: int
    together: int
    """Boxes that take hardly longer than one."""

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
            lo: Array of shape `(B, d)`.
            hi: Array of shape `(B, d)`.
            status: `(B, s)` int8, what is already known of the units on a box around each.
            wanted: `(B, m)` bool, the objectives to bound over each box.
            cutoff: `(m,)`: a bound at or above it is good enough; work on it may stop there.
        """
        ...

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        """Objectives `(batch, m)` in plain float64 at points `(batch, d)`."""
        ...

    def gradient(self, x: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Objectives `(batch, m)` at `x`, and the gradient `(batch, d)` of `k[i]` at `x[i]`."""
        ...
