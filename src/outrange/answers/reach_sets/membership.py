"""Proofs that a piece attains an output, or that it does not.

*Not attained*: in some direction the output lies beyond the images of all vertices of the piece by
more than the error. Any direction is valid, so it may be chosen in plain float64.

*Attained*: the map from `s` to `s - T (f(x + C s) - y)` maps a cube around 0 into itself. If `f` is
continuous there, the map has a fixed point (Brouwer's theorem), so `f` takes the value `y` at some
`x + C s`. This is true wherever the kinks of `f` are. On a piece, `f` is within `error` of `A x`,
so `|I - T A C| R + |T| (|A x - y| + error)` bounds the image of the cube of half-width `R`. Any `T`
and `C` are valid. At a face between two pieces, both pieces must satisfy the bound. The slopes of
their two maps differ by a rank-one matrix `u w`. Both can satisfy the bound if `C` moves the
outputs mainly along `u`, unless the map folds at the face.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core import gamma
from ..render.planes import convex_hull
from .star import Star


MOST_TURNS = 60
"""Maximum number of iterations of the nearest-point search; each adds at most one corner."""


def nearest(images: np.ndarray, y: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return approximate convex weights `(k,)` of the point nearest to `y` in a convex hull.

    The hull is that of `images`, `(k, outputs)`. Distances are measured relative to `scale`,
    `(outputs,)`. Wolfe's method moves to the nearest point of the affine hull of some corners; if
    that point lies outside their convex hull, it stops at the boundary.
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
        corners = np.union1d(np.flatnonzero(weights > 0), [best])
        weights = _to_edge(points, weights, corners)
    return weights


def _to_edge(points: np.ndarray, weights: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Return the convex weights of `points` after one major cycle of Wolfe's method.

    The nearest point of the corners' affine hull is the result if it lies inside their convex hull.
    Otherwise, the corners not needed at the boundary are dropped, and the step is repeated.
    """
    while True:
        ones = np.ones((corners.size, 1))
        gram = points[corners] @ points[corners].T
        system = np.block([[gram, ones], [ones.T, np.zeros((1, 1))]])
        wanted = np.linalg.lstsq(system, np.eye(corners.size + 1)[-1], rcond=None)[0][:-1]
        if (wanted > 1e-13).all():
            nearest_weights = np.zeros(len(points))
            nearest_weights[corners] = wanted / wanted.sum()
            return nearest_weights
        now = weights[corners]
        falls = wanted < np.minimum(now, 1e-13)
        if not falls.any():
            return weights
        share = float((now[falls] / (now[falls] - wanted[falls])).min())
        moved = np.maximum(now + min(max(share, 0.0), 1.0) * (wanted - now), 0.0)
        moved[moved <= 1e-13] = 0.0
        weights = np.zeros(len(points))
        weights[corners] = moved / moved.sum()
        smaller = corners[moved > 0]
        if smaller.size in (0, corners.size):
            return weights
        corners = smaller


class Separation:
    """Test that proves that outputs lie outside a piece, because they lie beyond it in a direction.

    Args:
        along: Directions to try, `(k, outputs)`; None for those that `directions` returns.
    """

    def __init__(self, star: Star, along: np.ndarray | None = None) -> None:
        finite = np.isfinite(star.error).all() and np.isfinite(star.images).all()
        along = directions(star) if along is None else along
        self.along = along.T if finite else along[:0].T
        self.end = (star.images @ self.along).max(axis=0)
        self.size = np.abs(star.images).max(axis=0)
        self.room = star.error @ np.abs(self.along)
        self.gamma = gamma(4 * len(star.center) + 16)

    def is_beyond(self, y: np.ndarray) -> np.ndarray:
        """Return, for each output `(n, outputs)`, whether it is proved to lie outside, `(n,)`."""
        size = np.maximum(self.size, np.abs(y)) @ np.abs(self.along)
        room = (self.room + self.gamma * size) * (1.0 + 1e-14) + 1e-290
        return np.asarray((y @ self.along - self.end > room).any(axis=1))


