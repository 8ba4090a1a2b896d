"""A sound offset for a line of any slope below a curve, from its bends alone.

On a gap that bends like a cup, `f(x) - m x >= f(z) - m z + (f'(z) - m)(x - z)` for every `z`, so any
`z` gives a bound and `f'(z) = m` the best one: the root need not be exact. On a line or a cap the
least is at an end.
"""

import numpy as np

from .side import Side, fall


MANY = 6
"""An interval over more knots than this gets constants: a wave that long is no line."""
STEPS = 14


def root(height, lo, hi, steps=STEPS):
    """Points near the zero of an increasing `height`, all elements at once.

    Regula falsi with the Illinois rule, held away from the ends of the bracket.
    Reference: Dowell & Jarratt 1971, BIT 11:168-174.
    """
    low, high = height(lo), height(hi)
    best, least = np.where(np.abs(low) <= np.abs(high), lo, hi), np.minimum(np.abs(low), np.abs(high))
    best = np.where(low >= 0, lo, np.where(high <= 0, hi, best))
    least = np.where((low >= 0) | (high <= 0), 0.0, least)
    last = np.zeros(lo.shape, np.int8)
    for step in range(steps):
        if not least.any():
            break
        part = -low / (high - low)
        x = lo + np.clip(np.where(np.isfinite(part), part, 0.5), 2.0**-10, 1 - 2.0**-10) * (hi - lo)
        if step % 4 == 3:
            x = 0.5 * lo + 0.5 * hi
        got = height(x)
        better = np.abs(got) < least
        best, least = np.where(better, x, best), np.where(better, np.abs(got), least)
        below = got < 0
        low = np.where(below, got, np.where(last > 0, 0.5 * low, low))
        high = np.where(below, np.where(last < 0, 0.5 * high, high), got)
        lo, hi, last = np.where(below, x, lo), np.where(below, hi, x), np.where(below, -1, 1)
    return best


def points(side: Side, lo, hi, start, stop):
    """Ends and knots of every interval: `(x, value, extra, present)`, in increasing order of `x`."""
    first, last = side.value(lo), side.value(hi)
    everywhere = np.ones(lo.shape, bool)
    out = [(lo, first, side.error(first), everywhere)]
    for j in range(int((stop - start).max(initial=0))):
        present = start + j < stop
        k = np.minimum(start + j, side.knots.size - 1)
        extra = 0.0 if side.exact and not side.knot_extra.any() else side.knot_extra[k]
        out.append((side.knots[k], side.knot_value[k], extra, present))
    out.append((hi, last, side.error(last), everywhere))
    return out


def least_at_points(dots, slope):
    """A lower bound on `f(x) - slope * x` over the given points, and where it is attained."""
    best, where = np.full(slope.shape, np.inf), np.zeros(slope.shape)
    for x, value, extra, present in dots:
        got = np.where(present, fall(value, slope, x, extra), np.inf)
        where = np.where(got < best, x, where)
        best = np.where(np.isnan(got), -np.inf, np.minimum(best, got))
    return best, where


def tangent_offset(side: Side, slope, at, lo, hi):
    """A lower bound on `f(x) - slope * x` over `[lo, hi]`, a cup, from the tangent at `at`."""
    value, rise = side.value(at), side.slope(at)
    slack = side.slope_slack(rise)
    extra = np.maximum(
        np.maximum(rise - slope + slack, 0.0) * (at - lo), np.maximum(slope - rise + slack, 0.0) * (hi - at)
    )
    # The difference of two slopes is rounded as well.
    return fall(value, slope, at, side.error(value) + extra * (1.0 + 2.0**-40))


def least_over(side: Side, slope, lo, hi, start, stop):
    """`least_offset` on one side, for finite intervals inside `on` over at most `MANY` knots."""
    best, _ = least_at_points(points(side, lo, hi, start, stop), slope)
    for j in range(int((stop - start).max(initial=-1)) + 1):
        gap = np.minimum(start + j, stop)
        (some,) = np.nonzero((start + j <= stop) & side.is_cup[gap])
        if not some.size:
            continue
        g, m = gap[some], slope[some]
        a, b = np.maximum(lo[some], side.left[g]), np.minimum(hi[some], side.right[g])
        inner = np.maximum(lo[some], side.first[g]), np.minimum(hi[some], side.last[g])
        at = root(lambda x, m=m: side.slope(x) - m, *inner)
        got = tangent_offset(side, m, at, a, b)
        best[some] = np.minimum(best[some], np.where(np.isnan(got), -np.inf, got))
    return best
