"""Good points before any proof: samples, corners, projected gradient descent on every objective."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core import Box


SAMPLES = 2048
STARTS = 12
STEPS = 30


def first_points(
    gradient: Callable,
    evaluate: Callable,
    lo: np.ndarray,
    hi: np.ndarray,
    objectives: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points that make each objective small.

    Args:
        gradient: `(x (b, d), k (b,)) -> (all objectives (b, m), gradient of objective k (b, d))`.
        evaluate: `x (b, d) -> (b, m)`.
        lo: `(d,)`.
        hi: `(d,)`.
        objectives: `m`.
        rng: For the samples.

    Returns:
        `(least (m,), at (m, d), most (m,))`: values in plain float64, and the largest value met of
        each objective (its spread says what a tolerance is relative to).
    """
    d = lo.size
    count = max(64, min(SAMPLES, 4_000_000 // max(1, d * 8)))
    x = Box(lo, hi).uniform(rng, count)
    corners = rng.integers(0, 2, (count // 4, d)).astype(bool)
    x[: len(corners)] = np.where(corners, lo, hi)
    x[:3] = np.stack([lo, hi, 0.5 * lo + 0.5 * hi])
    y = evaluate(x)
    least, at, most = y.min(axis=0), x[y.argmin(axis=0)], y.max(axis=0)
    starts = min(STARTS, count)
    best = np.argpartition(y, starts - 1, axis=0)[:starts]
    x = x[best.T].reshape(best.size, d)
    k = np.repeat(np.arange(objectives), starts)
    return _descend(gradient, x, k, lo, hi, least, at, most)


def polish(
    gradient: Callable,
    at: np.ndarray,
    k: np.ndarray,
    lo: np.ndarray,
    hi: np.ndarray,
    rng: np.random.Generator,
    near: int = 8,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Descend again from points `at` `(c, d)` of objectives `k` `(c,)` and from around them."""
    d = lo.size
    x = np.repeat(at, near, axis=0)
    x[np.arange(len(x)) % near != 0] += (
        0.02 * (hi - lo) * rng.standard_normal((len(x) - len(at), d))
    )
    x = np.clip(x, lo, hi)
    y, _ = gradient(x, np.repeat(k, near))
    i = y.argmin(axis=0)
    return _descend(
        gradient, x, np.repeat(k, near), lo, hi, y.min(axis=0), x[i], y.max(axis=0), shrink=0.05
    )


def _descend(gradient, x, k, lo, hi, least, at, most, shrink=0.25):
    step = shrink * (hi - lo)
    least, at, most = least.copy(), at.copy(), most.copy()
    for i in range(STEPS):
        y, g = gradient(x, k)
        np.nan_to_num(g, copy=False)
        low = y.argmin(axis=0)
        columns = np.arange(least.size)
        better = y[low, columns] < least
        least[better] = y[low, columns][better]
        at[better] = x[low[better]]
        np.maximum(most, y.max(axis=0), out=most)
        x = np.clip(x - step * 0.85**i * np.sign(g), lo, hi)
    return least, at, most
