"""Whether an output is reached by a piece: proofs of both, or neither.

*Not reached*: a direction in which the output lies beyond all images of the piece's vertices, by
more than the error. Any direction will do, so it may be found in plain float64.
*Reached*: `s - T (f(x + C s) - y)` maps a cube of `s` into itself. Then `f`, if it has no jumps
there, takes the value `y` somewhere in the cube (Brouwer's fixed point theorem), wherever its kinks
are: on a piece it is within `error` of `A x`, so that `|I - T A C| R + |T| (|A x - y| + error)`
bounds what the cube of the size `R` is mapped to. Any `T` and `C` will do. On a face between two
pieces both must do so; on the plane of the face the two maps differ by a product `u w`, and a `T`
that measures along `u` and hardly beside it does for both, unless the face is a fold.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def is_reached(stars: Sequence[Star], y: np.ndarray, x: np.ndarray) -> bool:
    """Whether an output is proved to be attained, by an input near `x` `(inputs,)`.

    Args:
        stars: A piece, or two that share a face, see `shared_face`.
        y: The output.
        x: About where.
    """
    first = stars[0]
    free = first.lo < first.hi
    slopes = np.array([star.slopes[:, free] for star in stars])
    if not all(star.continuous for star in stars) or not _is_onto(slopes.mean(axis=0)):
        return False
    step = np.zeros(x.size)
    for _ in range(2):  # to where the map takes `y`, but for rounding
        step[free] = np.linalg.pinv(slopes[0]) @ (y - first.apply(x[None])[0])
        x = np.clip(x + step, first.lo, first.hi)
    left, right = _measure(slopes)
    n = gamma(4 * x.size + 4 * y.size + 32)
    worst, missed = 0.0, 0.0
    for star, slope in zip(stars, slopes, strict=True):
        size = np.abs(star.slopes) @ np.abs(x - star.at) + np.abs(star.center) + np.abs(y)
        apart = np.abs(star.apply(x[None])[0] - y) + n * size + star.error
        off = np.abs(np.eye(y.size) - left @ slope @ right)
        off = off + n * (1.0 + np.abs(left) @ np.abs(slope) @ np.abs(right))
        worst = max(worst, float(off.sum(axis=1).max()))
        missed = max(missed, float((np.abs(left) @ apart).max()))
    if not worst < 0.99:
        return False
    cube = (missed / (1.0 - worst)) * (1.0 + 1e-9) + 1e-290
    reach = np.zeros(x.size)
    reach[free] = np.abs(right).sum(axis=1) * cube * (1.0 + 1e-9)
    if not ((x - reach > first.lo) & (x + reach < first.hi))[free].all():
        return False
    return all(_has_room(star, _other_faces(star, stars), x, reach) for star in stars)


def shared_face(one: Star, other: Star) -> np.ndarray:
    """`(rows,)` bool: the rows of a piece that another has from the other side."""
    opposite = (one.a[:, None] == -other.a[None]).all(axis=2)
    # Two planes may have the same rounded rows, and a gap between them.
    same = (one.planes[:, None] == other.planes[None]) & (one.planes[:, None] >= 0)
    return (opposite & same).any(axis=1)


def _other_faces(star: Star, stars: Sequence[Star]) -> np.ndarray:
    rows = np.ones(len(star.b), bool)
    for other in stars:
        if other is not star:
            rows &= ~shared_face(star, other)
    return rows


def _has_room(star: Star, rows: np.ndarray, x: np.ndarray, reach: np.ndarray) -> bool:
    """Whether inputs as near to `x` as `reach` keep some rows of a piece."""
    a, b = star.a[rows], star.b[rows]
    size = np.abs(a) @ (np.abs(x) + np.abs(star.at)) + np.abs(b)
    room = np.abs(a) @ reach + 4.0 * gamma(2 * x.size + 16) * size
    return bool((b - a @ x > room).all())


def _is_onto(slopes: np.ndarray) -> bool:
    return bool(np.linalg.matrix_rank(slopes) == len(slopes))


def _measure(slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`T` and `C` of one map or two; see above."""
    back = np.linalg.pinv(slopes.mean(axis=0))
    if len(slopes) == 1:
        return np.eye(slopes.shape[1]), back
    change = 0.5 * (slopes[1] - slopes[0])
    along = np.linalg.svd(change)[0]
    first, *rest = (along.T @ change @ back @ along)[0]
    beside = max(1.0, 4.0 * float(np.abs(rest).sum()) / max(1.0 - abs(first), 1e-3))
    weight = np.append(1.0, np.full(len(rest), beside))
    return weight[:, None] * along.T, back @ (along / weight)
