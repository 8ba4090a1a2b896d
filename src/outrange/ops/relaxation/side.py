"""A curve bounded from below: `f` itself, or `-f` for its upper bound."""

from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from ...core import down, up
from ...core.arrays import Numbers
from ...core.rounding import UNIT


class CurveFacts(Protocol):
    """The parts of a `Curve` from which its lines are derived."""

    def f(self, x: Any, /) -> Any: ...
    def df(self, x: Any, /) -> Any: ...
    @property
    def knots(self) -> tuple[float, ...]: ...
    @property
    def bends(self) -> tuple[str, ...]: ...
    @property
    def on(self) -> tuple[float, float]: ...
    @property
    def jumps(self) -> tuple[float, ...]: ...
    @property
    def ulps(self) -> float: ...
    @property
    def off(self) -> float: ...
    @property
    def slope_error(self) -> float: ...
    @property
    def lines(self) -> tuple[tuple[float, float] | None, ...] | None: ...
    @property
    def beyond(self) -> tuple[float, float] | None: ...
    def outside(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray: ...
    def range(self, lo: Any, hi: Any) -> tuple[np.ndarray, np.ndarray]: ...


SAFE = 1.0 + 2.0**-50
TINY = 2.0**-1000
"""Bound on the error of every underflow; a normal number, so that arithmetic with it is fast."""
Line = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Slope, offset, theta, pivot and gain of lines below a curve: see `relax.LinePair`."""

MIRROR = {"line": "line", "cup": "cap", "cap": "cup"}


def fall(value: Numbers, slope: np.ndarray, at: Numbers, extra: Numbers = 0.0) -> np.ndarray:
    """Return a float64 that is at most `(value - extra) - slope * at`, rounding included.

    Let `u` be the unit roundoff. The product has an error of `u |slope at|`, and each of the two
    subtractions an error of `u` times its result. Together, these are less than `4u (|slope at| +
    |value|)`, which includes the rounding of this bound. Without `extra`, no error is subtracted
    where `slope` or `at` is 0, so that bounds on constant pieces stay exact.
    """
    product = slope * at
    pad = 4.0 * UNIT * (np.abs(product) + np.abs(value)) + TINY
    if isinstance(extra, float) and extra == 0.0:
        pad = np.where((slope == 0.0) | (at == 0.0), 0.0, pad)
    else:
        pad = pad + extra * SAFE
    return (value - product) - pad


class Side:
    """`sign * f` with its convexity, and cached bounds at its knots.

    Args:
        curve: The curve `f`, with its convexity and rounding errors.
        sign: 1 for `f`, -1 for `-f`.
    """

    def __init__(self, curve: CurveFacts, sign: float) -> None:
        self.curve, self.sign = curve, sign
        bends = curve.bends if sign > 0 else tuple(MIRROR[b] for b in curve.bends)
        self.is_cup = np.array([b == "cup" for b in bends])
        self.is_line = np.array([b == "line" for b in bends])
        self.knots = np.array(curve.knots, np.float64)
        self.left = np.concatenate([[curve.on[0]], self.knots])
        self.right = np.concatenate([self.knots, [curve.on[1]]])
        # Next to a knot the slope is evaluated just inside the gap: the knot may be a kink.
        self.first = np.concatenate([[curve.on[0]], up(self.knots)])
        self.last = np.concatenate([down(self.knots), [curve.on[1]]])
        self.cups_before = np.concatenate([[0], np.cumsum(self.is_cup)])
        cups = np.flatnonzero(self.is_cup)
        self.next_cup = np.append(cups, 0)[np.searchsorted(cups, np.arange(len(bends)))]
        self.exact = not (curve.ulps or curve.off)
        self._state_lines()
        self._state_knots()
        self._after, self._before = self._edges()

    def _state_lines(self) -> None:
        """Set the slope and offset of every gap on which the curve is exactly a line."""
        lines = self.curve.lines or (None,) * len(self.is_line)
        self.has_line = np.array([line is not None for line in lines])
        filled = [(0.0, 0.0) if line is None else line for line in lines]
        self.line_slope = self.sign * np.array([line[0] for line in filled])
        self.line_offset = self.sign * np.array([line[1] for line in filled])
        smooth = ~np.isin(self.knots, self.curve.jumps)
        # Per knot, and one entry more, so that any gap is a valid index.
        self.meets_exactly = np.append(self.has_line[:-1] & self.has_line[1:] & smooth, False)
        self.meets_convex = np.append(self.line_slope[:-1] <= self.line_slope[1:], False)

    def _state_knots(self) -> None:
        """Set `knot_value` and `knot_extra`: their difference bounds every knot's value from below.

        At a jump, it also bounds both one-sided limits.
        """
        values, extras = [], []
        for i, knot in enumerate(self.knots):
            candidates = [self._at(knot), self._limit(i, knot), self._limit(i + 1, knot)]
            # Three bounds on one number, or at a jump on three different ones.
            pick = min if knot in self.curve.jumps else max
            value, extra = pick(candidates, key=lambda pair: pair[0] - pair[1])
            values.append(value)
            extras.append(extra)
        self.knot_value = np.array(values, np.float64)
        self.knot_extra = np.array(extras, np.float64)

    def _edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Return limits on the endpoints of intervals that do not touch a knot, for every knot.

        For intervals on the right of a knot, the first array contains the least start. For
        intervals on its left, the second array contains the largest stop.

        An interval with an endpoint at a jump touches the jump, unless the value of the curve there
        is the limit from inside the interval.
        """
        after, before = self.knots.copy(), self.knots.copy()
        for i in np.flatnonzero(np.isin(self.knots, self.curve.jumps)).tolist():
            value, _ = self._at(self.knots[i])
            if value != self._limit(i + 1, self.knots[i])[0]:
                after[i] = up(after[i])
            if value != self._limit(i, self.knots[i])[0]:
                before[i] = down(before[i])
        return after, before

    def _at(self, x: float) -> tuple[float, float]:
        value = float(self.value(np.asarray(x)))
        return value, float(np.max(self.error(value)))

    def _limit(self, gap: int, knot: float) -> tuple[float, float]:
        """Return a value and an error; `value - error` bounds the limit inside `gap` from below.

        The limit is taken at `knot`, an endpoint of the gap.
        """
        if self.has_line[gap]:
            slope, offset = float(self.line_slope[gap]), float(self.line_offset[gap])
            whole = Fraction(slope) * Fraction(float(knot)) + Fraction(offset)
            rounded = float(whole)
            return (rounded if Fraction(rounded) <= whole else float(down(rounded))), 0.0
        if knot not in self.curve.jumps:
            return self._at(knot)
        near = float(self.last[gap] if knot == self.right[gap] else self.first[gap])
        value, extra = self._at(near)
        with np.errstate(all="ignore"):
            return value, extra + 2.0 * abs(float(self.slope(np.asarray(near)))) * abs(near - knot)

    def limit_least(self, i: int, gap: int) -> float:
        """Return a lower bound on the limit at knot `i` from inside `gap`."""
        value, extra = self._limit(gap, self.knots[i])
        return float(down(value - extra)) if extra > 0 else value

    def value(self, x: np.ndarray) -> np.ndarray:
        """Return `sign * f(x)` in float64."""
        return self.curve.f(x) if self.sign > 0 else -self.curve.f(x)

    def slope(self, x: np.ndarray) -> np.ndarray:
        """Return `sign * f'(x)` in float64."""
        return self.curve.df(x) if self.sign > 0 else -self.curve.df(x)

    def error(self, value: Numbers) -> Numbers:
        """Bound the error of a value; return the float 0.0 if `f` is exact."""
        if self.exact:
            return 0.0
        return self.curve.off + self.curve.ulps * (2.0 * UNIT * np.abs(value) + TINY)

    def slope_slack(self, slope: np.ndarray) -> np.ndarray:
        """Return a bound on the error of a slope, 1 % larger to cover the caller's rounding."""
        return 1.01 * self.curve.slope_error * (1.0 + np.abs(slope))

    def gaps(self, lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return indices of the first and last intervals between knots that `[lo, hi]` touches."""
        return (
            np.searchsorted(self._after, lo, side="right"),
            np.searchsorted(self._before, hi, side="left"),
        )

    def least(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return a lower bound on `sign * f` over `[lo, hi]`, used if no line is known."""
        least, most = self.curve.range(lo, hi)
        return least if self.sign > 0 else -most
