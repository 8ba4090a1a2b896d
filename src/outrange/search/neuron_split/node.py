"""Sub-problems of neuron splitting: split constraints, ranges and bounds, of one and of many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(eq=False, slots=True)
class SplitNode:
    """An open sub-problem; all arrays `(s,)`.

    Args:
        low: Cuts `z >= low`, `-inf` where there is none.
        high: Cuts `z <= high`.
        lo: Ranges of the units.
        alpha: Slopes of its bound.
        beta: Multipliers of its bound.
        score: The branching score of each unit.
        age: Splits since the ranges were tightened.
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
        """The part where a unit is at most `point` (`side` below 0), or at least that."""
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
    """Split constraints and ranges of the first units: `(P, s)` each.

    Args:
        low: The constraint `z >= low`, whose multiplier may be used; `-inf` where there is none.
        high: The constraint `z <= high`; `inf` where there is none.
        lo: Least value of each unit in the sub-problem, split or not.
        same: `(P,)` rows with equal numbers are equal; None if nothing is known of that.
    """

    low: np.ndarray
    high: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    same: np.ndarray | None = None

    def take(self, index: np.ndarray) -> Splits:
        """Some of the sub-problems."""
        same = np.arange(len(self.lo)) if self.same is None else self.same
        return Splits(
            self.low[index], self.high[index], self.lo[index], self.hi[index], same[index]
        )

    def first(self, units: int) -> Splits:
        """Without the units after the first few."""
        low, high, lo, hi = (part[:, :units] for part in (self.low, self.high, self.lo, self.hi))
        return Splits(low, high, lo, hi, self.same)


@dataclass(eq=False)
class Cuts:
    """The split constraints of those units that any sub-problem has one of: a few of many.

    Args:
        columns: Array of shape `(c,)`.
        low: `(P, c)` their constraints `z >= low`, `-inf` where there is none.
        high: `(P, c)` their constraints `z <= high`.
    """

    columns: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @staticmethod
    def of(splits: Splits) -> Cuts:
        """Those of some sub-problems."""
        some = (splits.low.max(axis=0) > -np.inf) | (splits.high.min(axis=0) < np.inf)
        columns = np.flatnonzero(some)
        return Cuts(columns, splits.low[:, columns], splits.high[:, columns])

    def take(self, index: np.ndarray) -> Cuts:
        """Some of the sub-problems, with the same units."""
        return Cuts(self.columns, self.low[index], self.high[index])

    def shift(self, beta: np.ndarray) -> np.ndarray:
        """`(P,)` the constant that multipliers `(P, s)` add: `beta` times its split point."""
        beta = beta[:, self.columns]
        point = np.where(beta > 0, self.low, np.where(beta < 0, self.high, 0.0))
        return (beta * point).sum(axis=1)