class FixedPoint:
    """Test that proves that outputs are attained in one piece, or in two pieces that share a face.

    Everything independent of the outputs is computed once. The module docstring has the proof.

    Args:
        stars: One piece, or two pieces that share a face; see `shared_face`.
    """

    def __init__(self, stars: Sequence[Star]) -> None:
        first = stars[0]
        self.stars, self.free = stars, first.lo < first.hi
        slopes = np.array([star.slopes[:, self.free] for star in stars])
        self.worst = np.inf
        if not all(star.continuous for star in stars) or not _is_onto(slopes.mean(axis=0)):
            return
        self.back = np.linalg.pinv(slopes[0])
        self.left, self.right = _measure(slopes)
        inputs, outputs = first.lo.size, len(first.center)
        self.gamma = gamma(4 * inputs + 4 * outputs + 32)
        self.worst = 0.0
        for slope in slopes:
            off = np.abs(np.eye(outputs) - self.left @ slope @ self.right)
            off += self.gamma * (1.0 + np.abs(self.left) @ np.abs(slope) @ np.abs(self.right))
            self.worst = max(self.worst, float(off.sum(axis=1).max()))

    def is_reached(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return whether each output is proved attained at some input near a starting input.

        Args:
            y: Outputs, `(n, outputs)`.
            x: Starting inputs, `(n, inputs)` or `(inputs,)`.

        Returns:
            A bool array, `(n,)`.
        """
        if not self.worst < 0.99:
            return np.zeros(len(y), bool)
        first, step = self.stars[0], np.zeros((len(y), self.free.size))
        for _ in range(2):  # Move to the preimage of `y`, up to rounding.
            step[:, self.free] = (y - first.apply(x)) @ self.back.T
            x = np.clip(x + step, first.lo, first.hi)
        missed = np.zeros(len(y))
        for star in self.stars:
            size = np.abs(x - star.at) @ np.abs(star.slopes).T + np.abs(star.center) + np.abs(y)
            apart = np.abs(star.apply(x) - y) + self.gamma * size + star.error
            missed = np.maximum(missed, (apart @ np.abs(self.left).T).max(axis=1))
        cube = (missed / (1.0 - self.worst)) * (1.0 + 1e-9) + 1e-290
        reach = np.zeros_like(x)
        reach[:, self.free] = np.abs(self.right).sum(axis=1) * cube[:, None] * (1.0 + 1e-9)
        inside = (x - reach > first.lo) & (x + reach < first.hi)
        reached = np.asarray(inside[:, self.free].all(axis=1))
        for star in self.stars:
            reached &= _has_room(star, _other_faces(star, self.stars), x, reach)
        return reached


def directions(star: Star) -> np.ndarray:
    """Return directions `(k, outputs)` that may separate an output from the image of a piece.

    They are normal to the images of the piece's planes if its map is invertible. With two outputs,
    they are also normal to the edges of its image. No proof depends on their choice.
    """
    free = star.lo < star.hi
    if not np.isfinite(star.slopes).all() or not np.isfinite(star.images).all():
        return np.zeros((0, len(star.center)))
    planes = np.concatenate(
        [star.a[:, free], np.eye(free.size)[:, free], -np.eye(free.size)[:, free]]
    )
    with np.errstate(all="ignore"):
        normals = [planes @ np.linalg.pinv(star.slopes[:, free])]
        if len(star.center) == 2:
            corners = convex_hull(star.images)
            edges = np.roll(corners, -1, axis=0) - corners
            normals.append(np.stack([edges[:, 1], -edges[:, 0]], axis=1))
        rows = np.concatenate(normals)
        rows = rows / np.abs(rows).max(axis=1, keepdims=True)
    return rows[np.isfinite(rows).all(axis=1)]


def shared_face(star: Star, other: Star) -> np.ndarray:
    """Return, for each constraint (row) of `star`, whether it is a face shared with `other`.

    A face is shared if `other` has a constraint with the same plane and the opposite direction.
    """
    opposite = (star.a[:, None] == -other.a[None]).all(axis=2)
    # Two planes may have equal rounded rows, and still a gap between them.
    same = (star.planes[:, None] == other.planes[None]) & (star.planes[:, None] >= 0)
    return (opposite & same).any(axis=1)


def _other_faces(star: Star, stars: Sequence[Star]) -> np.ndarray:
    rows = np.ones(len(star.b), bool)
    for other in stars:
        if other is not star:
            rows &= ~shared_face(star, other)
    return rows


def _has_room(star: Star, rows: np.ndarray, x: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Return, for each `x`, whether all inputs within `reach` of it satisfy the given rows."""
    a, b = star.a[rows], star.b[rows]
    size = (np.abs(x) + np.abs(star.at)) @ np.abs(a).T + np.abs(b)
    room = reach @ np.abs(a).T + 4.0 * gamma(2 * x.shape[1] + 16) * size
    return np.asarray((b - x @ a.T > room).all(axis=1))


def _is_onto(slopes: np.ndarray) -> bool:
    return bool(np.linalg.matrix_rank(slopes) == len(slopes))


def _measure(slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrices `T` and `C` of the module docstring for one or two affine maps.

    Args:
        slopes: Matrices of the maps, `(1 or 2, outputs, inputs)`.
    """
    back = np.linalg.pinv(slopes.mean(axis=0))
    if len(slopes) == 1:
        return np.eye(slopes.shape[1]), back
    change = 0.5 * (slopes[1] - slopes[0])
    along = np.linalg.svd(change)[0]
    first, *rest = (along.T @ change @ back @ along)[0]
    beside = max(1.0, 4.0 * float(np.abs(rest).sum()) / max(1.0 - abs(first), 1e-3))
    weight = np.append(1.0, np.full(len(rest), beside))
    return weight[:, None] * along.T, back @ (along / weight)
