"""The incumbent that searches share: best points, proved bounds, tolerances and the clock."""

from __future__ import annotations

import numpy as np

from ...core import Clock
from ...core.progress import current_listener
from .solution import Progress, SearchProgress
from .tolerance import Convergence, Tolerance, relative_gap


REPORTS = 0.5
"""Minimum number of seconds between two reports of a running search. Each report reads the bounds
of all open boxes."""

FLOOR = 16 * np.finfo(np.float64).eps
"""Gap that may always be attributed to rounding, as a fraction of the values."""

LEAST_FRACTION = 0.1
"""Minimum of `Incumbent.violating_fraction`, so that attacks always get some time."""

UNDERFLOW = 1e-290
"""Absolute gap that may always be attributed to underflow."""


class Incumbent:
    """Best points and tolerances of `m` objectives, each to be minimized, and the clock.

    Searches that share an incumbent see each other's points and bounds.

    Args:
        rows: Objectives as rows, `(m, outputs)`; a row and its negative bound the same range.
        tol: Target gap, relative to the range that each objective attains, or a `Tolerance`.
        time_limit: Wall-clock seconds, or None for no limit.
        progress: Called with a `SearchProgress` while a search runs, at most once every `REPORTS`
            seconds. If None, the ambient listener is called, if there is one.
    """

    def __init__(
        self,
        rows: np.ndarray,
        tol: float | Tolerance,
        time_limit: float | None,
        progress: Progress | None,
    ) -> None:
        self.clock = Clock(time_limit)
        self.convergence = Convergence(
            tol if isinstance(tol, Tolerance) else Tolerance.of(tol, curved=False)
        )
        # An explicit callback replaces the ambient listener.
        self.progress = current_listener() if progress is None else progress
        self.boxes = 0
        self._partner = _opposites(np.asarray(rows))
        self._last_look = 0.0
        self.best = self.best_at = self.most = np.empty(0)
        self.dropped: np.ndarray | bool = False
        """`(m,)` mask of the objectives that need no more work; their sub-problems are dropped."""
        self.known = np.full(len(self._partner), -np.inf)
        """`(m,)` best lower bounds proved by any of the searches."""
        self.floor: np.ndarray | float = 0.0
        """`(m,)` part of each gap that rounding alone may cause; set by the search."""
        self.target: np.ndarray | None = None
        """`(m,)` targets of a decision: a bound at or above its target closes an objective."""
        self.ends_stalled = False
        """Whether the gaps are recorded, so that the search ends once it has stalled.

        See `Convergence.has_stalled`.
        """
        self.goal: np.ndarray | None = None
        """`(m,)` goals of a decision: a value below its goal interrupts the search for validation.
        """

    def start(self, least: np.ndarray, at: np.ndarray, most: np.ndarray) -> None:
        """Set the first values and points, or offer these if the incumbent already has points.

        Args:
            least: The least values, shape `(m,)`.
            at: `(m, d)` points at which the least values are attained.
            most: `(m,)` the largest known values.
        """
        if self.best.size:
            self.offer(least, at)
            self.most = np.maximum(self.most, most)
            return
        self.best, self.best_at, self.most = least.copy(), np.ascontiguousarray(at), most.copy()

    def offer(self, least: np.ndarray, at: np.ndarray) -> None:
        """Keep the points of `at` `(m, d)` whose values `least` improve their objectives."""
        better = least < self.best
        # Points first: an interrupt in between must not leave a value without its point.
        self.best_at[better] = at[better]
        self.best[better] = least[better]

    def prove(self, lower: np.ndarray) -> None:
        """Raise the known bounds to the proved bounds `lower` `(m,)` where these are higher.

        NaN in `lower` means that no bound is proved.
        """
        self.known = np.fmax(self.known, lower)

    def spread(self) -> np.ndarray:
        """Return the width of each attained range, `(m,)`; opposite objectives share a range."""
        top = np.where(self._partner >= 0, -self.best[self._partner], -np.inf)
        return np.maximum(self.most, top) - self.best

    def tolerance(self, tol: float | None = None) -> np.ndarray:
        """Return the absolute gap at which each objective is closed, `(m,)`.

        Args:
            tol: Gap as a fraction of the attained range, or None for the finest requested gap.
        """
        rounding = np.maximum(self.floor, FLOOR * np.abs(self.best)) + UNDERFLOW
        tol = self.convergence.tolerance.fine if tol is None else tol
        return np.maximum(tol * self.spread(), rounding)

    def closed_to(self, lower: np.ndarray) -> float | None:
        """Return the finest requested tolerance to which every objective is closed, or None.

        Args:
            lower: Proved bounds, shape `(m,)`.
        """
        requested = self.convergence.tolerance
        for tol in dict.fromkeys((requested.fine, requested.enough)):
            with np.errstate(invalid="ignore"):
                if np.all(self.best - lower <= self.tolerance(tol) * (1 + 1e-9)):
                    return tol
        return None

    def aim(self) -> np.ndarray:
        """Return the gap at which boxes are closed, `(m,)`: slightly less than `tolerance`.

        The gap is infinite for objectives that are dropped or already closed.
        """
        tolerance = self.tolerance()
        done = self.dropped | (self.best - self.known <= tolerance)
        return np.where(done, np.inf, 0.999 * tolerance)

    def cutoff(self) -> np.ndarray:
        """Return the bounds `(m,)` at or above which a box is closed.

        The bound is `-inf` for objectives that are dropped or already closed.
        """
        if self.target is None:
            return self.best - self.aim()
        done = self.dropped | (self.known >= self.target)
        return np.where(done, -np.inf, self.target)

    @property
    def decided(self) -> bool:
        """Whether each objective of a decision is dropped or proved to reach its target.

        False if there are no targets.
        """
        return self.target is not None and not bool((self.known < self.cutoff()).any())

    @property
    def violating_fraction(self) -> float:
        """Largest fraction of an open objective's possible minima that lie below its target.

        The possible minima lie between the proved bound and the best value. Attacks get time in
        proportion: if the bound nearly reaches the target and the best value lies far above it, a
        proof is likelier than a witness. The fraction is at least `LEAST_FRACTION`, and 1 without
        targets.
        """
        if self.target is None or not self.best.size:
            return 1.0
        open_ = np.isfinite(self.cutoff())
        below, wide = self.target - self.known, self.best - self.known
        with np.errstate(all="ignore"):
            fraction = np.nan_to_num(np.where(np.isfinite(wide), below / wide, 1.0), nan=1.0)
        return float(np.clip(np.max(fraction, where=open_, initial=0.0), LEAST_FRACTION, 1.0))

    @property
    def met(self) -> bool:
        """Whether some objective has a value below its goal."""
        return self.goal is not None and bool(np.any(self.best < self.goal))

    def scale(self) -> np.ndarray:
        """Return positive numbers `(m,)` by which gaps are divided before they are compared.

        The number is the width of the objective's attained range. If the width is 0, it is the
        absolute best value, but at least 1e-9.
        """
        spread = self.spread()
        return np.where(spread > 0, spread, np.maximum(1e-9, np.abs(self.best)))

    @property
    def look_due(self) -> bool:
        """Whether a report of the bounds, which costs a pass over all boxes, is due."""
        return self.clock.seconds - self._last_look >= REPORTS

    def look(self, lower: np.ndarray, waiting: int) -> None:
        """Record the gaps of a search for ranges, and report progress to the listener.

        Args:
            lower: `(m,)` proved lower bounds.
            waiting: Number of open sub-problems.
        """
        self._last_look = self.clock.seconds
        if self.target is None:
            gap = self.best - np.fmax(lower, self.known)
            gap = np.where(self.dropped | (gap <= self.tolerance()), 0.0, gap)
            self.convergence.record(relative_gap(gap, self.spread()), self._last_look, self.boxes)
            if self.ends_stalled:
                self.convergence.watch(gap, self._last_look)
        if self.progress is not None:
            now = (self._last_look, self.boxes, lower.copy(), self.best.copy(), waiting)
            self.progress(SearchProgress(*now))

    @property
    def suffices(self) -> bool:
        """Whether the acceptable gap is reached, and the search for the target gap costs too much.

        See `Convergence.suffices`.
        """
        return self.convergence.suffices(self.clock.seconds, self.boxes)


def _opposites(rows: np.ndarray) -> np.ndarray:
    """Return, for each row, the index of its negative, or -1 if there is none."""
    partner = np.full(len(rows), -1)
    if rows.shape[1] == 1:
        order = np.argsort(rows[:, 0], kind="stable")
        place = np.searchsorted(rows[order, 0], -rows[:, 0]).clip(max=len(rows) - 1)
        candidate = order[place]
        return np.where(rows[candidate, 0] == -rows[:, 0], candidate, -1)
    where = {row.tobytes(): i for i, row in enumerate(rows + 0.0)}
    for i, row in enumerate(-rows + 0.0):
        partner[i] = where.get(row.tobytes(), -1)
    return partner
