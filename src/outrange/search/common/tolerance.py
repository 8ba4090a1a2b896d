"""How close is close enough, where the caller does not say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...graph import Graph
from ...ops import Curve, Product


TOL = 1e-6
"""Relative gap that is aimed at."""

ENOUGH = 1e-4
"""Relative gap with which the answer about a curved network may be content. Each further digit
costs a tree over a smooth function a constant factor, which grows with the inputs; where units are
straight the last leaves are exact, and 1e-6 costs hardly more than 1e-2."""

GRACE = 2.0
"""Seconds that the step from `ENOUGH` to `TOL` may take in any case: nobody waits for less."""

AGAIN = 2.0
"""It may cost as many sub-problems again as all that was done until `ENOUGH`: the whole is at most
this often what the coarser answer costs."""

MILESTONES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
"""Relative gaps whose times are recorded: what a larger tolerance would have cost."""


@dataclass(frozen=True)
class Tolerance:
    """Relative gaps, of the range that an objective attains.

    Args:
        enough: Where the search may stop if `fine` is far away; equal to `fine` if it may not.
    """

    fine: float
    enough: float

    @classmethod
    def of(cls, tol: float | None, curved: bool) -> Tolerance:
        """What the caller asked for; without a wish what suits the network."""
        if tol is not None:
            return cls(tol, tol)
        return cls(TOL, ENOUGH if curved else TOL)


def is_curved(graph: Graph) -> bool:
    """Whether a graph holds products, or functions that are not straight between their knots."""
    return any(
        isinstance(node.op, Product)
        or (isinstance(node.op, Curve) and set(node.op.bends) != {"line"})
        for node in graph.nodes
    )


class Convergence:
    """When which gap was reached, and whether to go on."""

    def __init__(self, tolerance: Tolerance) -> None:
        self.tolerance = tolerance
        self.reached: dict[float, float] = {}
        """Seconds until all objectives were within each of `MILESTONES`."""
        self._enough_at: tuple[float, int] | None = None

    def record(self, gap: float, seconds: float, boxes: int) -> None:
        """Take note of the largest relative gap that is open."""
        for mark in MILESTONES:
            if gap <= mark:
                self.reached.setdefault(mark, seconds)
        if gap <= self.tolerance.enough and self._enough_at is None:
            self._enough_at = seconds, boxes

    def suffices(self, seconds: float, boxes: int) -> bool:
        """Whether what is reached is enough, and more would cost too much."""
        if self._enough_at is None or self.tolerance.enough == self.tolerance.fine:
            return False
        before, fewer = self._enough_at
        return seconds > before + GRACE and boxes >= AGAIN * fewer


def relative_gap(gap: np.ndarray, spread: np.ndarray) -> float:
    """The largest of `gap`, each relative to its `spread`; infinite where one is not finite."""
    with np.errstate(all="ignore"):
        share = np.where(gap <= 0, 0.0, gap / spread)
    return float(np.where(np.isnan(share), np.inf, share).max(initial=0.0))
