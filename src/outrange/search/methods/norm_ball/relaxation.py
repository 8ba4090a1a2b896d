"""Least values of linear forms over the part of a box that lies in a norm ball.

For every multiplier `t >= 0`

    a.x + b  >=  sum_i min over [lo_i, hi_i] of (a_i x_i + t |x_i - c_i|^p)  -  t r^p  +  b

holds for all `x` of the box with `|x - c|_p <= r` (weak duality). The best `t` gives the least
value itself, because the box and the ball are convex. Bisection finds this `t`: at the minimizer
`x(t)` of the sum, `|x(t) - c|_p^p - r^p` decreases in `t`. An inexact `t` is also sound.

Reference: S. Boyd, L. Vandenberghe, *Convex Optimization*, Cambridge 2004, chapter 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....core import Distance, gamma


STEPS = 50
"""Number of bisection steps for the multiplier; further steps would hardly move the point."""


@dataclass(frozen=True, eq=False)
class BallBounds:
    """Least values over the parts of boxes that lie in a ball.

    Args:
        least: `(B, m)` proved lower bounds, or infinite if a box lies outside the ball.
        at: `(B, m, d)` points of the boxes that nearly attain `least`, and are nearly in the ball.
    """

    least: np.ndarray
    at: np.ndarray


def least_in_ball(
    slopes: np.ndarray, offset: np.ndarray, lo: np.ndarray, hi: np.ndarray, ball: Distance
) -> BallBounds:
    """Compute lower bounds of forms over the part of each box that lies in a ball.

    Args:
        slopes: Array of shape `(B, m, d)`.
        offset: Array of shape `(B, m)`.
        lo: Array of shape `(B, d)`.
        hi: Array of shape `(B, d)`.
        ball: Norm ball of some of the inputs.

    Sound: every rounding error is accounted for. Complete: up to rounding. Cost: a pass over the
    slopes per bisection.
    """
    lo, hi = lo[:, None], hi[:, None]
    inside = np.isin(np.arange(lo.shape[-1]), ball.index)
    center = np.zeros(lo.shape[-1])
    center[ball.index] = ball.center
    power, limit = ball.order, ball.radius**ball.order

    def point(t: np.ndarray) -> np.ndarray:
        """Return the minimizer of the sum for the multipliers `t` `(B, m)`."""
        corner = np.where(slopes > 0, lo, np.where(slopes < 0, hi, np.clip(center, lo, hi)))
        with np.errstate(all="ignore"):
            if power == 2:
                near = np.clip(center - slopes / (2.0 * t[..., None]), lo, hi)
                near = np.where(t[..., None] > 0, near, corner)
            else:
                near = np.where(np.abs(slopes) > t[..., None], corner, np.clip(center, lo, hi))
        return np.where(inside, near, corner)

    def distance(x: np.ndarray) -> np.ndarray:
        return (np.abs(np.where(inside, x - center, 0.0)) ** power).sum(axis=-1)

    steep = np.abs(np.where(inside, slopes, 0.0))
    most = steep.max(axis=-1) if power == 1 else _norm(steep) / max(2.0 * ball.radius, 1e-300)
    low, high = np.zeros_like(most), most * (1.0 + 1e-9) + 1e-300
    needed = distance(point(low)) > limit
    for _ in range(STEPS):
        middle = 0.5 * low + 0.5 * high
        far = distance(point(middle)) > limit
        low, high = np.where(far, middle, low), np.where(far, high, middle)
    t = np.where(needed, high, 0.0)
    x = point(t)
    parts = slopes * x + t[..., None] * np.abs(np.where(inside, x - center, 0.0)) ** power
    value = parts.sum(axis=-1) - t * limit + offset
    away = np.maximum(np.maximum(lo - center, center - hi), 0.0)
    outside = (np.where(inside, away, 0.0) ** power).sum(axis=-1) > limit * (1.0 + 1e-9) + 1e-290
    least = value - _rounding(slopes, x, t, center, inside, limit, power, offset)
    return BallBounds(np.where(outside, np.inf, np.where(np.isfinite(least), least, -np.inf)), x)


def _rounding(
    slopes: np.ndarray,
    x: np.ndarray,
    t: np.ndarray,
    center: np.ndarray,
    inside: np.ndarray,
    limit: float,
    power: int,
    offset: np.ndarray,
) -> np.ndarray:
    """Bound the rounding error of the sum, and the effect of an inexact minimizer.

    For the 2-norm, the computed minimizer `c - a / (2 t)` has two rounding errors, which increase
    the sum by `t` times their square. Where the terms of the sum are linear, an error of the
    minimizer increases the sum by at most `|a| + t` times the size of the error.
    """
    size_of = np.abs(slopes) * (np.abs(x) + np.where(inside, np.abs(center), 0.0))
    steps = np.abs(np.where(inside, x - center, 0.0)) + np.where(inside, np.abs(center), 0.0)
    size_of = size_of + t[..., None] * (steps**power + np.abs(x) * (power == 1))
    total = size_of.sum(axis=-1) + t * limit + np.abs(offset)
    return gamma(4 * x.shape[-1] + 64) * total + 1e-290


def _norm(values: np.ndarray) -> np.ndarray:
    """Return the 2-norm along the last axis."""
    return np.sqrt((values**2).sum(axis=-1))
