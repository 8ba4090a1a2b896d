"""A sound offset for a line of any slope below a curve, from its convexity alone.

On a convex gap (a cup), `f(x) - m x >= f(z) - m z + (f'(z) - m)(x - z)` for every `z`, so any `z`
yields a bound, and `f'(z) = m` yields the best one: the root need not be exact. On a line or a
concave gap (a cap), the minimum is at an endpoint.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from ...core.arrays import Numbers
from ..numerics.root import root
from .side import Side, fall


MANY = 4
"""Number of knots above which an interval gets constant bounds. A sine has four knots in two
periods, over which sloped lines are hardly better.
"""


Dot = tuple[np.ndarray, np.ndarray, Numbers, np.ndarray]
"""One point per interval: its `x`, its value, the value's error, and whether the point exists."""


def points(
    side: Side, lo: np.ndarray, hi: np.ndarray, start: np.ndarray, stop: np.ndarray
) -> list[Dot]:
    """Return the endpoints and knots of every interval, in order, one `Dot` for each."""
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


def least_at_points(dots: Sequence[Dot], slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a lower bound on `f(x) - slope * x` over the points, and the point that yields it.

    The value at each point is rounded down by its error. The bound is the least of these numbers.
    """
    best, where = np.full(slope.shape, np.inf), np.zeros(slope.shape)
    for x, value, extra, present in dots:
        offset = np.where(present, fall(value, slope, x, extra), np.inf)
        where = np.where(offset < best, x, where)
        best = np.where(np.isnan(offset), -np.inf, np.minimum(best, offset))
    return best, where


def tangent_offset(
    side: Side, slope: np.ndarray, at: np.ndarray, lo: np.ndarray, hi: np.ndarray
) -> np.ndarray:
    """Bound `f(x) - slope * x` from below over `[lo, hi]`, for a cup, by the tangent at `at`."""
    value, rise = side.value(at), side.slope(at)
    slack = side.slope_slack(rise)
    extra = np.maximum(
        np.maximum(rise - slope + slack, 0.0) * (at - lo),
        np.maximum(slope - rise + slack, 0.0) * (hi - at),
    )
    # The difference of two slopes is rounded, too.
    return fall(value, slope, at, side.error(value) + extra * (1.0 + 2.0**-40))


def touches(
    side: Side,
    slope: np.ndarray,
    lo: np.ndarray,
    hi: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the cups that `[lo, hi]` meets, with the tangent nearest to `slope` in each.

    Yields:
        `(some, at, offset)` for each cup, from the first gap to the last: the elements that have
        this cup, the point where its tangent touches, and the lower bound on `f(x) - slope * x`
        over the cup.
    """
    for j in range(int((stop - start).max(initial=-1)) + 1):
        gap = np.minimum(start + j, stop)
        (some,) = np.nonzero((start + j <= stop) & side.is_cup[gap])
        if not some.size:
            continue
        g, m = gap[some], slope[some]
        a, b = np.maximum(lo[some], side.left[g]), np.minimum(hi[some], side.right[g])
        inner = np.maximum(lo[some], side.first[g]), np.minimum(hi[some], side.last[g])
        at = root(lambda x, m=m: side.slope(x) - m, *inner)
        offset = tangent_offset(side, m, at, a, b)
        yield some, at, np.where(np.isnan(offset), -np.inf, offset)


def least_over(
    side: Side,
    slope: np.ndarray,
    lo: np.ndarray,
    hi: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
) -> np.ndarray:
    """Return a lower bound on `sign * f(x) - slope * x` over each `[lo, hi]`.

    The sign is that of `side`. The intervals are finite, lie inside `on`, and contain at most
    `MANY` knots.
    """
    best, _ = least_at_points(points(side, lo, hi, start, stop), slope)
    for some, _, offset in touches(side, slope, lo, hi, start, stop):
        best[some] = np.minimum(best[some], offset)
    return best
