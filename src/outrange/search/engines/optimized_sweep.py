"""Bounds on every value with individual lines for every row, improved by ascent.

An ordinary CROWN pass chooses one set of lines for all rows; this pass chooses lines for each row.
It is more expensive, but far tighter if factors of relaxed products depend on other relaxed
products, as in a recurrent net or in attention.

Reference: see `alpha_crown`.
"""

from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from ...core import Clock, OutOfTime, deadline
from ...domains.backward import LinearForm, RelaxedGraph
from ...domains.crown import CrownPass
from .alpha_crown import AlphaAscent


STEPS = 4
"""Number of ascent steps per row."""

ROOM = 1 << 24
"""Limit on the number of rows times the number of entries of all nonlinear values; above it,
ordinary back-substitution is used."""


SHARE = 0.25
"""Fraction of the time limit after which there are no more ascents. Values are then bounded by
ordinary back-substitution."""


@dataclass(eq=False)
class OptimizedCrownPass(CrownPass):
    """A `CrownPass` that optimizes its slopes by ascent.

    Args:
        steps: Number of ascent steps per row.
        clock: Clock of the pass; ascents may take the fraction `SHARE` of its time limit.
    """

    steps: int = STEPS
    clock: Clock = field(default_factory=Clock)

    def _refine(self, net: RelaxedGraph, value: int) -> bool:
        rows = self._open_rows(value)
        nonlinear = sum(self.ends[v][0].shape[1] for v in net.lines)
        if rows.size == 0:
            return False
        boxes = len(self.cells.lo)
        left = SHARE * self.clock.limit - self.clock.seconds
        if not nonlinear or 2 * boxes * rows.size * nonlinear > ROOM:
            return super()._refine(net, value)
        if left < 0:
            return self._late(net, value)
        units = np.zeros((2 * rows.size, self.ends[value][0].shape[1]))
        units[np.arange(rows.size), rows] = 1.0
        units[rows.size + np.arange(rows.size), rows] = -1.0
        box, which = np.divmod(np.arange(boxes * len(units)), len(units))
        ascent = AlphaAscent(self, net, units, box, which, value, optimize_smooth=True)
        with suppress(OutOfTime, MemoryError), deadline(left):
            ascent.run(np.full(box.size, np.inf), self.steps)
        if np.isneginf(ascent.least).all():
            del ascent  # it may be what fills the memory
            return self._late(net, value)
        self._retaken = True
        lower = ascent.least.reshape(boxes, -1)
        lo, hi = (end.copy() for end in self.ends[value])
        lo[:, rows] = np.maximum(lo[:, rows], lower[:, : rows.size])
        hi[:, rows] = np.minimum(hi[:, rows], -lower[:, rows.size :])
        self.ends[value] = (lo, hi)
        form = LinearForm(ascent.form_rows.reshape(boxes, len(units), -1), lower)
        self.shares[value] = (rows, self._shares(form, rows.size))
        return True

    def _late(self, net: RelaxedGraph, value: int) -> bool:
        """Bound a value by ordinary back-substitution, unless it is in `settled`.

        Return whether its bounds may have been tightened, in this pass or in the earlier pass that
        settled it.
        """
        return value in self.settled or super()._refine(net, value)
