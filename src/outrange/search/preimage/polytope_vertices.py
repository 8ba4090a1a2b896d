"""Convex polytopes by their vertices: cut by half-spaces, in plain float64.

Each vertex knows which faces it lies on. Two vertices with `d - 1` faces in common may be joined by
an edge, and an edge that crosses a plane gives a vertex of what is left. Where more than `d` faces
meet, some pairs taken for edges are none: the points found on them lie in the polytope all the
same, so it is never cut too small, only described by more points than it needs.
Reference: Motzkin et al., the double description method (1953).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from .settings import SETTINGS


TOLERANCE = 1e-12
"""A point this near a plane, relative to the size of the plane's terms there, lies on it."""


class TooManyVertices(Exception):
    """The polytope has more vertices than are kept."""


@dataclass(frozen=True, eq=False)
class Vertices:
    """A polytope `rows @ x <= limits` within a box.

    Args:
        points: `(p, d)` its vertices (and perhaps further points of it); none if it is empty.
        on: `(p, 2 d + rows)` bool: the faces each lies on, those of the box first.
        rows: Array of shape `(rows, d)`.
        limits: Array of shape `(rows,)`.
    """

    points: np.ndarray
    on: np.ndarray
    rows: np.ndarray
    limits: np.ndarray

    @classmethod
    def of(cls, lo: np.ndarray, hi: np.ndarray) -> Vertices:
        """The box itself; a side of no width gives no second vertex."""
        d = lo.size
        sides = [(0, 1) if a < b else (0,) for a, b in zip(lo, hi, strict=True)]
        corner = np.array(list(itertools.product(*sides)), bool).reshape(2 ** sum(lo < hi), d)
        flat = lo >= hi
        on = np.concatenate([~corner, corner | flat], axis=1)
        return cls(np.where(corner, hi, lo), on, np.empty((0, d)), np.empty(0))

    def heights(self, row: np.ndarray, constant: float) -> np.ndarray:
        """`row @ x + constant` at the points, exactly 0 where it is no more than rounding."""
        height = self.points @ row + constant
        size = np.abs(self.points) @ np.abs(row) + abs(constant)
        return np.where(np.abs(height) <= TOLERANCE * size, 0.0, height)

    def cut(self, row: np.ndarray, constant: float) -> Vertices:
        """The part where `row @ x + constant <= 0`.

        Raises:
            TooManyVertices: There are more than `PavingSettings.most_vertices`.
        """
        height = self.heights(row, constant)
        inside, outside = np.flatnonzero(height < 0), np.flatnonzero(height > 0)
        flat = np.flatnonzero(height == 0)
        rows = np.concatenate([self.rows, row[None]])
        limits = np.append(self.limits, -constant)
        a, b = self._edges(inside, outside)
        share = (height[a] / (height[a] - height[b]))[:, None]
        new = self.points[a] * (1.0 - share) + self.points[b] * share
        kept = np.concatenate([inside, flat])
        on = np.zeros((kept.size + a.size, self.on.shape[1] + 1), bool)
        on[: kept.size, :-1] = self.on[kept]
        on[inside.size : kept.size, -1] = True
        on[kept.size :, :-1] = self.on[a] & self.on[b]
        on[kept.size :, -1] = True
        points = np.concatenate([self.points[kept], new])
        if len(points) > SETTINGS.most_vertices:
            raise TooManyVertices
        return Vertices(points, on, rows, limits)

    def _edges(self, inside: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of vertices on either side that may be joined by an edge."""
        if not (inside.size and outside.size):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        left, right = (self.on[i].astype(np.float32) for i in (inside, outside))
        common = left @ right.T
        a, b = np.nonzero(common >= self.points.shape[1] - 1)
        return inside[a], outside[b]

    @property
    def middle(self) -> np.ndarray:
        """`(d,)` the mean of the points: inside the polytope."""
        return self.points.mean(axis=0)

    def needed(self) -> np.ndarray:
        """Which rows touch the polytope; the others follow from the rest."""
        d = self.points.shape[1]
        return np.flatnonzero(self.on[:, 2 * d :].any(axis=0))
