"""Pieces of an initial set, and the flowpipe computed for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ...core import Bounds
from .pipe import Failure, FlowPipe


THINNEST = 2.0**-30
"""Width of a side, relative to the magnitude of the side's endpoints, at or below which the side is
too thin to cut."""


@dataclass(frozen=True, eq=False)
class InitialPiece:
    """A box, its fraction of the initial set, and the earlier piece from which it was cut."""

    lo: np.ndarray
    hi: np.ndarray
    share: float
    origin: SettledPiece | None = None

    def cut(self, free: Sequence[int], blame: Sequence[float], most: int) -> list[InitialPiece]:
        """Cut the piece once or twice, first across the variable with the most blame.

        Return [] if every side is too thin (see `THINNEST`).

        The second cut is across the variable with the second-largest blame if this is at least half
        of the largest blame. Otherwise, both cuts are across the same variable.

        Args:
            free: Indices of the states that vary.
            blame: Contribution of each of these states to the width of the bounds.
            most: Number of successive cuts, 1 or 2: two cuts yield four parts.
        """
        order = [j for j in np.argsort(-np.asarray(blame), kind="stable") if self._can_cut(free[j])]
        if not order:
            return []
        # A second variable with less than half of the blame is not worth a cut.
        second = order[1] if len(order) > 1 and 2 * blame[order[1]] >= blame[order[0]] else order[0]
        parts = self._bisect(int(free[order[0]]))
        if most > 1:
            parts = [half for piece in parts for half in piece._bisect(int(free[second]))]
        return parts

    def _can_cut(self, state: int) -> bool:
        size = abs(self.lo[state]) + abs(self.hi[state])
        return bool(self.hi[state] - self.lo[state] > THINNEST * size)

    def _bisect(self, state: int) -> list[InitialPiece]:
        hi, lo = self.hi.copy(), self.lo.copy()
        hi[state] = lo[state] = 0.5 * self.lo[state] + 0.5 * self.hi[state]
        return [
            replace(self, hi=hi, share=self.share / 2), replace(self, lo=lo, share=self.share / 2)
        ]  # fmt: skip


def corners_of(pieces: Sequence[InitialPiece]) -> Bounds:
    """Return the lower and upper corners of pieces, `(pieces, n)` each."""
    return np.stack([piece.lo for piece in pieces]), np.stack([piece.hi for piece in pieces])


@dataclass(frozen=True, eq=False)
class SettledPiece:
    """A piece whose pipe is computed; its result is the box with index `box` in `pipe`."""

    piece: InitialPiece
    pipe: FlowPipe
    box: int
    proved: bool

    @property
    def reached(self) -> Fraction:
        """The time up to which the piece's pipe is valid."""
        return self.pipe.reached[self.box]

    @property
    def failure(self) -> Failure | None:
        """The failure that stopped the piece; None if its pipe reached the end."""
        return next((failure for failure in self.pipe.failures if failure.box == self.box), None)
