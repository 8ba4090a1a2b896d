"""A cache of proved ranges, which also apply to every subset of their input set."""

from __future__ import annotations

import numpy as np

from ..core import Bounds, Box


CAPACITY = 32
"""Maximum number of cached input sets.

The cache keeps the first set, which often contains the others, and the newest sets.
"""


class ProvedRanges:
    """The ranges that were proved for earlier input sets of one page.

    While a slider is narrowed, they tighten the ranges shown, even before the search for the
    smaller set has ended.
    """

    def __init__(self) -> None:
        self._ranges: tuple[tuple[Box, Bounds], ...] = ()

    def add(self, box: Box, ends: Bounds) -> None:
        """Add proved bounds on the outputs over one input set.

        Args:
            box: The input set.
            ends: Lower and upper bounds on the outputs over the input set, `(outputs,)` each.
        """
        # A single assignment is atomic for a concurrent reader.
        self._ranges = (*self._ranges[:1], *self._ranges[1:][2 - CAPACITY :], (box, ends))

    def over(self, box: Box) -> Bounds | None:
        """Return bounds on the outputs over an input set, or None if no cached set contains it.

        If several cached sets contain it, their bounds are intersected.

        Sound: every output on a subset is also an output on the larger set.
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
        """Remove all ranges; used after the model has contradicted one of them."""
        self._ranges = ()
