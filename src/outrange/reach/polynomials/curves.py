"""Elementwise functions of Taylor models.

If a curve is smooth on all values that a model takes, it equals its Taylor polynomial about the
constant coefficient `c` plus a Lagrange remainder:

    f(c + d) = sum_{j <= J} f^(j)(c) / j! d^j + f^(J + 1)(z) / (J + 1)! d^(J + 1),   |z - c| <= |d|.

The curve's description encloses the coefficients. If the curve has a kink, or its derivatives are
unknown, it is enclosed between two parallel lines.

For models at an instant, a parabola through three points of the curve is often better: if the
points are the zeros of a Chebyshev polynomial, the error bound is a quarter of Lagrange's.

Reference: L. N. Trefethen, *Approximation Theory and Approximation Practice*, SIAM 2013.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...core import down, up
from ...ops import Curve
from ...ops.relaxation.relax import least_offset, most_offset, relax
from .models import Models, constant, multiply, scale, shift, with_rounding


NODES = 0.8660254037844386
"""Approximate position of the outer zeros of the third Chebyshev polynomial."""

QUARTER = 0.2501
"""The largest absolute value of the monic third Chebyshev polynomial on [-1, 1], which is 1/4, plus
a margin because the positions of the points are rounded."""


CELLS = 16
"""Number of parts of an interval on which a curve is compared with a parabola if the bound from
derivatives is poor (see `VAGUE`)."""

VAGUE = 2.0**-6
"""The bound from derivatives is poor if it exceeds this fraction of the variation of the linear
term."""


def undefined_mask(op: Curve, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Return whether a curve may be undefined somewhere in `[lo, hi]`, elementwise."""
    bad = ~(np.isfinite(lo) & np.isfinite(hi))
    if op.beyond is None:
        bad |= ~((lo >= op.on[0]) & (hi <= op.on[1]))
    for hole in op.holes:
        bad |= (lo <= hole) & (hole <= hi)
    return bad


def apply_curve(op: Curve, x: Models) -> tuple[Models, np.ndarray]:
    """Return `f(x)`, and a mask `(B, n)` of the entries at which `f` may be undefined.

    Those entries have an infinite remainder, unless `x` has no remainders.
    """
    middle, radius = x.coef[..., 0], x.radius
    lo, hi = down(middle - radius), up(middle + radius)
    bad = undefined_mask(op, lo, hi)
    if bad.all():
        nothing = None if x.rest is None else np.full(middle.shape, np.inf)
        return replace(x, coef=0.0 * x.coef, sym=0.0 * x.sym, rest=nothing), bad
    if bad.any():
        # Any numbers in the domain will do: the remainders there become infinite at the end.
        fill_lo, fill_hi = lo[~bad].min(), hi[~bad].min()
        keep = ~bad
        x = replace(
            x,
            coef=np.where(keep[..., None], x.coef, 0.0),
            sym=np.where(keep[..., None, None], x.sym, 0.0),
            rest=None if x.rest is None else np.where(keep, x.rest, 0.0),
        )
        x.coef[bad, 0] = fill_lo
        lo, hi = np.where(bad, fill_lo, lo), np.where(bad, np.maximum(fill_hi, fill_lo), hi)
    image = _expand(op, x, lo, hi)
    if image.rest is not None and bad.any():
        image = replace(image, rest=np.where(bad, np.inf, image.rest))
    return image, bad


def _expand(op: Curve, x: Models, lo: np.ndarray, hi: np.ndarray) -> Models:
    """Return `f(x)` by a polynomial where the curve is smooth, and by lines elsewhere."""
    if op.is_piecewise_linear:
        return _line(op, x, lo, hi)
    order = max(x.frame.time, x.frame.order, 1)
    middle = x.coef[..., 0]
    low, high = op.taylor_range(middle, middle, order)
    last = np.abs(op.taylor_range(lo, hi, order + 1)[:, -1]).max(axis=0)
    smooth = np.isfinite(low).all(axis=0) & np.isfinite(high).all(axis=0) & np.isfinite(last)
    if not smooth.any():
        return _line(op, x, lo, hi)
    low, high = np.where(smooth, low, 0.0), np.where(smooth, high, 0.0)
    last = np.where(smooth, last, 0.0)
    if x.frame.time == 0 and x.frame.order == 2 and x.rest is not None:
        image = _parabola(op, x, low, high, last)
    else:
        image = _series(x, low, high, last)
    if smooth.all():
        return image
    other = _line(op, x, lo, hi)
    rest = None
    if image.rest is not None and other.rest is not None:
        rest = np.where(smooth, image.rest, other.rest)
    return Models(
        x.frame,
        np.where(smooth[..., None], image.coef, other.coef),
        np.where(smooth[..., None, None], image.sym, other.sym),
        rest,
    )


