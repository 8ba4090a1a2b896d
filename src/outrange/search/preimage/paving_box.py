"""A box of a paving, and its bisection tree."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


MIXED, OUTSIDE, INSIDE = 0, 1, 2
"""Labels of a box: undecided, outside, and inside."""


class PavingBox:
    """One box of a paving.

    Args:
        lo: `(d,)` lower bounds of the free inputs.
        hi: `(d,)` upper bounds of the free inputs.
        share: The box's fraction of the whole volume.
        open_: `(m,)` mask of the clauses that may hold somewhere in the box.
        status: `(units,)` known phases of the units.
    """

    __slots__ = (
        "at",
        "blame",
        "children",
        "cut",
        "forms",
        "hi",
        "label",
        "least",
        "lo",
        "most",
        "open",
        "share",
        "status",
        "undecided",
    )

    def __init__(
        self, lo: np.ndarray, hi: np.ndarray, share: float, open_: np.ndarray, status: np.ndarray
    ) -> None:
        self.lo, self.hi, self.share, self.open, self.status = lo, hi, share, open_, status
        self.label, self.least, self.most = MIXED, 0.0, share
        self.undecided = len(status)
        self.blame: np.ndarray | None = None
        self.forms: tuple[np.ndarray, np.ndarray] | None = None
        self.cut, self.at = -1, 0.0
        self.children: tuple[PavingBox, PavingBox] | None = None

    @property
    def gap(self) -> float:
        """The fraction of the whole volume that lies in this box and is still uncertain."""
        return self.most - self.least

    def leaves(self) -> Iterator[PavingBox]:
        """Yield the leaf boxes of the bisection tree, with the lower half of each box first."""
        waiting = [self]
        while waiting:
            cell = waiting.pop()
            if cell.children is None:
                yield cell
            else:
                waiting += [cell.children[1], cell.children[0]]
