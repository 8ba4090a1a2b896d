"""Sub-problems of neuron splitting: split constraints, ranges and bounds, single or stacked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(eq=False, slots=True)
class SplitNode:
    """An open sub-problem; all arrays have shape `(s,)`.

    Args:
        low: Split constraints `z >= low`; `-inf` if there is none.
        high: Split constraints `z <= high`; `inf` if there is none.
        lo: Lower bounds of the units' ranges.
        hi: Upper bounds of the units' ranges.
        alpha: Line parameters from the last ascent; a new node inherits them from its parent.
        beta: Multipliers of the split constraints from the same ascent.
        score: The branching score of each unit.
        least: The proved bound on the objective.
        age: Number of splits since the ranges were last tightened; a root starts at 1.
    """

    low: np.ndarray
    high: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    score: np.ndarray
    least: float
    age: int

    def cut(self, unit: int, point: float, side: float) -> SplitNode:
        """Return the half where a unit is at most `point` (if `side` < 0), or at least `point`."""
        low, high, lo, hi = self.low.copy(), self.high.copy(), self.lo.copy(), self.hi.copy()
        if side < 0:
            high[unit], hi[unit] = point, min(hi[unit], point)
        else:
            low[unit], lo[unit] = point, max(lo[unit], point)
        return SplitNode(
            low, high, lo, hi, self.alpha, self.beta, self.score, self.least, self.age + 1
        )


@dataclass(eq=False)
class Splits:
    """Split constraints and ranges of the first `s` units: `(P, s)` each.

    Args:
        low: The split constraint `z >= low`, which may have a multiplier; `-inf` if there is none.
        high: The split constraint `z <= high`; `inf` if there is none.
        lo: Lower bound on each unit's input in the sub-problem, split or not.
        hi: Upper bound on each unit's input in the sub-problem, split or not.
        same: `(P,)` labels. Sub-problems with the same label are copies of each other, so their
            ranges are processed only once. None if no copies are known.
    """

    low: np.ndarray
    high: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    same: np.ndarray | None = None

    def take(self, index: np.ndarray) -> Splits:
        """Return a copy with only the sub-problems at `index`."""
        same = np.arange(len(self.lo)) if self.same is None else self.same
        return Splits(
            self.low[index], self.high[index], self.lo[index], self.hi[index], same[index]
        )

    def first(self, units: int) -> Splits:
        """Return the splits of the first `units` units."""
        low, high, lo, hi = (part[:, :units] for part in (self.low, self.high, self.lo, self.hi))
        return Splits(low, high, lo, hi, self.same)


@dataclass(eq=False)
class Cuts:
    """Split constraints, restricted to the units that some sub-problem splits.

    Args:
        columns: Indices of these units, shape `(c,)`.
        low: `(P, c)` their constraints `z >= low`; `-inf` if there is none.
        high: `(P, c)` their constraints `z <= high`; `inf` if there is none.
    """

    columns: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @staticmethod
    def of(splits: Splits) -> Cuts:
        """Collect the split constraints of sub-problems."""
        some = (splits.low.max(axis=0) > -np.inf) | (splits.high.min(axis=0) < np.inf)
        columns = np.flatnonzero(some)
        return Cuts(columns, splits.low[:, columns], splits.high[:, columns])

    def take(self, index: np.ndarray) -> Cuts:
        """Return a copy with only the sub-problems at `index`, and the same units."""
        return Cuts(self.columns, self.low[index], self.high[index])

    def shift(self, beta: np.ndarray) -> np.ndarray:
        """Return the constants `(P,)` that the multipliers `beta` add to the bounds.

        They are the sums over all units of the multiplier times the split point.

        Args:
            beta: Signed multipliers of all units, `(P, s)`.
        """
        beta = beta[:, self.columns]
        point = np.where(beta > 0, self.low, np.where(beta < 0, self.high, 0.0))
        return (beta * point).sum(axis=1)
