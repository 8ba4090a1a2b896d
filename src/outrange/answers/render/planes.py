"""Shapes in the plane of two inputs; shapes of a single input have a height of 1."""

from __future__ import annotations

import numpy as np


def rectangle(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Return the corners `(4, 2)` of a box with one or two dimensions, in order around the box."""
    (a, c), (b, d) = np.append(lo, 0.0)[:2], np.append(hi, 1.0)[:2]
    return np.array([[a, c], [b, c], [b, d], [a, d]])


def clip_polygon(corners: np.ndarray, row: np.ndarray, limit: float) -> np.ndarray:
    """Return the part of a convex polygon where `row @ x <= limit`."""
    height = corners @ row - limit
    inside = []
    for i in range(len(corners)):
        j = (i + 1) % len(corners)
        if height[i] <= 0:
            inside.append(corners[i])
        if (height[i] < 0) != (height[j] < 0) and height[i] != 0 and height[j] != 0:
            share = height[i] / (height[i] - height[j])
            inside.append(corners[i] * (1 - share) + corners[j] * share)
    return np.array(inside).reshape(-1, 2)


def convex_hull(points: np.ndarray) -> np.ndarray:
    """Return the corners of the convex hull of points `(n, 2)` in order (Andrew's algorithm).

    Fewer than three points, or points that are not all finite, are returned without duplicates.
    """
    points = np.unique(points, axis=0)
    if len(points) < 3 or not np.isfinite(points).all():
        return points
    chains = []
    for ordered in (points, points[::-1]):
        chain: list[np.ndarray] = []
        for point in ordered:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        chains += chain[:-1]
    return np.array(chains)


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
