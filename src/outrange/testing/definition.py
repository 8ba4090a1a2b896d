"""Values of a curve, computed with 60 digits, and test points that may reveal a false property."""

import math
from functools import cached_property
from typing import Any

import numpy as np

from ..core import OutrangeError, down, up
from ..ops import Curve
from .arithmetic import many_bits


BITS = 202  # 60 decimal digits
TINY = 1e-20
"""Points closer to 0 than this are evaluated with enough digits to add 1 to them exactly."""

FRACTIONS = np.array([0.0, 1e-3, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.999, 1.0])
SCALES = 10.0 ** np.array([-9.0, -6.0, -3.0, -1.0, 0.0, 1.0])
SHAPES = ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.1, 1.0), (1.0, 0.1))
FIXED = (
    (-1, 1), (0, 1), (-1, 0), (0, 0), (1, 1), (-6, 6), (-1e-3, 5), (-5, 1e-3), (-3, 20), (-20, 3),
    (-50, 50), (0.5, 9), (-9, -0.5), (2, 3), (-300, 40), (-40, 300), (0.001, 0.3), (1e-12, 1e6),
    (-1e6, 1e6), (-1e300, 1e300), (-np.inf, np.inf), (-np.inf, 1), (-1, np.inf), (3, np.inf),
    (-np.inf, -3),
)  # fmt: skip


class Oracle:
    """The definition of a curve, evaluated with at least 60 digits.

    Args:
        curve: The curve, whose `exact` is the definition. Curves with the same `exact` may share an
            oracle.

    Raises:
        OutrangeError: The curve has no `exact`.
    """

    def __init__(self, curve: Curve) -> None:
        if curve.exact is None:
            raise OutrangeError(f"`{curve.name}` has no `exact` definition to compare with.")
        self.mp = many_bits(BITS)
        self.exact = curve.exact
        self._seen: dict[float, tuple[float, float]] = {}

    @cached_property
    def _finest(self) -> Any:
        """An mpmath context in which the sum of 1 and any finite float64 is exact."""
        return many_bits(BITS + 1100)

    def real(self, x: Any, mp: Any = None) -> Any:
        """Return the value at the mpmath number `x`, or NaN if the curve is undefined there.

        Args:
            x: The point.
            mp: The mpmath context to compute in; None for the oracle's own.
        """
        mp = mp or self.mp
        try:
            value = self.exact(mp, x)
        except (ValueError, ZeroDivisionError, OverflowError):
            return mp.nan
        return value if isinstance(value, mp.mpf) else mp.nan

    def at(self, x: float) -> Any:
        """Return the curve's value at the float64 `x`, as an mpmath number."""
        # In 60 digits, a sum of 1 and a smaller number would lose that number.
        mp = self._finest if 0.0 < abs(x) < TINY else self.mp
        return self.real(mp.mpf(float(x)), mp)

    def slope(self, x: float) -> Any:
        """Return the derivative at the float64 `x`, from a central difference in 60 digits."""
        x = self.mp.mpf(float(x))
        step = self.mp.mpf(10) ** -20 * (abs(x) if x else self.mp.mpf(10) ** -10)
        return (self.real(x + step) - self.real(x - step)) / (2 * step)

    def values(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the curve's values at `x` as two float64 arrays `(high, low)`.

        If both are finite, their exact sum is the value to about 106 bits.
        """
        flat = np.ravel(x)
        for p in set(flat.tolist()) - self._seen.keys():
            value = self.at(p)
            high = float(value)
            self._seen[p] = (high, float(value - high) if math.isfinite(high) else 0.0)
        pairs = np.array([self._seen[p] for p in flat.tolist()]).reshape(-1, 2)
        return pairs[:, 0].reshape(x.shape), pairs[:, 1].reshape(x.shape)


def special(curve: Curve, most: int = 9) -> list[float]:
    """Return points that the curve's description mentions, and finite endpoints of its domain.

    If more than `most` points are mentioned, apart from the endpoints, only the points nearest to 0
    and the two points farthest from 0 are returned.
    """
    named = sorted({*curve.knots, *curve.turns, *curve.jumps, *curve.holes}, key=abs)
    named = named if len(named) <= most else [*named[: most - 2], *named[-2:]]
    return [p for p in (*named, *curve.on) if math.isfinite(p)]


def boxes(curve: Curve, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the endpoints of test intervals: random, fixed, and near special points."""
    rng = np.random.default_rng(seed)
    middle, radius = rng.normal(0.0, 3.0, 40), 10.0 ** rng.uniform(-9.0, 1.0, 40)
    pairs = [np.stack([middle - radius, middle + radius], 1), np.array(FIXED, np.float64)]
    for p in special(curve):
        pairs += [np.stack([p - SCALES * a, p + SCALES * b], 1) for a, b in SHAPES]
    intervals = np.concatenate(pairs)
    if curve.beyond is None:
        intervals = np.clip(intervals, *curve.on)
    for pole in curve.poles:
        intervals = intervals[(pole < intervals[:, 0]) | (intervals[:, 1] < pole)]
    return intervals[:, 0].copy(), intervals[:, 1].copy()


def samples(curve: Curve, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Return test points of each interval, `(intervals, points)`.

    Most points lie in the intersection of the interval with [-1000, 1000]: at fixed fractions of
    its width, or at special points such as knots and jumps.
    """
    a, b = np.clip(lo, -1e3, 1e3), np.clip(hi, -1e3, 1e3)
    even = np.clip(a[:, None] + (b - a)[:, None] * FRACTIONS, a[:, None], b[:, None])
    even[:, -1] = b  # rounding may have moved it
    named = special(curve, 5)
    named = np.array([*named, *(f(p) for p in curve.jumps for f in (up, down))], np.float64)
    near = np.clip(named + np.zeros((len(lo), 1)), a[:, None], b[:, None])
    return np.clip(np.concatenate([even, near], 1), lo[:, None], hi[:, None])


def probes(curve: Curve, seed: int = 0) -> np.ndarray:
    """Return test points of many magnitudes in the domain, some of them far from 0."""
    rng = np.random.default_rng(seed)
    tens = 10.0 ** rng.uniform(-9.0, 1.5, 60)
    far = [0.0, 1e-300, 1e5, 1e17, 20.0, 37.0, 38.4, 300.0, 700.0, 744.0, 745.1]
    close = [
        p + s * q for p in special(curve) for s in (-1, 1) for q in (0.0, 1e-12, 1e-6, 1e-3, 0.1)
    ]
    points = np.concatenate([rng.normal(0.0, 3.0, 150), tens, -tens, far, np.negative(far), close])
    points = points[
        (points >= curve.on[0]) & (points <= curve.on[1]) & ~np.isin(points, curve.poles)
    ]
    return np.unique(points)


def ladder(a: float, b: float, reach: float = 12.0) -> np.ndarray:
    """Return increasing points strictly inside `(a, b)`, denser toward its finite endpoints."""
    finite_a, finite_b = math.isfinite(a), math.isfinite(b)
    left = a if finite_a else (b if finite_b else 0.0) - reach
    right = b if finite_b else (a if finite_a else 0.0) + reach
    width = right - left
    steps = width * 2.0 ** -np.arange(2.0, 42.0, 3.0)
    inner = [left + width * np.linspace(0, 1, 10)[1:-1]]
    if finite_a:
        inner.append(left + steps)
    if finite_b:
        inner.append(right - steps)
    points = np.unique(np.concatenate(inner))
    return points[(points > left) & (points < right)]