def _series(x: Models, low: np.ndarray, high: np.ndarray, last: np.ndarray) -> Models:
    """Evaluate a Taylor polynomial by Horner's method, with its Lagrange remainder.

    Args:
        x: The models at which to evaluate it.
        low: Lower bounds on the Taylor coefficients, `(J + 1, B, n)`.
        high: Upper bounds on the Taylor coefficients, `(J + 1, B, n)`.
        last: Bound on the coefficient in the Lagrange remainder, `(B, n)`.
    """
    middle = 0.5 * low + 0.5 * high
    off = np.where(low == high, 0.0, up(np.maximum(high - middle, middle - low)))
    coef = x.coef.copy()
    coef[..., 0] = 0.0
    away = replace(x, coef=coef)
    # If the curve is a polynomial of lower degree, there is no remainder.
    while len(middle) > 2 and not (middle[-1].any() or off[-1].any() or last.any()):
        middle, off = middle[:-1], off[:-1]
    top = len(middle) - 1
    # The highest term only needs a multiplication by a number.
    image = shift(scale(away, middle[top], off[top]), middle[top - 1], off[top - 1])
    for j in range(top - 2, -1, -1):
        image = shift(multiply(image, away), middle[j], off[j])
    if image.rest is None:
        return image
    with np.errstate(over="ignore", invalid="ignore"):
        tail = last * away.radius ** (top + 1)
    return replace(image, rest=with_rounding(image.rest + np.where(last == 0.0, 0.0, tail)))


def _parabola(op: Curve, x: Models, low: np.ndarray, high: np.ndarray, last: np.ndarray) -> Models:
    """Return `f(x)`, by a parabola instead of the series where its remainder is smaller.

    With `d` the distance from the middle point, `r` the radius and `h = NODES r`, the points are at
    0 and about `+-h`, and the remainder `f'''(z) / 6 d (d - h) (d + h)` is at most `r^3 / 4` times
    the largest `f''' / 6` (Lagrange, Chebyshev). Errors of the values at the points are multiplied
    by at most 5/4, the maximum of Lagrange's basis polynomials on `[-r, r]`. The dozen roundings of
    the coefficients are relative to terms that are below eight times the sizes of the values. If
    the resulting bound on the remainder is poor (see `VAGUE`), the curve is compared with the
    parabola on `CELLS` parts.

    Args:
        op: The curve. The result is valid where the curve is smooth.
        x: Models at an instant, of second degree.
        low: `(3, B, n)`: lower bounds on the Taylor coefficients at the middle.
        high: `(3, B, n)`: upper bounds on these coefficients.
        last: `(B, n)`: an upper bound on `|f'''| / 6` over all values of `x`.
    """
    middle, radius = x.coef[..., 0], x.radius
    before, after = middle - NODES * radius, middle + NODES * radius
    left, right = middle - before, after - middle
    values = [_value(op, at) for at in (middle, before, after)]
    (at, off), (first, off_first), (second, off_second) = values
    with np.errstate(all="ignore"):
        ahead, behind = (second - at) / right, (at - first) / left
        bend = (ahead - behind) / (left + right)
        slope = ahead - bend * right
        sizes = np.abs(at) + np.abs(first) + np.abs(second)
        beside = off + 1.25 * (off_first + off_second) + 2.0**-44 * sizes
        tail, series = QUARTER * last * radius**3 + beside, last * radius**3
        # If the points are closer together than this, rounding misplaces them too much.
        fine = (radius > 2.0**-20 * np.abs(middle)) & np.isfinite(slope) & np.isfinite(bend)
        vague = fine & (tail > VAGUE * np.abs(slope) * radius)
        fine &= tail < series
    shift = np.zeros_like(tail)
    if vague.any():
        parts = [part[vague] for part in (middle, radius, at, slope, bend)]
        moved, less = _compare_with_parabola(op, *parts)
        better = less < np.minimum(tail, series)[vague]
        tail[vague] = np.where(better, less, tail[vague])
        shift[vague] = np.where(better, moved, 0.0)
        fine[vague] |= better
    if not fine.any():
        return _series(x, low, high, last)
    coefficients, tail = np.stack([at + shift, slope, bend]), np.where(fine, tail, 0.0)
    low, high = np.where(fine, coefficients, low), np.where(fine, coefficients, high)
    image = _series(x, low, high, np.where(fine, 0.0, last))
    assert image.rest is not None
    return replace(image, rest=with_rounding(image.rest + tail))


