"""The best line below a curve at a point, from its convexity: one rule per situation.

Every rule accepts arrays of the elements that it applies to, and returns an `EnvelopeLine`. The
best line at `z` is the supporting line at `z` of the convex envelope of `f` on `[lo, hi]`. For a
ReLU these lines, with the chord above, are the triangle relaxation.

A *gap* is an interval between neighboring knots of the curve, or beyond the outermost knots. On a
gap, the curve is a line, a *cup* (convex) or a *cap* (concave). At a knot, it may have a corner.

Reference: R. Ehlers, *Formal Verification of Piece-Wise Linear Feed-Forward Neural Networks*
(Planet), ATVA 2017, for the triangle relaxation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..numerics.root import root
from .offsets import Dot, fall, least_at_points, least_over, points, tangent_offset, touches
from .side import Side


@dataclass(frozen=True, eq=False)
class EnvelopeLine:
    """Lines below a curve, and their dependence on `theta`: see `relax.LinePair`."""

    slope: np.ndarray
    offset: np.ndarray
    theta: np.ndarray | float = 0.5
    pivot: np.ndarray | float = 0.0
    gain: np.ndarray | float = 0.0


def straight(side: Side, lo: np.ndarray, hi: np.ndarray, gap: np.ndarray) -> EnvelopeLine:
    """Return the curve itself, inside a gap on which it is exactly a line."""
    slope, offset = side.line_slope[gap], side.line_offset[gap]
    return EnvelopeLine(slope, offset)


def tangent(
    side: Side, lo: np.ndarray, hi: np.ndarray, gap: np.ndarray, theta: np.ndarray | None
) -> EnvelopeLine:
    """Return the tangent at `lo + theta * (hi - lo)`, inside a cup (a convex gap)."""
    first, last = np.maximum(lo, side.first[gap]), np.minimum(hi, side.last[gap])
    t = 0.5 if theta is None else theta
    at = np.clip((1.0 - t) * lo + t * hi, first, last)
    slope = side.slope(at)
    gain = side.slope(last) - side.slope(first)
    return EnvelopeLine(slope, tangent_offset(side, slope, at, lo, hi), t, at, gain)


def chord(side: Side, lo: np.ndarray, hi: np.ndarray) -> EnvelopeLine:
    """Return the chord between the endpoints, below a cap or two lines with a concave corner."""
    low, high = side.value(lo), side.value(hi)
    slope = (high - low) / (hi - lo)
    # Rounding spoils the slope of a very short chord, where any other slope is as good.
    short = hi - lo <= 2.0**-30 * np.maximum(np.abs(lo), np.abs(hi))
    slope = np.where(short, side.slope(lo), slope)
    offset = np.minimum(
        fall(low, slope, lo, side.error(low)), fall(high, slope, hi, side.error(high))
    )
    return EnvelopeLine(slope, offset)


def fan(
    side: Side, lo: np.ndarray, hi: np.ndarray, gap: np.ndarray, theta: np.ndarray | None
) -> EnvelopeLine:
    """Return a line through the knot where two exact lines meet in a convex corner.

    The slope may be any number between the slopes of the two lines: see `theta` in `relax`.
    """
    s, t = side.line_slope[gap], side.line_slope[gap + 1]
    knot, value = side.knots[gap], side.knot_value[gap]
    if theta is None:
        theta = (0.5 * lo + 0.5 * hi > knot).astype(np.float64)
    slope = np.clip(s + theta * (t - s), s, t)
    return EnvelopeLine(slope, fall(value, slope, knot), theta, knot, t - s)


def _chords(dots: Sequence[Dot]) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Yield `(i, j, slope, valid)` for all pairs of points; `valid` marks where both exist."""
    for i, (p, v, _, is_present) in enumerate(dots):
        for j, (q, w, _, is_present_too) in enumerate(dots[i + 1 :], i + 1):
            yield i, j, (w - v) / (q - p), is_present & is_present_too & (p != q)


