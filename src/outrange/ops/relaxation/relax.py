"""Sound lines below and above any curve, derived from the properties in its `Curve` record.

The line above `f` is minus the line below `-f`, so only lower lines are derived. `envelope.py`
chooses the slope, and `offsets.py` the offset that is sound for it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ...core import work
from ...core.clock import charge
from ..curve import Curve
from ..step import Step
from . import envelope
from .offsets import MANY, fall, least_over
from .side import Side


Rule = Callable[
    [np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray | None], envelope.EnvelopeLine
]
"""A rule of `envelope`: a function of the interval endpoints, the first and last gap, and theta."""


@dataclass(frozen=True, eq=False)
class LinePair:
    """Lines `lo_slope * x + lo_offset <= f(x) <= hi_slope * x + hi_offset` on every `[lo, hi]`.

    All fields have the shape of `lo`. The last six describe the dependence of each line on `theta`.

    Args:
        lo_slope: Slope of the lower line; finite.
        lo_offset: Offset of the lower line; `-inf` where no lower bound is known.
        hi_slope: Slope of the upper line; finite.
        hi_offset: Offset of the upper line; may be `inf`.
        lo_theta: The `theta` that yields this lower line.
        hi_theta: The `theta` that yields this upper line.
        lo_pivot: The `x` about which the lower line turns as `theta` grows.
        hi_pivot: The `x` about which the upper line turns.
        lo_gain: Rate at which the lower slope grows with `theta`; 0 where there is no choice. So
            the value of the line at `x` changes by about `gain * (x - pivot)` per unit of theta.
        hi_gain: The same rate for the upper line.
    """

    lo_slope: np.ndarray
    lo_offset: np.ndarray
    hi_slope: np.ndarray
    hi_offset: np.ndarray
    lo_theta: np.ndarray
    hi_theta: np.ndarray
    lo_pivot: np.ndarray
    hi_pivot: np.ndarray
    lo_gain: np.ndarray
    hi_gain: np.ndarray


def relax(curve: Curve, lo: ArrayLike, hi: ArrayLike, theta: ArrayLike | None = None) -> LinePair:
    """Return lines that enclose the curve on every `[lo, hi]`.

    By default, each line is as tight at the midpoint of `[lo, hi]` as any other line, or nearly so.
    An interval that is infinite, extends outside `curve.on`, or contains more than `MANY` knots
    gets constant bounds.

    Where several lines are possible, `theta` selects one. Inside a cup, it selects the point of
    tangency in the part that the convex envelope touches (0: left endpoint, 1: right). At a convex
    corner, it selects the slope (0: left slope, 1: right). Elsewhere, `theta` is ignored.

    Sound: yes, for the exact function; the stated float64 error and all rounding are included.
    Cost: a few dozen array operations; about 15 evaluations of `f` and its slope for elements that
    straddle an inflection point.

    Args:
        curve: The curve `f`, with its convexity and rounding errors.
        lo: Lower endpoints of the intervals, of any shape; may be `-inf`.
        hi: Upper endpoints, of the same shape, with `lo <= hi`.
        theta: Numbers in [0, 1], of the same shape, or None.

    Returns:
        `LinePair`.

    Raises:
        InputError: An interval extends outside the curve's domain.

    Example:
        >>> from outrange.ops import curve
        >>> from outrange.ops.relaxation.relax import relax
        >>> lines = relax(curve("relu"), [-1.0], [3.0])
        >>> float(lines.hi_slope[0]), float(lines.lo_slope[0])
        (0.75, 1.0)

    Reference:
        Zhang et al. 2018 (CROWN), arXiv:1811.00866.
    """
    lo, hi = np.asarray(lo, np.float64), np.asarray(hi, np.float64)
    shape = lo.shape
    lo, hi = lo.ravel(), hi.ravel()
    charge(work.LINE * lo.size)
    if theta is not None:
        theta = np.clip(np.broadcast_to(np.asarray(theta, np.float64), shape).ravel(), 0.0, 1.0)
    with np.errstate(all="ignore"):
        if isinstance(curve, Step) and curve.has_own_lines:
            under, over = (curve.lower_line(sign, lo, hi, theta) for sign in (1.0, -1.0))
        else:
            under, over = (_lower(side, lo, hi, theta) for side in curve.sides)
    slope, offset, chosen, pivot, gain = (part.reshape(shape) for part in under)
    top, shift, picked, hinge, boost = (part.reshape(shape) for part in over)
    return LinePair(slope, offset, -top, -shift, chosen, picked, pivot, hinge, gain, -boost)


def least_offset(curve: Curve, slope: ArrayLike, lo: ArrayLike, hi: ArrayLike) -> np.ndarray:
    """Return a lower bound on `f(x) - slope * x` over every `[lo, hi]`.

    Sound: yes, rounding included. The bound is `-inf` where no finite bound can be derived.

    Args:
        curve: The curve `f`, with its convexity and rounding errors.
        slope: Finite slopes, of any shape.
        lo: Lower endpoints of the intervals, in the shape of `slope`; may be `-inf`.
        hi: Upper endpoints, of the same shape.
    """
    return _any_slope(curve.sides[0], slope, lo, hi)


def most_offset(curve: Curve, slope: ArrayLike, lo: ArrayLike, hi: ArrayLike) -> np.ndarray:
    """Return an upper bound on `f(x) - slope * x` over every `[lo, hi]`: see `least_offset`."""
    return -_any_slope(curve.sides[1], -np.asarray(slope, np.float64), lo, hi)


def _any_slope(side: Side, slope: ArrayLike, lo: ArrayLike, hi: ArrayLike) -> np.ndarray:
    slope, lo, hi = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (slope, lo, hi)))
    shape = slope.shape
    slope, lo, hi = slope.ravel(), lo.ravel(), hi.ravel()
    if isinstance(side.curve, Step) and side.curve.has_own_lines:
        return side.curve.any_lower(side.sign, slope, lo, hi).reshape(shape)
    with np.errstate(all="ignore"):
        start, stop = side.gaps(lo, hi)
        plain = _plain(side, lo, hi) & (stop - start <= MANY)
        out = np.full(slope.shape, -np.inf)
        (some,) = np.nonzero(plain)
        if some.size:
            out[some] = least_over(side, slope[some], lo[some], hi[some], start[some], stop[some])
        (rest,) = np.nonzero(~np.isfinite(out))
        if rest.size:
            m, least = slope[rest], side.least(lo[rest], hi[rest])
            offset = np.minimum(fall(least, m, lo[rest]), fall(least, m, hi[rest]))
            offset = np.where(m == 0.0, least, offset)
            out[rest] = np.where(np.isnan(offset), -np.inf, offset)
    return out.reshape(shape)


def _plain(side: Side, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Return a mask of the finite intervals on which the curve's description is valid."""
    return np.isfinite(lo) & np.isfinite(hi) & ~side.curve.outside(lo, hi)


