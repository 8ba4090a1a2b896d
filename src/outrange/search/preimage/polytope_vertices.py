"""Convex polytopes, represented by their vertices and cut by half-spaces in plain float64.

Each vertex stores the faces that it lies on. Two vertices with at least `d - 1` common faces are
treated as joined by an edge, and an edge that crosses a plane yields a vertex of the remaining
part. If more than `d` faces meet, some of these pairs are not edges. The points found on them still
lie in the polytope. So the polytope is never cut too small; it may only have redundant points.
Reference: Motzkin et al., the double description method (1953).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from .settings import SETTINGS


TOLERANCE = 1e-12
"""Distance from a plane, relative to the size of its terms, up to which a point counts as on it."""


class TooManyVertices(Exception):
    """Raised if a polytope has too many vertices, a box has too many cells, or time runs out."""


@dataclass(frozen=True, eq=False)
class Vertices:
    """A polytope `rows @ x <= limits` within a box.

    Args:
        points: Array `(p, d)` of the vertices, and perhaps of redundant points; `p` is 0 if the
            polytope is empty.
        on: `(p, 2 d + rows)` mask: whether each point lies on each face; the box's faces come
            first.
        rows: Array of shape `(rows, d)`.
        limits: Array of shape `(rows,)`.
    """

    points: np.ndarray
    on: np.ndarray
    rows: np.ndarray
    limits: np.ndarray

    @classmethod
    def of(cls, lo: np.ndarray, hi: np.ndarray) -> Vertices:
        """Create the polytope of a box; an input of width 0 does not add vertices."""
        d = lo.size
        sides = [(0, 1) if a < b else (0,) for a, b in zip(lo, hi, strict=True)]
        corner = np.array(list(itertools.product(*sides)), bool).reshape(2 ** sum(lo < hi), d)
        flat = lo >= hi
        on = np.concatenate([~corner, corner | flat], axis=1)
        return cls(np.where(corner, hi, lo), on, np.empty((0, d)), np.empty(0))

    def heights(self, row: np.ndarray, constant: float) -> np.ndarray:
        """Return `row @ x + constant` at the points, set to 0 where it is 0 up to rounding."""
        height = self.points @ row + constant
        size = np.abs(self.points) @ np.abs(row) + abs(constant)
        return np.where(np.abs(height) <= TOLERANCE * size, 0.0, height)

    def cut(self, row: np.ndarray, constant: float) -> Vertices:
        """Return the part of the polytope where `row @ x + constant <= 0`.

        Raises:
            TooManyVertices: There are more than `PavingSettings.most_vertices` vertices.
        """
        height = self.heights(row, constant)
        inside, outside = np.flatnonzero(height < 0), np.flatnonzero(height > 0)
        flat = np.flatnonzero(height == 0)
        rows = np.concatenate([self.rows, row[None]])
        limits = np.append(self.limits, -constant)
        a, b = self._edges(inside, outside)
        share = (height[a] / (height[a] - height[b]))[:, None]
        new = self.points[a] * (1.0 - share) + self.points[b] * share
        below = np.concatenate([inside, flat])
        on = np.zeros((below.size + a.size, self.on.shape[1] + 1), bool)
        on[: below.size, :-1] = self.on[below]
        on[inside.size : below.size, -1] = True
        on[below.size :, :-1] = self.on[a] & self.on[b]
        on[below.size :, -1] = True
        points = np.concatenate([self.points[below], new])
        if len(points) > SETTINGS.most_vertices:
            raise TooManyVertices
        return Vertices(points, on, rows, limits)

    def _edges(self, inside: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the pairs of a vertex of `inside` and one of `outside` that an edge may join."""
        if not (inside.size and outside.size):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        left, right = (self.on[i].astype(np.float32) for i in (inside, outside))
        common = left @ right.T
        a, b = np.nonzero(common >= self.points.shape[1] - 1)
        return inside[a], outside[b]

    @property
    def middle(self) -> np.ndarray:
        """`(d,)` the mean of the points, inside the polytope."""
        return self.points.mean(axis=0)

    def touching_rows(self) -> np.ndarray:
        """Return the indices of the rows that touch the polytope; the others are redundant."""
        d = self.points.shape[1]
        return np.flatnonzero(self.on[:, 2 * d :].any(axis=0))
