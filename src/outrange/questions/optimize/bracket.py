"""Bracket of a minimum, and the choice of the next threshold to decide."""

from __future__ import annotations

import numpy as np


HALF = 0.4871
"""Fraction at which a bracket is divided; unlike 1/2, it rarely yields round thresholds."""

BOLD = 0.25
"""Width of the bracket, relative to `spread`, up to which a single decision tries to close it."""

NEAR = 0.25
"""Distance from a tie to the next thresholds, relative to the tolerance."""


class Bracket:
    """Bracket `lower <= minimum <= upper`, narrowed by comparing the minimum with thresholds.

    Rounding may leave a threshold undecided (a tie): the minimum equals it, or the feasible set is
    so thin that no float64 point in it is known. The search then decides a threshold slightly below
    the tie and a threshold slightly above it. After that, it bisects the rest of the bracket on
    both sides of the tie. So a tie costs only a few decisions.

    Args:
        tol: Tolerance relative to `spread`.
    """

    def __init__(self, tol: float) -> None:
        self.tol = tol
        self.lower, self.upper = -np.inf, np.inf
        self.ceiling = -np.inf
        """Upper bound on the objective over all inputs, feasible or not."""
        self.spread = 0.0
        """Width of the objective's range over the evaluated inputs."""
        self.tied: tuple[float, float] | None = None
        """Smallest and largest threshold that rounding left undecided; None if there is no tie."""
        self._turns = 0

    @property
    def end(self) -> float:
        """Upper bound on the minimum, the smaller of `upper` and `ceiling`."""
        return min(self.upper, self.ceiling)

    @property
    def tolerance(self) -> float:
        return self._absolute(self.tol)

    @property
    def closed(self) -> bool:
        return self.closed_to(self.tol)

    def closed_to(self, tol: float) -> bool:
        """Return whether the width of the bracket is at most `tol` times `spread`.

        A width of a few float64 roundings of the values is accepted for any `tol`.
        """
        return self.upper - self.lower <= self._absolute(tol)

    def _absolute(self, tol: float) -> float:
        size = abs(self.upper) if self.upper < np.inf else 0.0
        floor = 64 * np.finfo(np.float64).eps * max(size, abs(self.spread), 1e-290)
        return max(tol * self.spread, floor)

    def next(self) -> float | None:
        """Return the next threshold; None if the bracket is closed or cannot be narrowed."""
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
        """Return a threshold near the middle of the bracket.

        The result is None if the bracket is closed or has a tie.
        """
        mark = self.lower + HALF * (self.upper - self.lower)
        inside = self.tied is None and not self.closed and self.lower < mark < self.upper
        return mark if inside else None

    def tie(self, mark: float) -> None:
        """Record that rounding left the threshold `mark` undecided."""
        if self.tied is None:
            self._turns = 0
        least, most = self.tied or (mark, mark)
        self.tied = min(least, mark), max(most, mark)

    def settle(self) -> None:
        """Discard a tie that lies outside the bracket."""
        if self.tied is not None and (self.lower >= self.tied[1] or self.end < self.tied[0]):
            self.tied = None
