"""Checks of the lines that bound a curve: soundness for various slopes, and tightness.

Each line is compared with the definition to about 104 bits. If the difference is not clearly
positive, the five terms `f_high + f_low - (product_high + product_low) - offset` are summed without
intermediate rounding.
"""

import math

import numpy as np

from ..core import down, up
from ..ops import Curve
from ..ops.relaxation.relax import LinePair, least_offset, most_offset, relax
from .broken import require
from .definition import Oracle, boxes, samples


THETAS = (None, 0.0, 0.25, 0.5, 1.0)
SPLIT = 2.0**27 + 1.0


def _product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two float64 arrays whose sum is exactly `a * b`, barring overflow and underflow."""
    high = a * b
    a1, b1 = a * SPLIT, b * SPLIT
    a1, b1 = a1 - (a1 - a), b1 - (b1 - b)
    a2, b2 = a - a1, b - b1
    return high, ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2


def first_violation(
    value: tuple[np.ndarray, np.ndarray], slope: np.ndarray, offset: np.ndarray, x: np.ndarray
) -> tuple[int, int] | None:
    """Return the indices of the first interval and point where a line exceeds the curve, or None.

    Args:
        value: `(high, low)`: the curve's values as sums of two float64 numbers, `(intervals,
            points)` each.
        slope: The slope of each interval's line, `(intervals,)`.
        offset: The offset of each line, `(intervals,)`; with `-inf`, a line is below everything.
        x: The points of each interval, `(intervals, points)`.
    """
    high, low = value
    m, t = np.broadcast_to(slope[:, None], x.shape), np.broadcast_to(offset[:, None], x.shape)
    with np.errstate(all="ignore"):
        product, rest = _product(m, x)
        rough = high - product - t
        plain = rough > 1e-12 * (np.abs(high) + np.abs(product) + np.abs(t))
        skip = plain | ~np.isfinite(high) | np.isneginf(t) | ~np.isfinite(x)
    for i, j in np.argwhere(~skip):
        terms = [high[i, j], low[i, j], -product[i, j], -rest[i, j], -t[i, j]]
        # The sum of two float64 represents the value to 106 bits.
        if not math.fsum(terms) >= -(2.0**-104) * abs(high[i, j]):
            return int(i), int(j)
    return None


def _check_below(
    curve: Curve,
    sign: float,
    value: tuple[np.ndarray, np.ndarray],
    slope: np.ndarray,
    offset: np.ndarray,
    x: np.ndarray,
    what: str,
) -> None:
    """Raise `LawBroken` if a lower line of `sign * f` exceeds `sign * f` at any point."""
    high, low = value
    require(bool(np.isfinite(slope).all()), f"`{curve.name}`: {what} has no finite slope")
    require(
        not (np.isnan(offset) | np.isposinf(offset)).any(), f"`{curve.name}`: {what} has no offset"
    )
    at = first_violation((sign * high, sign * low), slope, offset, x)
    if at is not None:
        i, j = at
        line = f"{float(sign * slope[i])!r} * x + {float(sign * offset[i])!r}"
        witness = f"f({float(x[i, j])!r}) = {float(high[i, j])!r}"
        require(False, f"`{curve.name}`: {what} {line} crosses the curve, {witness}")


def check_relax(curve: Curve, oracle: Oracle | None = None) -> None:
    """Check that the lines of `relax` enclose the curve for several values of `theta`.

    The offsets from `least_offset` and `most_offset` must also be sound for various slopes.
    """
    oracle = oracle or Oracle(curve)
    lo, hi = boxes(curve)
    x = samples(curve, lo, hi)
    value = oracle.values(x)
    default = relax(curve, lo, hi)
    for theta in THETAS:
        lines = default if theta is None else relax(curve, lo, hi, np.full(lo.shape, theta))
        what = f"line for theta={theta}"
        _check_below(curve, 1.0, value, lines.lo_slope, lines.lo_offset, x, f"lower {what}")
        _check_below(curve, -1.0, value, -lines.hi_slope, -lines.hi_offset, x, f"upper {what}")
    _check_theta(curve, lo, hi, default)
    rng = np.random.default_rng(1)
    slopes = (
        rng.normal(0.0, 1.0, lo.shape),
        10.0 ** rng.uniform(-3, 3, lo.shape),
        np.zeros(lo.shape),
    )
    for slope in (*slopes, default.lo_slope, default.hi_slope):
        least, most = least_offset(curve, slope, lo, hi), most_offset(curve, slope, lo, hi)
        _check_below(curve, 1.0, value, slope, least, x, "least_offset of")
        _check_below(curve, -1.0, value, -slope, -most, x, "most_offset of")


def _check_theta(curve: Curve, lo: np.ndarray, hi: np.ndarray, default: LinePair) -> None:
    """Check that `relax` returns its default lines if called with the `theta` that it reports."""
    size = np.maximum(np.abs(lo), np.abs(hi))
    for side in ("lo", "hi"):
        theta, gain = getattr(default, f"{side}_theta"), getattr(default, f"{side}_gain")
        require(bool(np.all((theta >= 0) & (theta <= 1))), f"`{curve.name}`: theta leaves [0, 1]")
        again = relax(curve, lo, hi, theta)
        for part in ("slope", "offset"):
            first, second = getattr(default, f"{side}_{part}"), getattr(again, f"{side}_{part}")
            with np.errstate(all="ignore"):
                off = np.abs(first - second) > 1e-6 * (1 + np.abs(first) + np.abs(gain) * size)
            off &= np.isfinite(first) & np.isfinite(second) & (size < 1e100)
            place = "".join(f" on [{lo[i]!r}, {hi[i]!r}]" for i in np.flatnonzero(off)[:1])
            require(
                not off.any(), f"`{curve.name}`: {side}_theta is not of the default line{place}"
            )


def envelopes(
    curve: Curve, lo: np.ndarray, hi: np.ndarray, count: int = 96
) -> tuple[np.ndarray, np.ndarray]:
    """Return the convex and the concave envelope at the midpoint of each interval, from samples.

    Args:
        count: Number of evenly spaced points on each side of the midpoint.
    """
    z = 0.5 * lo + 0.5 * hi
    # Use evenly spaced points, and more near both ends and the midpoint, where curves are steep.
    near = 2.0 ** -np.arange(2.0, 40.0)
    part = np.unique(np.concatenate([np.linspace(0, 1, count), near, 1 - near]))
    left, right = z[:, None] - (z - lo)[:, None] * part, z[:, None] + (hi - z)[:, None] * part
    named = [step(p) for p in curve.knots for step in (down, float, up) if abs(p) < 50]
    left = np.concatenate([left, np.array(named) + np.zeros((len(z), 1))], 1)
    right = np.concatenate([right, np.array(named) + np.zeros((len(z), 1))], 1)
    left = np.clip(left, lo[:, None], z[:, None])
    right = np.clip(right, z[:, None], hi[:, None])
    f_left, f_right = curve.f(left), curve.f(right)
    least, most = np.full(z.shape, np.inf), np.full(z.shape, -np.inf)
    for k in range(left.shape[1]):
        run = right - left[:, k : k + 1]
        rise = np.where(run > 0, (f_right - f_left[:, k : k + 1]) / run, 0.0)
        at = f_left[:, k : k + 1] + rise * (z[:, None] - left[:, k : k + 1])
        least, most = np.minimum(least, at.min(1)), np.maximum(most, at.max(1))
    return least, most


def check_tightness(curve: Curve, oracle: Oracle | None = None, factor: float = 1.02) -> None:
    """Check that the default lines around a curve are tight at the midpoints of test intervals.

    Args:
        factor: Apart from rounding, each line may be looser than its envelope by `factor - 1` times
            the distance between the two envelopes.
    """
    lo, hi = boxes(curve)
    keep = (np.abs(lo) <= 100) & (np.abs(hi) <= 100) & (lo > curve.on[0]) & (hi < curve.on[1])
    for jump in curve.jumps:  # the limits there lie between any two float64
        keep &= ~((lo <= jump) & (jump <= hi) & (hi - lo < 1e-3))
        if not curve.lines or None in curve.lines:  # the value at the jump is not known either
            keep &= (lo != jump) & (hi != jump)
    keep &= hi - lo > 1e-7 * np.maximum(np.abs(lo), np.abs(hi))
    lo, hi = lo[keep], hi[keep]
    z = 0.5 * lo + 0.5 * hi
    with np.errstate(all="ignore"):
        least, most = envelopes(curve, lo, hi)
        lines = relax(curve, lo, hi)
        below = lines.lo_slope * z + lines.lo_offset
        above = lines.hi_slope * z + lines.hi_offset
    sizes = np.abs(lines.lo_slope * z) + np.abs(lines.hi_slope * z) + np.abs(least) + np.abs(most)
    noise = 4 * curve.off + (8.0 + 4 * curve.ulps) * np.spacing(sizes) + 1e-9 * (most - least)
    noise = noise + 8 * curve.slope_error * (
        1 + np.abs(lines.lo_slope) + np.abs(lines.hi_slope)
    ) * (hi - lo)
    step = (factor - 1.0) * (most - least) + noise
    loose = np.maximum(least - below, above - most) - step
    loose = np.where(np.isfinite(least) & np.isfinite(most), loose, -np.inf)
    worst = int(np.argmax(loose))
    place = f"[{lo[worst]!r}, {hi[worst]!r}]"
    require(loose[worst] <= 0, f"`{curve.name}`: lines on {place} are loose by {loose[worst]:.1e}")
