"""Cache of proved ranges: they also hold on every subset of their input set."""

from __future__ import annotations

import numpy as np

from ..core import Bounds, Box


CAPACITY = 32
"""Maximum number of cached input sets: the first, which contains most others, and the newest."""


class ProvedRanges:
    """Ranges proved for earlier input sets of one page.

    With it, narrowing a slider never widens the ranges shown, however long the search for the
    smaller set takes.
    """

    def __init__(self) -> None:
        self._ranges: tuple[tuple[Box, Bounds], ...] = ()

    def add(self, box: Box, ends: Bounds) -> None:
        """Add proved bounds.

        Args:
            ends: Bounds of the outputs on it, `(outputs,)` each.
        """
        # A single assignment is atomic for a concurrent reader.
        self._ranges = (*self._ranges[:1], *self._ranges[1:][2 - CAPACITY :], (box, ends))

    def over(self, box: Box) -> Bounds | None:
        """Return bounds of the outputs on a set; None if no earlier set contains it.

        Sound: the outputs on a subset are among those on the set.
        """
        fitting = [
            ends
            for whole, ends in self._ranges
            if np.all(whole.lo <= box.lo) and np.all(box.hi <= whole.hi)
        ]
        if not fitting:
            return None
        lo, hi = zip(*fitting, strict=True)
        return np.max(lo, axis=0), np.min(hi, axis=0)

    def clear(self) -> None:
        """Remove all ranges, after the model has contradicted one of them."""
        self._ranges = ()
