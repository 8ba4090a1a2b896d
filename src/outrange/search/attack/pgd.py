"""Good points before any proof: samples, corners, projected gradient descent on every objective."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...core import Box
from ..common.domain_boxes import Roots


Gradient = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""`(x (b, d), k (b,)) -> (all objectives (b, m), gradient of objective k (b, d))`."""

Evaluate = Callable[[np.ndarray], np.ndarray]
"""`x (b, d) -> (b, m)`: all objectives at points."""

First = Callable[
    [Gradient, Evaluate, Roots, int, np.random.Generator],
    tuple[np.ndarray, np.ndarray, np.ndarray],
]
"""What finds the first points: see `first_points`."""

SAMPLES = 2048
STARTS = 12
STEPS = 30


def first_points(
    gradient: Gradient,
    evaluate: Evaluate,
    roots: Roots,
    objectives: int,
    rng: np.random.Generator,
    late: Callable[[], bool] = lambda: False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points that make each objective small.

    Args:
        gradient: `(x (b, d), k (b,)) -> (all objectives (b, m), gradient of objective k (b, d))`.
        evaluate: `x (b, d) -> (b, m)`.
        roots: Where to look.
        objectives: `m`.
        rng: For the samples.
        late: Whether to stop descending.

    Returns:
        `(least (m,), at (m, d), most (m,))`: values in plain float64, and the largest value met of
        each objective (its spread says what a tolerance is relative to).
    """
    d = roots.lo.shape[1]
    count = max(64, min(SAMPLES, 4_000_000 // max(1, d * 8)))
    x, which = _samples(roots, count, rng)
    y = evaluate(x)
    least, at, most = y.min(axis=0), x[y.argmin(axis=0)], y.max(axis=0)
    starts = min(STARTS, len(x))
    best = np.argpartition(y, starts - 1, axis=0)[:starts].T.ravel()
    k = np.repeat(np.arange(objectives), starts)
    box = Roots(roots.lo[which[best]], roots.hi[which[best]], roots.whole)
    step = 0.25 * (box.hi - box.lo)
    return _descend(gradient, x[best], k, box, step, least, at, most, late)


def _samples(roots: Roots, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Uniform points, corners and middles of the roots in turn; and the root of each."""
    each = max(4, count // len(roots.lo))
    parts = []
    for lo, hi in zip(roots.lo[:count], roots.hi[:count], strict=True):
        x = Box(lo, hi).uniform(rng, each)
        corners = rng.integers(0, 2, (each // 4, lo.size)).astype(bool)
        x[: len(corners)] = np.where(corners, lo, hi)
        x[:3] = np.stack([lo, hi, 0.5 * lo + 0.5 * hi])
        parts.append(x)
    which = np.repeat(np.arange(len(parts)), each)
    return roots.snap(np.concatenate(parts)), which


def polish(
    gradient: Gradient,
    at: np.ndarray,
    k: np.ndarray,
    box: Roots,
    rng: np.random.Generator,
    near: int = 8,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Descend again from points `at` `(c, d)` of objectives `k` `(c,)` and from around them.

    `box` has one root a point.
    """
    x = np.repeat(at, near, axis=0)
    box = Roots(np.repeat(box.lo, near, axis=0), np.repeat(box.hi, near, axis=0), box.whole)
    moved = np.arange(len(x)) % near != 0
    x[moved] += 0.02 * (box.hi - box.lo)[moved] * rng.standard_normal((moved.sum(), at.shape[1]))
    x = box.snap(np.clip(x, box.lo, box.hi))
    k = np.repeat(k, near)
    y, _ = gradient(x, k)
    i = y.argmin(axis=0)
    step = 0.05 * (box.hi - box.lo)
    return _descend(gradient, x, k, box, step, y.min(axis=0), x[i], y.max(axis=0))


def scatter(
    gradient: Gradient, boxes: Roots, k: np.ndarray, box: Roots, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Descend on objective `k[i]` from a random point of `boxes` `i`, with steps of its width.

    Open boxes of a search lie where the bounds are low: what descent from uniform points misses is
    found from them.

    Args:
        gradient: See `first_points`.
        boxes: `(c, d)` ends.
        k: `(c,)`.
        box: `(c, d)` ends: where each descent must stay.
        rng: For the points.
    """
    width = boxes.hi - boxes.lo
    x = boxes.snap(np.clip(boxes.lo + width * rng.random(width.shape), boxes.lo, boxes.hi))
    y, _ = gradient(x, k)
    i = y.argmin(axis=0)
    return _descend(gradient, x, k, box, 0.25 * width, y.min(axis=0), x[i], y.max(axis=0))[:2]


def _descend(
    gradient: Gradient,
    x: np.ndarray,
    k: np.ndarray,
    box: Roots,
    step: np.ndarray,
    least: np.ndarray,
    at: np.ndarray,
    most: np.ndarray,
    late: Callable[[], bool] = lambda: False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    least, at, most = least.copy(), at.copy(), most.copy()
    columns = np.arange(least.size)
    where = x  # what the steps move; whole numbers are rounded only to be looked at
    for i in range(STEPS):
        if late():
            break
        y, g = gradient(x, k)
        np.nan_to_num(g, copy=False)
        low = y.argmin(axis=0)
        better = y[low, columns] < least
        least[better] = y[low, columns][better]
        at[better] = x[low[better]]
        np.maximum(most, y.max(axis=0), out=most)
        where = np.clip(where - step * 0.85**i * np.sign(g), box.lo, box.hi)
        x = box.snap(where)
    return least, at, most
