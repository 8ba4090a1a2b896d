"""Where to ask next: the bracket of a least value, and the marks that rounding left open."""

from __future__ import annotations

import numpy as np


HALF = 0.4871
"""Where a bracket is cut: not at a half, so that marks do not fall on the numbers people use."""

BOLD = 0.25
"""Share of the range seen: with less than this left to know, the whole gap is tried at once."""

NEAR = 0.25
"""Marks beside a tie are this share of the tolerance away from it."""


class Bracket:
    """`lower <= least value <= upper`, narrowed by asking "is it at most `mark`?".

    Where rounding leaves a mark open, the value ties with it (or what is admissible is so thin that
    no float64 point is known in it): the marks beside it are asked, then those further away by
    bisection, so that one tie costs a few questions and not the answer.

    Args:
        tol: Relative to `spread`.
    """

    def __init__(self, tol: float) -> None:
        self.tol = tol
        self.lower, self.upper = -np.inf, np.inf
        self.ceiling = -np.inf
        """What the objective is at most, admissible or not."""
        self.spread = 0.0
        """The range of the objective seen."""
        self.tied: tuple[float, float] | None = None
        """The least and largest mark that rounding left open."""
        self._turns = 0

    @property
    def end(self) -> float:
        """The upper end: while no admissible input is known, of all inputs."""
        return min(self.upper, self.ceiling)

    @property
    def tolerance(self) -> float:
        size = abs(self.upper) if self.upper < np.inf else 0.0
        floor = 64 * np.finfo(np.float64).eps * max(size, abs(self.spread), 1e-290)
        return max(self.tol * self.spread, floor)

    @property
    def closed(self) -> bool:
        return self.upper - self.lower <= self.tolerance

    def next(self) -> float | None:
        """The next mark; None if there is none that could still narrow the bracket."""
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
        """A mark in the midst of a bracket that is not closed and has no tie."""
        mark = self.lower + HALF * (self.upper - self.lower)
        inside = self.tied is None and not self.closed and self.lower < mark < self.upper
        return mark if inside else None

    def tie(self, mark: float) -> None:
        """Rounding left `mark` open."""
        if self.tied is None:
            self._turns = 0
        least, most = self.tied or (mark, mark)
        self.tied = min(least, mark), max(most, mark)

    def settle(self) -> None:
        """Forget a tie that the bracket no longer holds."""
        if self.tied is not None and (self.lower >= self.tied[1] or self.end < self.tied[0]):
            self.tied = None
