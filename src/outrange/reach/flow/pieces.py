"""Pieces of an initial set, and what is known of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ...core import Bounds
from .pipe import Failure, FlowPipe


THINNEST = 2.0**-30
"""A box is cut across a side only if that is more than this share of the whole."""


@dataclass(frozen=True, eq=False)
class InitialPiece:
    """A box, its share of the initial volume, and what is known of the one that it was cut from."""

    lo: np.ndarray
    hi: np.ndarray
    share: float
    origin: SettledPiece | None = None

    def cut(self, free: Sequence[int], blame: Sequence[float], most: int) -> list[InitialPiece]:
        """Parts across the variables that are to blame most; nothing if no side can be cut."""
        order = [j for j in np.argsort(-np.asarray(blame), kind="stable") if self._wide(free[j])]
        if not order:
            return []
        # A second variable that is less than half as much to blame is not worth a cut.
        second = order[1] if len(order) > 1 and 2 * blame[order[1]] >= blame[order[0]] else order[0]
        found = self._halves(int(free[order[0]]))
        if most > 1:
            found = [half for piece in found for half in piece._halves(int(free[second]))]
        return found

    def _wide(self, state: int) -> bool:
        size = abs(self.lo[state]) + abs(self.hi[state])
        return bool(self.hi[state] - self.lo[state] > THINNEST * size)

    def _halves(self, state: int) -> list[InitialPiece]:
        hi, lo = self.hi.copy(), self.lo.copy()
        hi[state] = lo[state] = 0.5 * self.lo[state] + 0.5 * self.hi[state]
        return [
            replace(self, hi=hi, share=self.share / 2), replace(self, lo=lo, share=self.share / 2)
        ]  # fmt: skip


def corners_of(pieces: Sequence[InitialPiece]) -> Bounds:
    """Of some pieces."""
    return np.stack([piece.lo for piece in pieces]), np.stack([piece.hi for piece in pieces])


@dataclass(frozen=True, eq=False)
class SettledPiece:
    """A piece that is settled, one way or the other, and its place in the pipe of a run."""

    piece: InitialPiece
    pipe: FlowPipe
    box: int
    proved: bool

    @property
    def reached(self) -> Fraction:
        """Up to when its pipe holds."""
        return self.pipe.reached[self.box]

    @property
    def failure(self) -> Failure | None:
        """Where it had to stop."""
        return next((one for one in self.pipe.failures if one.box == self.box), None)