def _lower(side: Side, lo: np.ndarray, hi: np.ndarray, theta: np.ndarray | None) -> np.ndarray:
    """Return slope, offset, theta, pivot and gain of lines below `side`, for flat arrays."""
    out = np.zeros((5, lo.size))
    out[0] = np.nan
    start, stop = side.gaps(lo, hi)
    for mask, rule in _situations(side, lo, hi, start, stop):
        (some,) = np.nonzero(mask)
        if not some.size:
            continue
        chosen = None if theta is None else theta[some]
        line = rule(lo[some], hi[some], start[some], stop[some], chosen)
        for row, part in zip(
            out, (line.slope, line.offset, line.theta, line.pivot, line.gain), strict=True
        ):
            row[some] = part
    (bad,) = np.nonzero(~(np.isfinite(out[0]) & np.isfinite(out[1])))
    if bad.size:
        out[:, bad] = np.array([0.0, 0.0, 0.5, 0.0, 0.0])[:, None]
        out[1, bad] = side.least(lo[bad], hi[bad])
    out[2:] = np.where(np.isfinite(out[2:]), out[2:], 0.0)
    return out


def _situations(
    side: Side, lo: np.ndarray, hi: np.ndarray, start: np.ndarray, stop: np.ndarray
) -> Iterator[tuple[np.ndarray, Rule]]:
    """Yield pairs of a mask of elements and the rule in `envelope` for these elements.

    An element in no mask gets a constant lower bound.
    """
    plain = _plain(side, lo, hi)
    single = plain & (start == stop)
    line = single & side.has_line[start]
    yield line, lambda a, b, g, h, t: envelope.straight(side, a, b, g)
    point = plain & (lo == hi) & ~line
    at = point & ((start >= stop) | isinstance(side.curve, Step))
    yield at, lambda a, b, g, h, t: _at_point(side, a)
    single &= ~line & ~point
    yield single & side.is_cup[start], lambda a, b, g, h, t: envelope.tangent(side, a, b, g, t)
    yield single & ~side.is_cup[start], lambda a, b, g, h, t: envelope.chord(side, a, b)
    several = plain & (stop > start) & (stop - start <= MANY) & ~at
    two = several & (stop == start + 1) & side.meets_exactly[np.minimum(start, side.knots.size)]
    if two.any():
        convex = side.meets_convex[np.minimum(start, side.knots.size)]
        yield two & convex, lambda a, b, g, h, t: envelope.fan(side, a, b, g, t)
        yield two & ~convex, lambda a, b, g, h, t: envelope.chord(side, a, b)
        several &= ~two
    if several.any():
        cups = side.cups_before[stop + 1] - side.cups_before[start]
        yield several & (cups == 0), lambda a, b, g, h, t: envelope.polygon(side, a, b, g, h, t)
        yield several & (cups == 1), lambda a, b, g, h, t: envelope.one_cup(side, a, b, g, h, t)
        yield several & (cups > 1), lambda a, b, g, h, t: envelope.several_cups(side, a, b, g, h)


def _at_point(side: Side, at: np.ndarray) -> envelope.EnvelopeLine:
    """Return the tangents at the given points, as lines for intervals that are single points."""
    slope = side.slope(at)
    slope = np.where(np.isfinite(slope), slope, 0.0)
    value = side.value(at)
    return envelope.EnvelopeLine(slope, fall(value, slope, at, side.error(value)))
