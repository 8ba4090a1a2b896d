"""Bands around curves: one slope, and two offsets that enclose the curve."""

import numpy as np

from ..core import UNIT, Bounds
from ..ops import Curve
from ..ops.relaxation.relax import relax


def slope_and_ends(
    op: Curve, lo: np.ndarray, hi: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a slope per entry, and lower and upper bounds on `f(v) - slope v` on `[lo, hi]`."""
    first, last = op.range(lo, lo), op.range(hi, hi)
    width = np.where(hi > lo, hi - lo, 1.0)
    chord = np.where(hi > lo, (last[0] - first[0]) / width, 0.0)
    chord = np.where(np.isfinite(chord), chord, 0.0)
    if op.is_piecewise_linear:
        return (chord, *_extremes(op, lo, hi, chord, (first, last)))
    lines = relax(op, lo, hi, None)
    s0, s1, o0, o1 = lines.lo_slope, lines.hi_slope, lines.lo_offset, lines.hi_offset
    slope = 0.5 * s0 + 0.5 * s1
    low = np.minimum((s0 - slope) * lo, (s0 - slope) * hi) + o0
    high = np.maximum((s1 - slope) * lo, (s1 - slope) * hi) + o1
    size = (np.abs(s0) + np.abs(s1)) * np.maximum(np.abs(lo), np.abs(hi))
    pad = 8.0 * UNIT * (size + np.abs(o0) + np.abs(o1))
    sound = np.isfinite(slope) & np.isfinite(low - pad) & np.isfinite(high + pad)
    least, most = op.range(lo, hi)
    return (
        np.where(sound, slope, 0.0),
        np.where(sound, low - pad, least),
        np.where(sound, high + pad, most),
    )


def _extremes(
    op: Curve, lo: np.ndarray, hi: np.ndarray, slope: np.ndarray, at_ends: tuple[Bounds, Bounds]
) -> Bounds:
    """Bound `f(v) - slope v` for a piecewise-linear curve, at `lo`, `hi` and the knots."""
    low, high = np.full(lo.shape, np.inf), np.full(lo.shape, -np.inf)
    knots = [np.clip(knot, lo, hi) for knot in op.knots]
    points = [(lo, at_ends[0]), (hi, at_ends[1]), *((x, op.range(x, x)) for x in knots)]
    for x, (least, most) in points:
        pad = 4.0 * UNIT * (np.abs(least) + np.abs(most) + np.abs(slope * x))
        low = np.minimum(low, least - slope * x - pad)
        high = np.maximum(high, most - slope * x + pad)
    return low, high
