"""Tolerances, their defaults, and the decision to stop at a coarser tolerance."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from ...graph import Graph
from ...ops import Curve, Product


TOL = 1e-6
"""Default target of the relative gap."""

ENOUGH = 1e-4
"""Relative gap that is acceptable for a curved network. Over a smooth function, each further digit
multiplies the size of the tree by a factor that grows with the number of inputs. With
piecewise-linear units the last leaves are exact, and 1e-6 costs hardly more than 1e-2."""

GRACE = 2.0
"""Minimum number of seconds granted for the step from `ENOUGH` to `TOL`."""

AGAIN = 2.0
"""Number of sub-problems after which a search for `TOL` may stop, as a multiple of the number at
which it reached `ENOUGH`."""

PATIENCE = 12.0
"""Number of seconds before a search may be considered stalled, so that portfolios can try every
search."""

STALLED = 0.02
"""Smallest fraction by which some gap must fall in the second half of the time; otherwise the
search has stalled. Gaps fall by a roughly constant fraction whenever time doubles, so twice the
time would gain no more."""

MILESTONES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
"""Relative gaps for which the time is recorded, to show what a larger tolerance would cost."""


@dataclass(frozen=True)
class Tolerance:
    """Relative gaps that a search must reach, as fractions of the range that an objective attains.

    Args:
        fine: Target gap.
        enough: Gap at which the search may stop if `fine` is expensive; equal to `fine` if the
            search must not stop early.
    """

    fine: float
    enough: float

    @classmethod
    def of(cls, tol: float | None, curved: bool) -> Tolerance:
        """Return the tolerance `tol`, or the default for the kind of network if `tol` is None."""
        if tol is not None:
            return cls(tol, tol)
        return cls(TOL, ENOUGH if curved else TOL)


def is_curved(graph: Graph) -> bool:
    """Return whether a graph has products, or curves that are not straight between their knots."""
    return any(
        isinstance(node.op, Product)
        or (isinstance(node.op, Curve) and set(node.op.bends) != {"line"})
        for node in graph.nodes
    )


class Convergence:
    """Record of the gaps reached over time, which decides whether they suffice."""

    def __init__(self, tolerance: Tolerance) -> None:
        self.tolerance = tolerance
        self.reached: dict[float, float] = {}
        """Map from each reached gap of `MILESTONES` to the time in seconds at which it was
        reached."""
        self._enough_at: tuple[float, int] | None = None
        self._gaps: list[tuple[float, np.ndarray]] = []

    def watch(self, gaps: np.ndarray, seconds: float) -> None:
        """Record the gaps of all objectives, for later comparison by `has_stalled`.

        Args:
            gaps: `(m,)`, zero where an objective is closed.
            seconds: Time since the search began.
        """
        self._gaps.append((seconds, gaps))

    def has_stalled(self) -> bool:
        """Return whether no watched gap fell by `STALLED` in the second half of the elapsed time.

        Return False before `PATIENCE` seconds.
        """
        if not self._gaps or self._gaps[-1][0] < PATIENCE:
            return False
        seconds, now = self._gaps[-1]
        at = bisect(self._gaps, 0.5 * seconds, key=itemgetter(0)) - 1
        if at < 0:
            return False
        then = self._gaps[at][1]
        return not bool((now < (1.0 - STALLED) * then).any())

    def record(self, gap: float, seconds: float, boxes: int) -> None:
        """Record the first time at which the search reached each milestone and the acceptable gap.

        Args:
            gap: The largest relative gap of all objectives.
            seconds: Time since the search began.
            boxes: Number of sub-problems bounded so far.
        """
        for mark in MILESTONES:
            if gap <= mark:
                self.reached.setdefault(mark, seconds)
        if gap <= self.tolerance.enough and self._enough_at is None:
            self._enough_at = seconds, boxes

    def suffices(self, seconds: float, boxes: int) -> bool:
        """Return whether the search may stop because the finer target costs too much.

        It may stop once `GRACE` seconds have passed since the acceptable gap was reached, and the
        number of sub-problems has grown by the factor `AGAIN` since then.

        Args:
            seconds: Time since the search began.
            boxes: Number of sub-problems bounded so far.
        """
        if self._enough_at is None or self.tolerance.enough == self.tolerance.fine:
            return False
        before, fewer = self._enough_at
        return seconds > before + GRACE and boxes >= AGAIN * fewer


def relative_gap(gap: np.ndarray, spread: np.ndarray) -> float:
    """Return the largest ratio of `gap` to `spread`, or infinity if a ratio is undefined."""
    with np.errstate(all="ignore"):
        share = np.where(gap <= 0, 0.0, gap / spread)
    return float(np.where(np.isnan(share), np.inf, share).max(initial=0.0))
