"""What every search keeps: the best points, what is proved, and the tolerance that follows."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from .solution import SearchProgress, Solution


REPORTS = 0.5
"""Seconds between two calls of `progress`."""

FLOOR = 16 * np.finfo(np.float64).eps
"""A gap of this share of the values themselves is rounding, not search."""

UNDERFLOW = 1e-290
"""Nor is a gap below this, which only pays for underflow."""


class State:
    """Best points and proved bounds of `m` objectives, each to be minimised.

    Args:
        rows: `(m, outputs)`: two opposite rows are the two ends of one range.
        tol: Gap aimed at, relative to the range seen of each objective.
        time_limit: Seconds of wall time, or None.
        progress: Called a few times a second with a `SearchProgress`.
    """

    def __init__(self, rows, tol: float, time_limit: float | None, progress: Callable | None):
        self.began = time.perf_counter()
        self.tol, self.time_limit, self.progress = tol, time_limit, progress
        self.boxes = 0
        self._partner = _opposites(np.asarray(rows))
        self._last_report = self.began
        self.best = self.best_at = self.most = self.closed = np.empty(0)
        self.dropped: np.ndarray | bool = False
        """`(m,)` objectives that something else has closed: their boxes are let go."""
        self.known: np.ndarray | float = -np.inf
        """`(m,)` bounds proved before the search: what they close, it need not."""
        self.floor: np.ndarray | float = 0.0
        """`(m,)` what rounding alone may cost the bound of an objective; set by the search."""
        self.target: np.ndarray | None = None
        """`(m,)` for a decision: a bound at or above it closes an objective, whatever was seen."""
        self.goal: np.ndarray | None = None
        """`(m,)` with `target`: a point below it interrupts the search, to be looked at."""

    def start(self, least: np.ndarray, at: np.ndarray, most: np.ndarray) -> None:
        """Take the first points; nothing is closed yet."""
        self.best, self.best_at, self.most = least.copy(), np.ascontiguousarray(at), most.copy()
        self.closed = np.full(least.size, np.inf)

    def offer(self, least: np.ndarray, at: np.ndarray) -> None:
        """Keep the points `at` `(m, d)` where they make their objective smaller."""
        better = least < self.best
        # The points first: an interrupt in between leaves no value without its point.
        self.best_at[better] = at[better]
        self.best[better] = least[better]

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    @property
    def out_of_time(self) -> bool:
        return self.time_limit is not None and self.seconds > self.time_limit

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
        return self.progress is not None and time.perf_counter() - self._last_report >= REPORTS

    def report(self, lower: np.ndarray, waiting: int) -> None:
        """Tell the caller where things stand."""
        if self.progress is None:
            return
        self._last_report = time.perf_counter()
        self.progress(
            SearchProgress(self.seconds, self.boxes, lower.copy(), self.best.copy(), waiting)
        )

    def solution(self, lower: np.ndarray, stopped: str | None, methods) -> Solution:
        """Freeze; `stopped` is why the search ended early, None if nothing was left to do."""
        tolerance = self.tolerance()
        exact = bool(np.all(self.best - lower <= tolerance * (1 + 1e-9)))
        status = "exact" if exact else (stopped or "rounding")
        return Solution(
            lower, self.best, self.best_at, tolerance, status, self.boxes, self.seconds, methods
        )


def _opposites(rows: np.ndarray) -> np.ndarray:
    """For each row the index of its negative, or -1."""
    partner = np.full(len(rows), -1)
    where = {row.tobytes(): i for i, row in enumerate(rows + 0.0)}
    for i, row in enumerate(-rows + 0.0):
        partner[i] = where.get(row.tobytes(), -1)
    return partner