def _compare_with_parabola(
    op: Curve, middle: np.ndarray, radius: np.ndarray, *coefficients: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return a shift for a parabola, and a bound on the shifted parabola's distance from the curve.

    On each of `CELLS` parts, the difference is bounded by its value in the middle plus the change
    that the bounds on its derivative allow.

    Args:
        middle: Middles of the intervals, `(N,)`.
        radius: Radii of the intervals, `(N,)`.
        coefficients: Coefficients of the parabola about the middle, constant first, `(N,)` each.
    """
    at, slope, bend = (part[:, None] for part in coefficients)
    center = middle[:, None]
    edges = center + radius[:, None] * np.linspace(-1.0, 1.0, CELLS + 1)
    edges[:, 0], edges[:, -1] = down(middle - radius), up(middle + radius)
    start, stop = edges[:, :-1], edges[:, 1:]
    points = 0.5 * start + 0.5 * stop
    half = up(np.maximum(points - start, stop - points))
    with np.errstate(all="ignore"):
        rates = op.taylor_range(start, stop, 1)[:, 1]
        values = op.taylor_range(points, points, 0)[:, 0]
        away = points - center
        parabola_values = at + away * (slope + away * bend)
        first, last = (slope + 2.0 * bend * (end - center) for end in (start, stop))
        steep = np.maximum(rates[1] - np.minimum(first, last), np.maximum(first, last) - rates[0])
        # The roundings of each term, and of the distances from the middle.
        reach = np.abs(center) + 2.0 * radius[:, None]
        steepest = np.abs(slope) + 2.0 * np.abs(bend) * reach
        sizes = np.abs(at) + steepest * reach + np.abs(values).max(axis=0)
        room = half * (steep + 2.0**-46 * steepest) + 2.0**-46 * sizes
        most, least = (
            (values[1] - parabola_values + room).max(axis=1),
            (values[0] - parabola_values - room).min(axis=1),
        )
        shift = 0.5 * most + 0.5 * least
        off = up(np.maximum(most - shift, shift - least)) * (1.0 + 2.0**-40)
        # Adding the shift to the parabola is rounded.
        off = off + 2.0**-50 * (np.abs(shift) + np.abs(coefficients[0]))
    fine = np.isfinite(shift) & np.isfinite(off)
    return np.where(fine, shift, 0.0), np.where(fine, off, np.inf)


def _value(op: Curve, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return approximate values of a curve at the points `at`, and bounds on their errors."""
    low, high = op.taylor_range(at, at, 0)[:, 0]
    middle = 0.5 * low + 0.5 * high
    return middle, up(np.maximum(high - middle, middle - low))


def _line(op: Curve, x: Models, lo: np.ndarray, hi: np.ndarray) -> Models:
    """Enclose a curve between parallel lines, with the mean of the two slopes from `relax`."""
    lines = relax(op, lo, hi)
    slope = 0.5 * lines.lo_slope + 0.5 * lines.hi_slope
    slope = np.where(np.isfinite(slope), slope, 0.0)
    least, most = least_offset(op, slope, lo, hi), most_offset(op, slope, lo, hi)
    middle = 0.5 * least + 0.5 * most
    middle = np.where(np.isfinite(middle), middle, 0.0)
    off = up(np.maximum(most - middle, middle - least))
    return shift(scale(x, slope, np.zeros_like(slope)), middle, off)


def apply_largest(windows: np.ndarray, x: Models) -> Models:
    """Return Taylor models of the largest entry of each window.

    The result is the entry with the largest constant coefficient, plus the excess of any other
    entry over it. The excess lies between 0 and the largest difference, so half of that difference
    is the middle of its range.
    """
    boxes = np.arange(x.count)[:, None]
    source = np.maximum(windows, 0)
    middles = np.where(windows < 0, -np.inf, x.coef[:, source, 0])
    best = np.take_along_axis(
        np.broadcast_to(source, middles.shape), middles.argmax(axis=-1)[..., None], axis=-1
    )[..., 0]
    first = Models(
        x.frame, x.coef[boxes, best], x.sym[boxes, best],
        None if x.rest is None else x.rest[boxes, best],
    )  # fmt: skip
    excess = np.zeros(first.coef.shape[:2])
    for k in range(windows.shape[1]):
        other = x.pick(source[:, k])
        same = (source[:, k] == best) | (windows[:, k] < 0)
        away = np.abs(other.coef[..., 1:] - first.coef[..., 1:]).sum(axis=-1)
        away = away + np.abs(other.sym - first.sym).sum(axis=(-2, -1))
        if other.rest is not None and first.rest is not None:
            away = away + other.rest + first.rest
        size = other.norm + other.sym_norm + first.norm + first.sym_norm
        top = other.coef[..., 0] - first.coef[..., 0] + with_rounding(away + 2.0**-44 * size)
        excess = np.maximum(excess, np.where(same, 0.0, top))
    half = 0.5 * excess
    return shift(first, half, up(half))


def number(x: Models, middle: np.ndarray) -> Models:
    """Return the constants `middle`, `(B, n)`, as models with the frame and symbols of `x`."""
    off = None if x.rest is None else np.zeros_like(middle)
    return constant(x.frame, middle, off, x.sym.shape[-1])
