"""The range of a curve's slope over an interval, derived from its `Curve` record."""

import numpy as np
from numpy.typing import ArrayLike

from ...core import down, up
from ..curve import Curve
from ..step import Step


def slope_range(curve: Curve, lo: ArrayLike, hi: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds on the slope of `f` inside every `[lo, hi]`.

    On a convex gap the slope rises, and on a concave one it falls, so its values at the endpoints
    suffice. At a kink inside the interval, both one-sided slopes are included. The same is true if
    the interval consists of the kink alone. If the curve only rises or only falls on the interval,
    slopes of the wrong sign are excluded.

    Args:
        curve: The curve `f`, with its derivative and convexity.
        lo: Lower endpoints of the intervals, of any shape.
        hi: Upper endpoints, of the same shape.

    Returns:
        `(least, most)` of that shape. They are infinite where the interval contains a jump or a
        point at which `f` is undefined, or where no bound can be derived.

    Sound: the stated error of `df` is included. Complete: exact on gaps on which `curve.lines`
    states a line.

    Example:
        >>> from outrange.ops import curve
        >>> least, most = slope_range(curve("relu"), np.array([-1.0, 0.0]), np.array([1.0, 2.0]))
        >>> least.tolist(), most.tolist()
        ([0.0, 1.0], [1.0, 1.0])
    """
    lo, hi = np.asarray(lo, np.float64), np.asarray(hi, np.float64)
    if isinstance(curve, Step):
        endless = np.where(curve.is_flat(lo, hi), 0.0, np.inf)
        return -endless, endless
    least, most = np.full(lo.shape, np.inf), np.full(lo.shape, -np.inf)
    ends = (-np.inf, *curve.knots, np.inf)
    with np.errstate(all="ignore"):
        for g in range(len(curve.bends)):
            start, stop = np.maximum(lo, ends[g]), np.minimum(hi, ends[g + 1])
            touched = (start < stop) | ((lo == hi) & (start == stop))
            if not touched.any():
                continue
            low, high = _gap(curve, g, start, stop)
            least = np.where(touched, np.minimum(least, low), least)
            most = np.where(touched, np.maximum(most, high), most)
        least, most = _cut_by_monotonicity(curve, lo, hi, least, most)
    unknown = ~((lo >= curve.on[0]) & (hi <= curve.on[1])) | np.isnan(least) | np.isnan(most)
    for jump in curve.jumps:
        unknown |= (lo <= jump) & (jump <= hi) & (lo < hi)
    for hole in curve.holes:
        unknown |= (lo <= hole) & (hole <= hi)
    return np.where(unknown, -np.inf, least), np.where(unknown, np.inf, most)


def _gap(
    curve: Curve, g: int, start: np.ndarray, stop: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds on the slope over the part `[start, stop]` of the gap with index `g`."""
    line = None if curve.lines is None else curve.lines[g]
    if line is not None:
        slope = np.full(np.shape(start), line[0])
        return slope, slope
    # Evaluated just inside the gap: at a kink `df` may be the slope of the other side.
    first = curve.df(np.where(np.isin(start, curve.knots), up(start), start))
    last = curve.df(np.where(np.isin(stop, curve.knots), down(stop), stop))
    first, last = (_limit(curve, s, x) for s, x in ((first, start), (last, stop)))
    slack = 4.0 * curve.slope_error
    low, high = np.minimum(first, last), np.maximum(first, last)
    return low - slack * (1.0 + np.abs(low)), high + slack * (1.0 + np.abs(high))


def _limit(curve: Curve, slope: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Replace slopes at infinite endpoints by the slope for large arguments, if that is constant.

    Otherwise, replace them by infinity if the slope grows there, and by minus infinity if not.
    """
    endless = np.isinf(x)
    if not np.any(endless):
        return slope
    side = np.where(x > 0, 1.0, -1.0)
    far, farther = curve.df(side * 1e150), curve.df(side * 1e300)
    limit = np.where(far == farther, farther, np.where(farther > far, np.inf, -np.inf))
    return np.where(endless, limit, slope)


def _cut_by_monotonicity(
    curve: Curve, lo: np.ndarray, hi: np.ndarray, least: np.ndarray, most: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Remove slopes of the wrong sign where the curve only rises or only falls."""
    ends = (-np.inf, *sorted({*curve.turns, *curve.holes}), np.inf)
    rises, falls = np.ones(lo.shape, bool), np.ones(lo.shape, bool)
    for r in range(len(ends) - 1):
        # A turn is a float64 near the true one, except 0, which is stated only if it is exact.
        first, last = (
            end if end == 0 else push(end, 8) for end, push in ((ends[r], down), (ends[r + 1], up))
        )
        start, stop = np.maximum(lo, first), np.minimum(hi, last)
        touched = (start < stop) | ((lo == hi) & (start == stop))
        up_here, down_here = _direction(curve, ends[r], ends[r + 1])
        rises &= ~touched | up_here
        falls &= ~touched | down_here
    return np.where(rises, np.maximum(least, 0.0), least), np.where(
        falls, np.minimum(most, 0.0), most
    )


def _direction(curve: Curve, start: float, stop: float) -> tuple[bool, bool]:
    """Return whether `f` is proved not to fall, and proved not to rise, between two turning points.

    Each is False if undecided.
    """
    start, stop = max(start, curve.on[0]), min(stop, curve.on[1])
    if not start < stop:
        return True, True
    low = start if np.isfinite(start) else (stop - 2.0 if np.isfinite(stop) else -1.0)
    high = stop if np.isfinite(stop) else low + 2.0
    inner = np.array([0.75 * low + 0.25 * high, 0.25 * low + 0.75 * high])
    first, last = (float(v) for v in curve.f(inner))
    error = curve.off + 4.0 * (curve.ulps + 1) * 2.0**-52 * max(abs(first), abs(last))
    return last > first + error, last < first - error
