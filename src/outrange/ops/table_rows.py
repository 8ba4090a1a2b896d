"""A table indexed by integers, and bounds on it: the data of a `Step` that is a lookup.

Between two successive integers, the table is interpolated linearly.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .relaxation.side import Line, fall


class TableRows:
    """A table with one number per row.

    Args:
        entries: `(n,)`, finite; the integer `k` selects row `k`. An integer below 0 selects the
            first row, and an integer beyond the last row selects the last one.
    """

    def __init__(self, entries: np.ndarray) -> None:
        self.entries = np.array(entries, np.float64)
        self.last = len(self.entries) - 1
        self.off = 2.0**-50 * float(np.abs(self.entries).max())
        """Bound on the error of an interpolated value between two rows; at a row, the value is
        exact."""

    def at(self, x: ArrayLike) -> np.ndarray:
        """Return the entry of row `x`, or the linear interpolation between two rows."""
        x = np.asarray(x, np.float64)
        at = np.clip(np.nan_to_num(x, nan=0.0), 0, self.last)
        before = np.floor(at).astype(np.int64)
        low, high = self.entries[before], self.entries[np.minimum(before + 1, self.last)]
        return np.where(np.isnan(x), x, low + (at - before) * (high - low))

    def range(self, lo: ArrayLike, hi: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Bound the table over each `[lo, hi]`, from the rows inside and both endpoints."""
        lo, hi = np.broadcast_arrays(np.asarray(lo, np.float64), np.asarray(hi, np.float64))
        ends = np.stack([self.at(lo), self.at(hi)])
        pad = np.where(_is_integer(lo) & _is_integer(hi), 0.0, self.off)
        least, most = ends.min(axis=0) - pad, ends.max(axis=0) + pad
        first = np.clip(np.ceil(lo), 0, self.last + 1).astype(np.int64)
        last = np.clip(np.floor(hi), -1, self.last).astype(np.int64)
        length = last - first + 1
        if (length > 0).any():
            # Two runs of a power of two cover the rows from the first to the last.
            level = np.frexp(np.maximum(length, 1).astype(np.float64))[1] - 1
            other = np.maximum(last + 1 - (1 << level), 0)
            first = np.minimum(first, self.last)
            some = length > 0
            low = np.minimum(self._runs[0][level, first], self._runs[0][level, other])
            high = np.maximum(self._runs[1][level, first], self._runs[1][level, other])
            least = np.where(some, np.minimum(least, low), least)
            most = np.where(some, np.maximum(most, high), most)
        return least, most

    @cached_property
    def _runs(self) -> tuple[np.ndarray, np.ndarray]:
        """Minima and maxima of runs of `2**k` successive rows, indexed by `k` and the first row."""
        tables = []
        for pick in (np.minimum, np.maximum):
            lines = [self.entries]
            while 1 << len(lines) <= self.last + 1:
                before, step = lines[-1], 1 << (len(lines) - 1)
                after = np.concatenate([before[step:], np.repeat(before[-1:], step)])
                lines.append(pick(before, after))
            tables.append(np.stack(lines))
        return tables[0], tables[1]

    def line(self, sign: float, lo: np.ndarray, hi: np.ndarray) -> Line:
        """Return slope, offset, theta, pivot and gain of lines below `sign` times the table.

        A line is level unless its interval runs from one row exactly to the next.
        """
        least, most = self.range(lo, hi)
        level = least if sign > 0 else -most
        two = (hi == lo + 1.0) & _is_integer(lo) & (lo >= 0) & (hi <= self.last)
        low, high = sign * self.at(lo), sign * self.at(hi)
        slope = np.where(two, high - low, 0.0)
        along = np.minimum(fall(low, slope, lo, self.off), fall(high, slope, hi, self.off))
        nothing = np.zeros(lo.shape)
        return slope, np.where(two, along, level), nothing + 0.5, nothing, nothing

    def offset(self, sign: float, slope: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return a lower bound on `sign * table(x) - slope * x` over `[lo, hi]`, for any slope."""
        least, most = self.range(lo, hi)
        level = least if sign > 0 else -most
        with np.errstate(all="ignore"):
            bound = np.minimum(fall(level, slope, lo), fall(level, slope, hi))
        bound = np.where(slope == 0.0, level, bound)
        return np.where(np.isnan(bound), -np.inf, bound)


def _is_integer(x: np.ndarray) -> np.ndarray:
    return np.floor(x) == x
