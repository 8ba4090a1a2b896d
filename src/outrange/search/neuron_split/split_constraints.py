"""Split constraints and ranges of units in sub-problems."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(eq=False)
class Splits:
    """Split constraints and ranges of the first units: `(P, s)` each.

    Args:
        low: The constraint `z >= low`, whose multiplier may be used; `-inf` where there is none.
        high: The constraint `z <= high`; `inf` where there is none.
        lo: Least value of each unit in the sub-problem, split or not.
        hi: Largest value.
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
