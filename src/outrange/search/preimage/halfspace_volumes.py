"""The fraction of a box on one side of a hyperplane, with every rounding error accounted for.

After shifts, reflections and scalings, the box is `[0, 1]^d` and the plane `w @ s = t` with
`w >= 0`. Then

    volume{w @ s <= t} = sum over subsets S of (-1)^|S| max(0, t - w(S))^d / (d! prod w)

Small weights cause cancellation in this sum. Omitting some of them moves the plane by at most their
sum. So the `k` largest weights alone yield bounds, for every `k`. The result is the tightest of the
bounds for all `k` up to `SETTINGS.most_weights`.
Reference: Barrow and Smith, *Spline notation applied to a volume problem* (1979).
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from ...core import gamma, work
from ...core.clock import charge
from ...core.rounding import UNIT
from .settings import SETTINGS


def share_below(
    slopes: np.ndarray, offset: np.ndarray, lo: np.ndarray, hi: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds of the fraction of each box where `slopes @ x + offset <= 0`.

    Args:
        slopes: Array of shape `(B, d)`.
        offset: Array of shape `(B,)`.
        lo: Array of shape `(B, d)`.
        hi: Array of shape `(B, d)`.

    Returns:
        Two arrays `(B,)`: a lower and an upper bound of the fraction; for a box with a number that
        is not finite, they are 0 and 1.

    Example:
        >>> one = np.ones((1, 2))
        >>> least, most = share_below(one, np.array([-1.0]), 0 * one, one)
        >>> bool(least[0] <= 0.5 <= most[0]), float(np.round(most[0] - least[0], 12))
        (True, 0.0)
    """
    with np.errstate(all="ignore"):
        d = slopes.shape[1]
        weight = np.abs(slopes) * (hi - lo)
        first = offset + np.where(slopes > 0, slopes * lo, slopes * hi).sum(axis=1)
        reach = np.abs(slopes) * np.maximum(np.abs(lo), np.abs(hi))
        pad = gamma(4 * d + 16) * (2.0 * reach.sum(axis=1) + np.abs(offset)) + 1e-300
        usable = np.isfinite(weight).all(axis=1) & np.isfinite(first) & np.isfinite(pad)
        weight = np.sort(np.where(usable[:, None], weight, 1.0), axis=1)[:, ::-1]
        least, most = _unit_shares(weight, -first - pad, -first + pad)
    return np.where(usable, least, 0.0), np.where(usable, most, 1.0)


def _unit_shares(
    weight: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return a lower and an upper bound, `(B,)` each, on `volume{w @ s <= t}` for each box.

    Args:
        weight: `(B, d)` the weights `w`, in descending order.
        low: `(B,)` lower bounds on `t`.
        high: `(B,)` upper bounds on `t`.
    """
    d = weight.shape[1]
    total = weight.sum(axis=1) * (1 + gamma(d + 2))
    least = np.where(low >= total, 1.0, 0.0)
    most = np.where(high < 0, 0.0, 1.0)
    for count in range(1, min(d, SETTINGS.most_weights) + 1):
        part = weight[:, :count]
        rest = weight[:, count:].sum(axis=1) * (1 + gamma(d + 2))
        lower, _ = _corner(part, low - rest)
        _, upper = _corner(part, high)
        # The other side of the plane, from the opposite corner: accurate if it is small.
        whole = part.sum(axis=1)
        drift = gamma(d + 4) * (whole + np.abs(low) + np.abs(high) + rest)
        _, above = _corner(part, whole + rest - low + drift)
        below, _ = _corner(part, whole - high - drift)
        least = np.fmax(least, np.fmax(lower, (1.0 - above) - UNIT))
        most = np.fmin(most, np.fmin(upper, (1.0 - below) + UNIT))
    return np.clip(least, 0.0, 1.0), np.clip(most, 0.0, 1.0)


def _corner(weight: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute `volume{w @ s <= t}`; return it minus and plus a bound on its rounding error.

    The volume is computed by the sum over subsets in the module's docstring.

    Both arrays have shape `(B,)`. On overflow, neither number is finite.
    """
    r = weight.shape[1]
    charge(2**r * 8 * (work.ARRAY + len(t)))
    scale = weight[:, 0]
    w, t = weight / scale[:, None], t / scale
    slip = gamma(r + 8) * (w.sum(axis=1) + np.abs(t))
    total, sizes, errors = np.zeros(len(t)), np.zeros(len(t)), np.zeros(len(t))
    for chosen in itertools.product((0, 1), repeat=r):
        x = t - w[:, np.flatnonzero(chosen)].sum(axis=1)
        size = np.maximum(x + slip, 0.0) ** r
        total += (-1) ** sum(chosen) * np.maximum(x, 0.0) ** r
        sizes += size
        # The value itself is off by at most `slip`; the power amplifies this.
        errors += np.where(size > 0, r * slip * np.maximum(x + slip, 0.0) ** (r - 1), 0.0)
    shrink = 1.0 / (math.factorial(r) * w.prod(axis=1))
    error = (errors + gamma(2**r + 2 * r + 16) * sizes) * shrink * (1 + 1e-9) + 1e-300
    value = total * shrink
    error = error + gamma(2 * r + 8) * np.abs(value)
    return value - error, value + error
