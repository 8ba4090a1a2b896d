"""Step functions, whose limits at jumps need not be attained, and lookups in tables.

A step function with finitely many jumps is an ordinary curve of level pieces. A *staircase* has
infinitely many jumps, evenly spaced and of equal height. So the limits at its jumps lie on two
parallel lines, and bounds on an interval depend only on the first and the last jump in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..core import OutrangeError, down, up
from ..core.arrays import Elementwise
from .curve import Curve
from .relaxation.side import Line, fall
from .table_rows import TableRows


HUGE = 2.0**50
"""Magnitude above which the jumps of a staircase are too close to be distinguished. Bounds over
intervals that extend beyond it use only the values at their endpoints.
"""


@dataclass(frozen=True, eq=False)
class Step(Curve):
    """A curve that is constant between its jumps, or a lookup in a table.

    Args:
        spacing: Distance between the jumps of a staircase; infinite if `jumps` lists them all.
        start: One jump of a staircase, or the only jump of another rising function.
        rises: Whether `f` is exact and never falls, and has one jump or evenly spaced jumps of
            equal height. The first and the last jump in an interval then determine the hull of all
            limits.
        slack: The value at `x` may be `f(z)` for any `z` with `|z - x| <= slack`. Slack covers the
            rounding errors in the argument of a quantizer, which may move it to the next step.
            Only a rising function may have slack.
        rows: The table from which an integer selects a row, if the function is a lookup. A
            lookup lists no jumps, because its input is an integer.
    """

    spacing: float = np.inf
    start: float = 0.0
    rises: bool = False
    slack: float = 0.0
    rows: TableRows | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 <= self.slack < np.inf or (self.slack and not self.rises):
            raise OutrangeError(
                f"`slack` of the step function `{self.name}` must be a finite number >= 0, and "
                f"must be 0 unless the function is nondecreasing. Received: {self.slack}."
            )

    def widen(self, lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return intervals that contain all arguments within `slack` of `[lo, hi]`."""
        return (down(lo - self.slack), up(hi + self.slack)) if self.slack else (lo, hi)

    @property
    def is_staircase(self) -> bool:
        """Whether there are infinitely many jumps."""
        return self.spacing < np.inf

    @property
    def is_piecewise_linear(self) -> bool:
        """Whether `f` is continuous and piecewise linear; False for every step function."""
        return False

    def range(self, lo: ArrayLike, hi: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return the range of `f` over each `[lo, hi]`, including the limits at jumps inside."""
        if self.rows is not None:
            return self.rows.range(lo, hi)
        if not self.rises:
            return super().range(lo, hi)
        with np.errstate(all="ignore"):
            lo, hi = self.widen(np.asarray(lo, np.float64), np.asarray(hi, np.float64))
            return self.f(lo), self.f(hi)

    @property
    def has_own_lines(self) -> bool:
        """Whether the lines come from this class rather than from the curve's convexity."""
        return self.rises or self.rows is not None

    def lower_line(
        self, sign: float, lo: np.ndarray, hi: np.ndarray, theta: np.ndarray | None
    ) -> Line:
        """Return slope, offset, theta, pivot and gain of lines below `sign * f`."""
        if self.rows is not None:
            return self.rows.line(sign, lo, hi)
        slope, offset, theta, pivot, gain = lower_line(self, sign, *self.widen(lo, hi), theta)
        return slope, self._loosen(slope, offset), theta, pivot, gain

    def any_lower(
        self, sign: float, slope: np.ndarray, lo: np.ndarray, hi: np.ndarray
    ) -> np.ndarray:
        """Return a lower bound on `sign * f(x) - slope * x` over `[lo, hi]`, for any slope."""
        if self.rows is not None:
            return self.rows.offset(sign, slope, lo, hi)
        return self._loosen(slope, any_lower(self, sign, slope, *self.widen(lo, hi)))

    def _loosen(self, slope: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """Lower the offset of a line below `f`, so that it is below all values that slack allows.

        With `|z - x| <= slack`, `f(z) - slope x >= f(z) - slope z - |slope| slack`.
        """
        if not self.slack:
            return offset
        return np.where(slope == 0.0, offset, down(offset - up(np.abs(slope) * self.slack)))

    def is_flat(self, lo: ArrayLike, hi: ArrayLike) -> np.ndarray:
        """Return a mask of the intervals on which `f` is proved to be constant, slack included."""
        least, most = self.range(lo, hi)
        return least == most

    def ends(self, lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the first and last jump that affect `[lo, hi]`, and whether bounds can use them.

        The function must rise. Bounds cannot use the jumps if there are none, or if the function is
        a staircase and the interval extends beyond `HUGE`.
        """
        with np.errstate(all="ignore"):
            if self.is_staircase:
                first = self.start + np.ceil((lo - self.start) / self.spacing) * self.spacing
                last = self.start + np.floor((hi - self.start) / self.spacing) * self.spacing
            else:
                first = np.where(lo <= self.start, self.start, np.inf)
                last = np.where(hi >= self.start, self.start, -np.inf)
            passed = (first == lo) & (self.f(lo) == self.f(up(lo)))
            first = np.where(passed, first + self.spacing, first)
            ahead = (last == hi) & (self.f(down(hi)) == self.f(hi))
            last = np.where(ahead, last - self.spacing, last)
            size = np.maximum(np.abs(lo), np.abs(hi))
            return first, last, (first <= last) & ((not self.is_staircase) | (size < HUGE))


def lower_line(
    step: Step, sign: float, lo: np.ndarray, hi: np.ndarray, theta: np.ndarray | None
) -> Line:
    """Return slope, offset, theta, pivot and gain of lines below `sign * f`, for a rising `f`.

    The lower convex hull has three pieces: it is level up to the first jump, connects the limits at
    the first and the last jump, and ends at the right endpoint. For `-f`, it is mirrored. `theta`
    selects one of the hull's slopes, or a slope between two of them.
    """
    if sign < 0:
        flipped = None if theta is None else theta
        slope, offset, theta, pivot, gain = _below(step, -1.0, -hi, -lo, flipped)
        return -slope, offset, theta, -pivot, -gain
    return _below(step, 1.0, lo, hi, theta)


def _below(
    step: Step, sign: float, lo: np.ndarray, hi: np.ndarray, theta: np.ndarray | None
) -> Line:
    """Return lines on the lower hull of `g(x) = sign * f(sign * x)`, which never falls."""

    def g(x: np.ndarray) -> np.ndarray:
        return sign * step.f(sign * x)

    first_end, last_end, any_inside = step.ends(*((lo, hi) if sign > 0 else (-hi, -lo)))
    first, last = (first_end, last_end) if sign > 0 else (-last_end, -first_end)
    first, last = (np.where(any_inside, at, lo) for at in (first, last))
    least, most = g(lo), g(hi)
    before_first = np.where(first > lo, g(down(first)), least)
    before_last = np.where(last > lo, g(down(last)), least)
    with np.errstate(all="ignore"):
        along = np.where(last > first, (before_last - before_first) / (last - first), 0.0)
        steep = np.where(hi > last, (most - before_last) / (hi - last), along)
        several = last > first
        middle = 0.5 * lo + 0.5 * hi
        if theta is None:
            theta = np.where(middle <= first, 0.0, np.where(middle >= last, 1.0, 0.5))
        late = several & (theta >= 0.5)
        slope = np.where(several, 2.0 * theta * along, theta * steep)
        slope = np.where(late, along + (2.0 * theta - 1.0) * (steep - along), slope)
        gain = np.where(several, np.where(late, 2.0 * (steep - along), 2.0 * along), steep)
        slope, gain = (np.where(any_inside, part, 0.0) for part in (slope, gain))
        slope = np.where(np.isfinite(slope), slope, 0.0)
        offset = lowest(g, slope, lo, hi, first, last)
        pivot = np.where(late, last, first)
    return slope, offset, theta, pivot, gain


def lowest(
    g: Elementwise,
    slope: np.ndarray,
    lo: np.ndarray,
    hi: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
) -> np.ndarray:
    """Bound `g(x) - slope * x` from below, at both endpoints and just before two given jumps."""
    least = np.minimum(fall(g(lo), slope, lo), fall(g(hi), slope, hi))
    for at in (first, last):
        inside = (at > lo) & (at <= hi)
        value = fall(g(down(at)), slope, at)
        least = np.where(inside, np.minimum(least, value), least)
    level = np.where(slope == 0.0, g(lo), least)
    return np.where(np.isnan(level), -np.inf, level)


def any_lower(
    step: Step, sign: float, slope: np.ndarray, lo: np.ndarray, hi: np.ndarray
) -> np.ndarray:
    """Return a lower bound on `sign * f(x) - slope * x` over `[lo, hi]`, for any slope.

    The function must rise.
    """
    turned = sign < 0
    if turned:
        # g(t) = -f(-t) with t = -x: -f(x) - slope x = g(t) + slope t.
        lo, hi, slope = -hi, -lo, -slope

    def g(x: np.ndarray) -> np.ndarray:
        return sign * step.f(sign * x)

    first_end, last_end, inside = step.ends(*((-hi, -lo) if turned else (lo, hi)))
    first, last = (-last_end, -first_end) if turned else (first_end, last_end)
    with np.errstate(all="ignore"):
        bound = lowest(g, slope, lo, hi, np.where(inside, first, lo), np.where(inside, last, lo))
        huge = step.is_staircase & (np.maximum(np.abs(lo), np.abs(hi)) >= HUGE)
        ends = np.minimum(fall(g(lo), slope, lo), fall(g(lo), slope, hi))
        bound = np.where(huge, np.where(slope == 0.0, g(lo), ends), bound)
    return np.where(np.isnan(bound), -np.inf, bound)
