"""Whether an output is reached by a piece: proofs of both, or neither.

*Not reached*: a direction in which the output lies beyond all images of the piece's vertices, by
more than the error. Any direction will do, so it may be found in plain float64.
*Reached*: the piece's map takes a small set of inputs of the piece to a cube around the output, and
the network is within `error` of the map, less than the cube's size. Then the network, if it has no
jumps there, takes this value somewhere in the set (Brouwer's fixed point theorem).
"""

from __future__ import annotations

import numpy as np

from ...core import gamma
from .star import Star


MOST_TURNS = 60
"""Points that the search for the nearest point of a piece adds; a few more than its corners do."""


def nearest(images: np.ndarray, y: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Weights `(k,)` of the point of a convex hull that is nearest, about; `scale` is of outputs.

    Wolfe's method: an affine set of corners at a time, left at its edge.
    Reference: P. Wolfe, *Finding the nearest point in a polytope*, 1976.
    """
    points = (images - y) / scale
    weights = np.zeros(len(points))
    weights[int((points**2).sum(axis=1).argmin())] = 1.0
    for _ in range(MOST_TURNS):
        point = weights @ points
        along = points @ point
        best = int(along.argmin())
        if along[best] >= point @ point - 1e-14 * (1.0 + np.abs(points).max() ** 2):
            break
        kept = np.union1d(np.flatnonzero(weights > 0), [best])
        weights = _to_edge(points, weights, kept)
    return weights


def _to_edge(points: np.ndarray, weights: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The nearest point of the affine hull of some corners, or the last on the way inside."""
    while True:
        ones = np.ones((kept.size, 1))
        system = np.block([[points[kept] @ points[kept].T, ones], [ones.T, np.zeros((1, 1))]])
        wanted = np.linalg.lstsq(system, np.eye(kept.size + 1)[-1], rcond=None)[0][:-1]
        if (wanted > 1e-13).all():
            found = np.zeros(len(points))
            found[kept] = wanted / wanted.sum()
            return found
        now = weights[kept]
        falls = wanted < np.minimum(now, 1e-13)
        if not falls.any():
            return weights
        share = float((now[falls] / (now[falls] - wanted[falls])).min())
        moved = np.maximum(now + min(max(share, 0.0), 1.0) * (wanted - now), 0.0)
        moved[moved <= 1e-13] = 0.0
        weights = np.zeros(len(points))
        weights[kept] = moved / moved.sum()
        smaller = kept[moved > 0]
        if smaller.size in (0, kept.size):
            return weights
        kept = smaller


def is_beyond(star: Star, y: np.ndarray, direction: np.ndarray) -> bool:
    """Whether an output is proved to lie beyond a piece, in a direction."""
    size = float(np.abs(direction) @ np.maximum(np.abs(star.images).max(axis=0), np.abs(y)))
    room = float(np.abs(direction) @ star.error) + gamma(2 * y.size + 8) * size
    return float((direction @ (y - star.images).T).min()) > room * (1.0 + 1e-14) + 1e-290


def is_reached(star: Star, y: np.ndarray, x: np.ndarray) -> bool:
    """Whether an output is proved to be attained, by an input near `x` `(inputs,)` of a piece."""
    if not star.continuous:
        return False
    free = star.lo < star.hi
    slopes = star.slopes[:, free]
    if np.linalg.matrix_rank(slopes) < y.size:
        return False
    back = np.linalg.pinv(slopes)
    step = np.zeros(x.size)
    for _ in range(2):  # to where the map takes `y`, but for rounding
        step[free] = back @ (y - star.apply(x[None])[0])
        x = np.clip(x + step, star.lo, star.hi)
    n = gamma(2 * x.size + 16)
    spread = np.abs(x - star.at)
    size = np.abs(star.slopes) @ spread + np.abs(star.center) + np.abs(y)
    missed = np.abs(star.apply(x[None])[0] - y) + n * size + star.error
    off = np.abs(np.eye(y.size) - slopes @ back) + n * (np.abs(slopes) @ np.abs(back))
    cube = 2.0 * missed + 1e-290
    # The network takes x + back @ t to y + t, but for less than the cube: Brouwer.
    if not (off @ cube + missed < 0.9 * cube).all():
        return False
    reach = np.zeros(x.size)
    reach[free] = np.abs(back) @ cube * (1.0 + 1e-12)
    if not ((x - reach > star.lo) & (x + reach < star.hi))[free].all():
        return False
    faces = np.abs(star.a) @ (np.abs(x) + np.abs(star.at)) + np.abs(star.b)
    room = np.abs(star.a) @ reach + 4.0 * n * faces
    return bool((star.b - star.a @ x > room).all())
