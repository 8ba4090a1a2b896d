"""What searches share: the best points, what is proved elsewhere, the tolerances, the clock."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...core import Clock
from .solution import SearchProgress


REPORTS = 0.5
"""Seconds between two calls of `progress`."""

FLOOR = 16 * np.finfo(np.float64).eps
"""A gap of this share of the values themselves is rounding, not search."""

UNDERFLOW = 1e-290
"""Nor is a gap below this, which only pays for underflow."""


class Incumbent:
    """Best points and tolerances of `m` objectives, each to be minimised; and the clock.

    Searches that share one see each other's points and proofs.

    Args:
        rows: `(m, outputs)`: two opposite rows are the two ends of one range.
        tol: Gap aimed at, relative to the range seen of each objective.
        time_limit: Seconds of wall time, or None.
        progress: Called a few times a second with a `SearchProgress`.
    """

    def __init__(
        self, rows: np.ndarray, tol: float, time_limit: float | None, progress: Callable | None
    ):
        self.clock = Clock(time_limit)
        self.tol, self.progress = tol, progress
        self.boxes = 0
        self._partner = _opposites(np.asarray(rows))
        self._last_report = 0.0
        self.best = self.best_at = self.most = np.empty(0)
        self.dropped: np.ndarray | bool = False
        """`(m,)` objectives that something else has closed: their sub-problems are let go."""
        self.known = np.full(len(self._partner), -np.inf)
        """`(m,)` bounds proved elsewhere: what they close, a search need not."""
        self.floor: np.ndarray | float = 0.0
        """`(m,)` what rounding alone may cost the bound of an objective; set by the search."""
        self.target: np.ndarray | None = None
        """`(m,)` for a decision: a bound at or above it closes an objective, whatever was seen."""
        self.goal: np.ndarray | None = None
        """`(m,)` with `target`: a point below it interrupts the search, to be looked at."""

    def start(self, least: np.ndarray, at: np.ndarray, most: np.ndarray) -> None:
        """Take first points; nothing is closed yet.

        Args:
            least: `(m,)` values.
            at: `(m, d)` where they were met.
            most: `(m,)` the largest values met.
        """
        if self.best.size:
            self.offer(least, at)
            self.most = np.maximum(self.most, most)
            return
        self.best, self.best_at, self.most = least.copy(), np.ascontiguousarray(at), most.copy()

    def offer(self, least: np.ndarray, at: np.ndarray) -> None:
        """Keep the points `at` `(m, d)` where they make their objective smaller."""
        better = least < self.best
        # The points first: an interrupt in between leaves no value without its point.
        self.best_at[better] = at[better]
        self.best[better] = least[better]

    def prove(self, lower: np.ndarray) -> None:
        """Take over lower bounds `(m,)` that were proved elsewhere; NaN says nothing."""
        self.known = np.fmax(self.known, lower)

    def spread(self) -> np.ndarray:
        """`(m,)` the range seen of each objective; both ends count where both are asked for."""
        top = np.where(self._partner >= 0, -self.best[self._partner], -np.inf)
        return np.maximum(self.most, top) - self.best

    def tolerance(self) -> np.ndarray:
        """`(m,)` the absolute gap at which an objective is closed."""
        rounding = np.maximum(self.floor, FLOOR * np.abs(self.best)) + UNDERFLOW
        return np.maximum(self.tol * self.spread(), rounding)

    def aim(self) -> np.ndarray:
        """`(m,)` the gap at which boxes are closed: a hair less than `tolerance`."""
        tolerance = self.tolerance()
        done = self.dropped | (self.best - self.known <= tolerance)
        return np.where(done, np.inf, 0.999 * tolerance)

    def cutoff(self) -> np.ndarray:
        """`(m,)` a box is closed where its bound is at or above this."""
        if self.target is None:
            return self.best - self.aim()
        done = self.dropped | (self.known >= self.target)
        return np.where(done, -np.inf, self.target)

    @property
    def met(self) -> bool:
        """Whether a point lies below its goal."""
        return self.goal is not None and bool(np.any(self.best < self.goal))

    def scale(self) -> np.ndarray:
        """`(m,)` positive sizes by which gaps of different objectives are compared."""
        spread = self.spread()
        return np.where(spread > 0, spread, np.maximum(1e-9, np.abs(self.best)))

    @property
    def report_due(self) -> bool:
        """Whether to tell the caller where things stand, which costs a pass over all boxes."""
        return self.progress is not None and self.clock.seconds - self._last_report >= REPORTS

    def report(self, lower: np.ndarray, waiting: int) -> None:
        """Tell the caller where things stand."""
        if self.progress is None:
            return
        self._last_report = self.clock.seconds
        self.progress(
            SearchProgress(self._last_report, self.boxes, lower.copy(), self.best.copy(), waiting)
        )


def _opposites(rows: np.ndarray) -> np.ndarray:
    """For each row the index of its negative, or -1."""
    partner = np.full(len(rows), -1)
    where = {row.tobytes(): i for i, row in enumerate(rows + 0.0)}
    for i, row in enumerate(-rows + 0.0):
        partner[i] = where.get(row.tobytes(), -1)
    return partner
