"""Ranges that were proved before: they hold on every part of their input set."""

from __future__ import annotations

import numpy as np

from ..core import Bounds, Box


KEPT = 32
"""Input sets that are remembered: the first, which others are mostly part of, and the newest."""


class ProvedRanges:
    """What was proved of the outputs over earlier input sets of one page.

    A slider that is dragged inward never shows more than it did before, however long the search
    for the smaller set takes.
    """

    def __init__(self) -> None:
        self._found: tuple[tuple[Box, Bounds], ...] = ()

    def add(self, box: Box, ends: Bounds) -> None:
        """Remember what was proved.

        Args:
            box: The input set.
            ends: Bounds of the outputs on it, `(outputs,)` each.
        """
        # One assignment: another thread may be reading.
        self._found = (*self._found[:1], *self._found[1:][2 - KEPT :], (box, ends))

    def over(self, box: Box) -> Bounds | None:
        """What is known of the outputs on a set; None if it is not part of an earlier one.

        Sound: the outputs on a part of a set are among those on the set.

        Args:
            box: The input set.
        """
        fitting = [
            ends
            for whole, ends in self._found
            if np.all(whole.lo <= box.lo) and np.all(box.hi <= whole.hi)
        ]
        if not fitting:
            return None
        lo, hi = zip(*fitting, strict=True)
        return np.max(lo, axis=0), np.min(hi, axis=0)

    def clear(self) -> None:
        """Forget everything: the model has contradicted one of them."""
        self._found = ()
