"""The bracket of a least value: its next threshold, and thresholds left open by rounding."""

from __future__ import annotations

import numpy as np


HALF = 0.4871
"""Fraction at which a bracket is divided: not one half, so that thresholds avoid round numbers."""

BOLD = 0.25
"""Share of the seen range below which a gap is tried in one decision."""

NEAR = 0.25
"""Distance from a tie to the next thresholds, as a share of the tolerance."""


class Bracket:
    """A bracket `lower <= least value <= upper`, narrowed by decisions "is it at most `mark`?".

    Rounding may leave a threshold `mark` open: the value ties with it, or the feasible set is so
    thin that no float64 point in it is known. Then the thresholds next to it are decided next, and
    those further away by bisection. So a tie costs a few decisions and not the answer.

    Args:
        tol: Tolerance relative to `spread`.
    """

    def __init__(self, tol: float) -> None:
        self.tol = tol
        self.lower, self.upper = -np.inf, np.inf
        self.ceiling = -np.inf
        """An upper bound on the objective over all inputs, feasible or not."""
        self.spread = 0.0
        """The range of the objective at evaluated inputs."""
        self.tied: tuple[float, float] | None = None
        """The least and largest threshold that rounding left open."""
        self._turns = 0

    @property
    def end(self) -> float:
        """The upper end; while no feasible input is known, that of all inputs."""
        return min(self.upper, self.ceiling)

    @property
    def tolerance(self) -> float:
        return self._absolute(self.tol)

    @property
    def closed(self) -> bool:
        return self.closed_to(self.tol)

    def closed_to(self, tol: float) -> bool:
        """Return whether the bracket is as narrow as `tol`, relative to `spread`, requires."""
        return self.upper - self.lower <= self._absolute(tol)

    def _absolute(self, tol: float) -> float:
        size = abs(self.upper) if self.upper < np.inf else 0.0
        floor = 64 * np.finfo(np.float64).eps * max(size, abs(self.spread), 1e-290)
        return max(tol * self.spread, floor)

    def next(self) -> float | None:
        """Return the next threshold; None if none can narrow the bracket further."""
        gap = self.end - self.lower
        if not gap > self.tolerance:
            return None
        if self.tied is None:
            bold = gap <= BOLD * max(self.spread, 1e-300) and self.upper < np.inf
            mark = self.end - 0.9 * self.tolerance if bold else self.lower + HALF * gap
            return mark if self.lower < mark < self.end else None
        least, most = self.tied
        step, near = NEAR * self.tolerance, self._turns < 2
        marks = []
        if least - self.lower > step:
            marks.append(least - step if near else self.lower + HALF * (least - self.lower))
        if self.end - most > step:
            marks.append(most + step if near else most + HALF * (self.end - most))
        marks = [mark for mark in marks if self.lower < mark < self.end]
        self._turns += 1
        return marks[self._turns % len(marks)] if marks else None

    def middle(self) -> float | None:
        """Return a threshold in the middle of an open bracket without a tie, else None."""
        mark = self.lower + HALF * (self.upper - self.lower)
        inside = self.tied is None and not self.closed and self.lower < mark < self.upper
        return mark if inside else None

    def tie(self, mark: float) -> None:
        """Record that rounding left `mark` open."""
        if self.tied is None:
            self._turns = 0
        least, most = self.tied or (mark, mark)
        self.tied = min(least, mark), max(most, mark)

    def settle(self) -> None:
        """Drop a tie that lies outside the bracket."""
        if self.tied is not None and (self.lower >= self.tied[1] or self.end < self.tied[0]):
            self.tied = None
