"""Parts of a box: polytopes of bad inputs, and half-spaces proved bad or good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..render.planes import clip_polygon, rectangle


NEAR = 1e-10
"""Distance within which a point counts as lying on a face, relative to the size of the terms of the
face's equation."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A polytope of bad inputs: `a @ x <= b` within the box `[lo, hi]`.

    It is the part of a box that has one activation pattern and breaks the property. For a
    model with one flat input, `outrange.Polytope(piece.a, piece.b, (piece.lo, piece.hi))` is the
    same set as an input set.

    Args:
        a: `(rows, inputs)`, coefficients of the flat inputs. The last row is the property; the
            others are the zero planes of units.
        b: `(rows,)`, right-hand sides.
        lo: `(inputs,)`, lower corner of the box.
        hi: `(inputs,)`, upper corner of the box.
        at: `(inputs,)`, an input inside the polytope.
    """

    a: np.ndarray
    b: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    at: np.ndarray

    def contains(self, x: Any) -> np.ndarray:
        """Return, in plain float64, whether inputs lie in the polytope.

        Args:
            x: Flat inputs, `(n, inputs)`.

        Returns:
            A bool array `(n,)`.
        """
        x = np.atleast_2d(np.asarray(x, np.float64))
        inside = ((self.lo <= x) & (x <= self.hi)).all(axis=1)
        return inside & (x @ self.a.T <= self.b).all(axis=1)

    def corners(self, at: np.ndarray) -> np.ndarray:
        """Return the polygon of the piece in the plane of the one or two inputs that vary.

        All other inputs are fixed at `lo`. With one input, the polygon has a height of 1.

        Args:
            at: Indices of the inputs, `(1,)` or `(2,)`.

        Returns:
            The corners in order around the polygon, `(n, 2)`.
        """
        corners = rectangle(self.lo[at], self.hi[at])
        fixed = np.setdiff1d(np.arange(self.lo.size), at)
        for row, limit in zip(self.a, self.b, strict=True):
            direction = np.append(row[at], 0.0)[:2]
            corners = clip_polygon(corners, direction, limit - row[fixed] @ self.lo[fixed])
        return corners

    def sides(self, x: np.ndarray) -> np.ndarray:
        """Classify inputs of the box as inside, outside or on a face.

        Points on a face between two activation patterns are classified as inside, because the
        network is continuous there.

        Args:
            x: Flat inputs, `(n, inputs)`.

        Returns:
            `(n,)`: 1 for inputs inside, -1 for those outside, 0 for those on the property's face.
        """
        height = x @ self.a.T - self.b
        near = NEAR * (np.abs(x) @ np.abs(self.a).T + np.abs(self.b))
        inside = (height[:, :-1] <= near[:, :-1]).all(axis=1) & (height[:, -1] < -near[:, -1])
        outside = (height > near).any(axis=1)
        return np.where(inside, 1, np.where(outside, -1, 0))


@dataclass(frozen=True, eq=False)
class Slab:
    """Half-spaces of an undecided box that linear bounds prove bad or good.

    Args:
        bad: `(k, inputs + 1)`: `row @ [x, 1] < 0` for some row proves an input bad.
        good: `(k, inputs + 1)`: `row @ [x, 1] > 0` for every row proves an input good.
    """

    bad: np.ndarray
    good: np.ndarray

    def sides(self, x: np.ndarray) -> np.ndarray:
        """Classify inputs of the box as proved bad, proved good or unknown.

        Args:
            x: Flat inputs, `(n, inputs)`.

        Returns:
            `(n,)`: 1 for inputs proved bad, -1 for those proved good, 0 for others.
        """
        extended = np.concatenate([x, np.ones((len(x), 1))], axis=1)
        (bad, near), (good, close) = (
            (extended @ rows.T, NEAR * (np.abs(extended) @ np.abs(rows).T))
            for rows in (self.bad, self.good)
        )
        return np.where((bad < -near).any(axis=1), 1, np.where((good > close).all(axis=1), -1, 0))