def hull_ends(dots: Sequence[Dot], z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the slopes of the lower convex hull of a few points at its first and last point."""
    first, last = np.full(z.shape, np.inf), np.full(z.shape, -np.inf)
    for i, j, rise, valid in _chords(dots):
        if i == 0:
            first = np.where(valid, np.fmin(first, rise), first)
        if j == len(dots) - 1:
            last = np.where(valid, np.fmax(last, rise), last)
    return first, last


def hull_slope(dots: Sequence[Dot], z: np.ndarray) -> np.ndarray:
    """Return a slope that supports the lower convex hull of a few points at `z`.

    Every chord is tried: at a corner, rounding decides which chord is the lowest at `z`.
    """
    best, slope = np.full(z.shape, -np.inf), np.zeros(z.shape)
    for _, _, rise, valid in _chords(dots):
        least = np.full(z.shape, np.inf)
        for p, v, _, is_present in dots:
            least = np.fmin(least, np.where(is_present, v + rise * (z - p), np.inf))
        better = valid & (least > best)
        best, slope = np.where(better, least, best), np.where(better, rise, slope)
    return slope


def span_slope(dots: Sequence[Dot], z: np.ndarray) -> np.ndarray:
    """Return the slope of the chord between two of the `dots` that is lowest at `z`.

    Away from corners this equals `hull_slope`, and it costs less for many points.
    """
    best, slope = np.full(z.shape, np.inf), np.zeros(z.shape)
    for i, j, rise, valid in _chords(dots):
        p, q = dots[i][0], dots[j][0]
        height = np.where(valid & ((p - z) * (q - z) <= 0), dots[i][1] + rise * (z - p), np.inf)
        slope, best = np.where(height < best, rise, slope), np.fmin(best, height)
    return slope


def _between(
    theta: np.ndarray | None, first: np.ndarray, last: np.ndarray, default: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the slopes `first + theta * (last - first)`, their theta, and `last - first`.

    If `theta` is None, the slopes are `default`.
    """
    span = np.maximum(last - first, 0.0)
    if theta is None:
        part = np.where(span > 0, (default - first) / span, 0.5)
        return default, np.clip(part, 0.0, 1.0), span
    return first + theta * span, theta, span


def polygon(
    side: Side,
    lo: np.ndarray,
    hi: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    theta: np.ndarray | None,
) -> EnvelopeLine:
    """Return a line below a curve all of whose gaps are lines or caps.

    Corners at its knots may be convex. The curve lies above the lower convex hull of its endpoints
    and knots, and the line supports this hull: by default at the midpoint. With `theta`, the slope
    is that fraction of the way from the first to the last slope of the hull.
    """
    dots = points(side, lo, hi, start, stop)
    z = 0.5 * lo + 0.5 * hi
    default, (first, last) = hull_slope(dots, z), hull_ends(dots, z)
    slope, theta, span = _between(theta, first, last, default)
    offset, pivot = least_at_points(dots, slope)
    return EnvelopeLine(slope, offset, theta, pivot, span)


def _select(dots: Sequence[Dot], masks: Sequence[np.ndarray]) -> list[Dot]:
    """Restrict each point to the elements in its mask; omit points that have no elements left."""
    pairs = zip(dots, masks, strict=True)
    return [(p, v, extra, mask) for (p, v, extra, _), mask in pairs if mask.any()]


def _touch(
    side: Side, dots: Sequence[Dot], at_lo: np.ndarray, at_hi: np.ndarray, sign: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find the tangent of a cup that meets the points on one side; return both points of contact.

    As the tangent steepens it rises above points on its right (`sign = 1`); as it flattens, above
    points on its left (`sign = -1`). If it is always or never above them, an endpoint of the cup is
    returned.
    """

    def height(x: np.ndarray) -> np.ndarray:
        slope = side.slope(x)
        least = np.full(x.shape, np.inf)
        for p, v, _, is_present in dots:
            least = np.fmin(least, np.where(is_present, v - slope * p, np.inf))
        return sign * (side.value(x) - slope * x - least)

    at = root(height, at_lo, at_hi)
    slope = side.slope(at)
    least, contact = np.full(at.shape, np.inf), np.zeros(at.shape)
    for p, v, _, is_present in dots:
        offset = np.where(is_present, v - slope * p, np.inf)
        contact, least = np.where(offset < least, p, contact), np.fmin(least, offset)
    return at, contact


def one_cup(
    side: Side,
    lo: np.ndarray,
    hi: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    theta: np.ndarray | None,
) -> EnvelopeLine:
    """Return a line below a curve with one cup, in general a tangent of the cup."""
    cup = side.next_cup[start]
    a, b = np.maximum(lo, side.left[cup]), np.minimum(hi, side.right[cup])
    first, last = np.maximum(lo, side.first[cup]), np.minimum(hi, side.last[cup])
    dots = points(side, lo, hi, start, stop)
    before = _select(dots, [is_present & (p <= a) & (start < cup) for p, _, _, is_present in dots])
    after = _select(dots, [is_present & (p >= b) & (cup < stop) for p, _, _, is_present in dots])
    left, left_contact = _touch(side, before, first, last, -1.0)
    right, right_contact = _touch(side, after, first, last, 1.0)
    left, right = np.where(start < cup, left, first), np.where(cup < stop, right, last)
    plain = (
        (left < right)
        & ((start == cup) | (left_contact == lo))
        & ((cup == stop) | (right_contact == hi))
    )
    z = 0.5 * lo + 0.5 * hi
    if theta is None:
        at = np.clip(z, left, np.maximum(left, right))
        theta_at = np.where(plain, (at - left) / np.where(right > left, right - left, 1.0), 0.5)
    else:
        at, theta_at = np.clip(left + theta * (right - left), first, last), theta
    slope = side.slope(at)
    offset = np.minimum(least_at_points(dots, slope)[0], tangent_offset(side, slope, at, a, b))
    gain = np.where(left < right, side.slope(right) - side.slope(left), 0.0)
    line = EnvelopeLine(slope, offset, theta_at + np.zeros(z.shape), at + np.zeros(z.shape), gain)
    (odd,) = np.nonzero(~plain)
    if odd.size:
        _with_corners(side, line, odd, (left, right), (lo, hi, start, stop), theta)
    return line


def _with_corners(
    side: Side,
    line: EnvelopeLine,
    odd: np.ndarray,
    touch: tuple[np.ndarray, ...],
    where: tuple[np.ndarray, ...],
    theta: np.ndarray | None,
) -> None:
    """Replace the lines of the elements `odd`, whose convex envelope has corners, in `line`.

    The new slope is at the fraction `theta` of the way from the first to the last slope of the
    envelope. If `theta` is None, the slope is chosen for a tight line at the midpoint.
    """
    lo, hi, start, stop = (x[odd] for x in where)
    left, right = (x[odd] for x in touch)
    z = 0.5 * lo + 0.5 * hi
    dots = points(side, lo, hi, start, stop)
    middle, (first, last) = hull_slope(dots, z), hull_ends(dots, z)
    proper = left < right
    first = np.where(proper, np.fmin(first, side.slope(left)), first)
    last = np.where(proper, np.fmax(last, side.slope(right)), last)
    offset = least_over(side, middle, lo, hi, start, stop)
    plain_slope, plain_offset = line.slope[odd], line.offset[odd]
    if theta is None:
        better = middle * z + offset >= plain_slope * z + plain_offset
        middle = np.where(better, middle, plain_slope)
        offset = np.where(better, offset, plain_offset)
        slope, theta, span = _between(None, first, last, middle)
    else:
        slope, theta, span = _between(theta[odd], first, last, middle)
        offset = least_over(side, slope, lo, hi, start, stop)
    line.slope[odd], line.offset[odd] = slope, offset
    # `one_cup` passes arrays, where other rules may use one number for all.
    line.theta[odd], line.gain[odd] = theta, span  # pyright: ignore[reportIndexIssue]


def several_cups(
    side: Side, lo: np.ndarray, hi: np.ndarray, start: np.ndarray, stop: np.ndarray
) -> EnvelopeLine:
    """Return chords between several cups, moved until they touch the cups; `theta` has no effect.

    Tangents of one slope touch each cup at a point. The hull of these points yields the next slope.
    """
    z = 0.5 * lo + 0.5 * hi
    dots = points(side, lo, hi, start, stop)
    best, best_offset = np.zeros(z.shape), np.full(z.shape, -np.inf)
    slope = side.slope(z)
    for _ in range(5):
        slope = np.where(np.isfinite(slope), slope, 0.0)
        offset, _ = least_at_points(dots, slope)
        touched = []
        for elements, at, cup_offset in touches(side, slope, lo, hi, start, stop):
            offset[elements] = np.minimum(offset[elements], cup_offset)
            x, is_present = hi.copy(), np.zeros(z.shape, bool)
            x[elements], is_present[elements] = at, True
            touched.append((x, side.value(x), 0.0, is_present))
        better = slope * z + offset > best * z + best_offset
        best, best_offset = np.where(better, slope, best), np.where(better, offset, best_offset)
        slope = span_slope([*dots, *touched], z)
    return EnvelopeLine(best, best_offset)
