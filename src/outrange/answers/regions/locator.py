"""Location of points in the boxes of a paving."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


INNER, OUTSIDE, INSIDE, PIECES, UNDECIDED = 0, 1, 2, 3, 4
"""Kinds of rows of a locator: a bisected box (`INNER`), or one of four kinds of leaves."""


@dataclass(frozen=True, eq=False)
class Locator:
    """Trees of bisected boxes, stored as arrays with one row per box.

    Args:
        lo: `(r, d)`, lower corners of the root boxes.
        hi: `(r, d)`, upper corners of the root boxes.
        roots: `(r,)`, rows of the root boxes.
        cut: `(n,)`, index of the input along which a box is bisected; for a leaf, -1 minus the
            kind of the leaf.
        at: `(n,)`, position of the cut; points up to it are in the left half.
        left: `(n,)`, row of the left half; for a leaf, the index of its first piece (or of its
            band, if undecided).
        right: `(n,)`, row of the right half; for a leaf, the index that follows its last piece.
    """

    lo: np.ndarray
    hi: np.ndarray
    roots: np.ndarray
    cut: np.ndarray
    at: np.ndarray
    left: np.ndarray
    right: np.ndarray

    def find(self, root: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the leaves of the points that lie in one root box.

        Args:
            root: Index of the root box.
            x: Points, `(n, d)`.

        Returns:
            The indices of the points in the root box, `(k,)`, and the rows of their leaves, `(k,)`.
        """
        inside = np.flatnonzero(((self.lo[root] <= x) & (x <= self.hi[root])).all(axis=1))
        row = np.full(inside.size, self.roots[root])
        moving = np.arange(inside.size)
        while True:
            moving = moving[self.cut[row[moving]] >= 0]
            if not moving.size:
                return inside, row
            here = row[moving]
            below = x[inside[moving], self.cut[here]] <= self.at[here]
            row[moving] = np.where(below, self.left[here], self.right[here])

    def kind(self, row: np.ndarray) -> np.ndarray:
        """Return the kind of the given leaves.

        Args:
            row: Rows of the leaves, `(k,)`.

        Returns:
            `OUTSIDE`, `INSIDE`, `PIECES` or `UNDECIDED` for each, `(k,)`.
        """
        return -1 - self.cut[row]
