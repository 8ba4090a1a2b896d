"""An open sub-problem of neuron splitting: its split constraints, ranges and bound."""

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
        hi: The other ends.
        theta: Slopes of its bound.
        beta: Multipliers of its bound.
        score: The branching score of each unit.
        least: Its proved bound.
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
