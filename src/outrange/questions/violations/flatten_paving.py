"""Conversion of a paving to the flat arrays, pieces and bands of an answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...answers.regions.locator import INSIDE, OUTSIDE, PIECES, UNDECIDED, Locator
from ...answers.regions.piece import Piece, Slab
from ...search.preimage import paving as search
from ...search.preimage.activation_patterns import PatternPolytope
from ...search.preimage.paving import PavingBox


class FlatPaving:
    """Flattened bisection trees of a paving, with one row per cell.

    Args:
        roots: Root cell of each tree.
        parts: Dict from the `id` of a leaf to its parts, for leaves divided by activation patterns.
        free: `(d,)` bool: whether each input varies; the cells are boxes in the varying inputs.
        base: `(d,)`, the values of the inputs that do not vary.
    """

    def __init__(
        self,
        roots: Sequence[PavingBox],
        parts: dict[int, list[PatternPolytope]],
        free: np.ndarray,
        base: np.ndarray,
    ) -> None:
        self._free, self._base, self._parts = free, base, parts
        self._at = np.flatnonzero(free)
        self.pieces: list[Piece] = []
        self.bands: list[Slab] = []
        self.kinds: list[int] = []
        self._leaves: list[tuple[int, np.ndarray, np.ndarray]] = []
        self._rows: list[tuple[int, float, int, int]] = []
        self._roots = [self._add(root) for root in roots]

    def _add(self, root: PavingBox) -> int:
        """Flatten one tree, and return the row of its root."""
        first = len(self._rows)
        waiting: list[tuple[PavingBox, int]] = [(root, first)]
        self._rows.append((-1, 0.0, -1, -1))
        while waiting:
            cell, row = waiting.pop()
            if cell.children is None:
                self._rows[row] = self._leaf(cell)
                continue
            left = len(self._rows)
            self._rows += [(-1, 0.0, -1, -1)] * 2
            self._rows[row] = (int(self._at[cell.cut]), cell.at, left, left + 1)
            waiting += [(cell.children[1], left + 1), (cell.children[0], left)]
        return first

    def _leaf(self, cell: PavingBox) -> tuple[int, float, int, int]:
        lo, hi = self._full(cell.lo), self._full(cell.hi)
        divided = self._parts.get(id(cell))
        kind = {search.OUTSIDE: OUTSIDE, search.INSIDE: INSIDE}.get(cell.label, UNDECIDED)
        start = len(self.pieces)
        if kind == UNDECIDED and divided is not None:
            kind = PIECES if divided else OUTSIDE
            for part in divided:
                a = np.zeros((len(part.a), self._base.size))
                a[:, self._free] = part.a
                self.pieces.append(Piece(a, part.b, lo, hi, self._full(part.at)))
        self.kinds.append(kind if divided is None or divided else UNDECIDED)
        self._leaves.append((kind, lo, hi))
        if kind == UNDECIDED:
            self.bands.append(self._band(cell))
            return -1 - kind, 0.0, len(self.bands) - 1, len(self.bands)
        return -1 - kind, 0.0, start, len(self.pieces)

    def _band(self, cell: PavingBox) -> Slab:
        """Return the parts of a mixed box that are proved bad or good, as half-spaces.

        Without linear bounds, no part of the box is classified.
        """
        width = self._base.size + 1
        if cell.forms is None:
            return Slab(np.empty((0, width)), np.zeros((1, width)))
        slopes, offset = cell.forms
        rows = np.zeros((len(offset), width))
        rows[:, np.append(self._free, True)] = np.concatenate([slopes, offset[:, None]], axis=1)
        rows[~np.isfinite(rows).all(axis=1)] = 0.0
        m = len(rows) // 2
        return Slab(-rows[m:][cell.open], rows[:m][cell.open])

    def _full(self, x: np.ndarray) -> np.ndarray:
        whole = self._base.copy()
        whole[self._free] = x
        return whole

    def ends(self, kind: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and upper corners of the leaves with the label `kind`, `(n, d)` each."""
        leaves = [ends for k, *ends in self._leaves if k == kind]
        both = np.array(leaves).reshape(-1, 2, self._base.size)
        return both[:, 0], both[:, 1]

    def locator(self, lo: np.ndarray, hi: np.ndarray) -> Locator:
        """Build a locator of points, given the corners of the root boxes, `(r, d)` each."""
        cut, at, left, right = (
            (np.array(column) for column in zip(*self._rows, strict=True))
            if (self._rows)
            else (np.zeros(0, np.int64),) * 4
        )
        return Locator(lo, hi, np.array(self._roots, np.int64), cut, at, left, right)
