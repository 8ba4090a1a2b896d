"""Schedules semidefinite relaxations: the rows with the most to gain are bounded next.

Once no row gains enough from further turns over the whole box, the box is split (`split`), with one
tree per row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...common.parallel import parallel_map, threads
from ...neuron_split.relaxed_net import RelaxedNet
from .forms import supports
from .relaxation import SemidefiniteRelaxation, SemidefiniteRow
from .tree import SemidefiniteTree


FEWEST_UNITS = 16
"""Minimum number of unstable units for semidefinite relaxations; fewer are split immediately."""

MOST_VARIABLES = 320
"""Maximum number of free inputs plus unstable units: the time of a step grows with their cube."""

LEAST_GAIN = 0.1
"""Fraction of a row's distance to the cutoff that a turn must close; a turn that closes less is the
row's last one, since a split closes more in the same time."""

LOOSE = 0.2
"""Mean gap of the linear bounds, as a fraction of the ranges, at or below which splits suffice."""

FIRST = 1e6
"""Factor of the urgency of first turns. It puts them before all other turns, and sorts them by
their gaps."""

MOST_TURNS = 12
"""Maximum number of turns of one row."""


class SemidefiniteTurns:
    """Semidefinite bounds on several objectives, improved in turns.

    Args:
        net: A net whose outputs are the objectives.
        which: Indices of the objectives to bound, shape `(k,)`.
        lower: `(objectives,)` proved bounds on the objectives.
        rng: Random generator for the points whose moments start the method.
    """

    method = "semidefinite relaxations with products of units (Raghunathan et al. 2018)"

    def __init__(
        self, net: RelaxedNet, which: np.ndarray, lower: np.ndarray, rng: np.random.Generator
    ) -> None:
        self._relaxation = SemidefiniteRelaxation.of(net, rng)
        self.rows = {int(k): SemidefiniteRow(int(k), 1.0, float(lower[k])) for k in which}
        if not self._relaxation.is_able:
            self.rows = {}
        self._trees: dict[int, SemidefiniteTree] = {}

    @staticmethod
    def suit(net: RelaxedNet, gap: np.ndarray) -> bool:
        """Return whether semidefinite relaxations are worth trying on a net.

        All activations of the net must be kinks, and all its ranges must be finite. It must have at
        least `FEWEST_UNITS` unstable units, and at most `MOST_VARIABLES` free inputs and unstable
        units in total. The mean of `gap` must exceed `LOOSE`.

        Args:
            net: A net whose units' ranges have already been tightened by linear bounds.
            gap: `(k,)` gap of each objective, as a fraction of the range that it attains.
        """
        unstable = int(net.unstable(net.lo, net.hi).sum())
        ends = np.concatenate([net.lo, net.hi, net.box.lo, net.box.hi])
        return (
            unstable >= FEWEST_UNITS
            and float(np.mean(gap)) > LOOSE
            and unstable + int((net.box.lo < net.box.hi).sum()) <= MOST_VARIABLES
            and bool(np.isfinite(ends).all())
            and supports(net)
        )

    def advance(self, cutoff: np.ndarray, scale: np.ndarray) -> list[SemidefiniteRow]:
        """Advance the rows with the most to gain, one per core, and return these rows.

        The list is empty if no row is worth another turn.

        Args:
            cutoff: `(objectives,)` bounds at or above which an objective is closed.
            scale: `(objectives,)` positive numbers. Gaps and improvements of an objective are
                divided by its scale before they are compared with those of other objectives.
        """
        urgent = sorted(
            (self._urgency(row, cutoff[k], scale[k]), -k) for k, row in self.rows.items()
        )
        chosen = [self.rows[-k] for worth, k in urgent[::-1][: threads()] if worth > 0]
        parallel_map(self._relaxation.turn, chosen)
        return chosen

    def split(self, cutoff: np.ndarray, scale: np.ndarray) -> Sequence[SemidefiniteRow]:
        """Halve boxes in the trees of the rows with the largest gaps; return these rows.

        The result is empty if every row is closed, or cannot be split.

        Args:
            cutoff: `(objectives,)` bounds at or above which an objective is closed.
            scale: `(objectives,)` positive numbers by which gaps are divided.
        """
        if not self._trees:
            self._trees = {
                k: SemidefiniteTree(row, self._relaxation.net)
                for k, row in self.rows.items()
                if row.widest is not None
            }
        gaps = {
            k: (cutoff[k] - tree.row.least) / scale[k]
            for k, tree in self._trees.items()
            if tree.is_open
        }
        # Both halves of a box are bounded at the same time.
        most = max(1, threads() // 2)
        chosen = [k for k in sorted(gaps, key=lambda k: -gaps[k]) if gaps[k] > 0][:most]
        each = max(1, most // max(1, len(chosen)))
        nodes = [node for k in chosen for node in self._trees[k].halve(each)]
        parallel_map(lambda node: node.bound(), nodes)
        for k in chosen:
            self._trees[k].adopt(float(cutoff[k]))
        return [self.rows[k] for k in chosen]

    def _urgency(self, row: SemidefiniteRow, cutoff: float, scale: float) -> float:
        """Estimate a row's gain per second; before its first turn, use only its gap."""
        missing = cutoff - row.least
        if row.ended or row.turns >= MOST_TURNS or not missing > 0:
            return 0.0
        if row.turns == 0:
            return FIRST * missing / scale if np.isfinite(missing) else np.inf
        if row.gain < LEAST_GAIN * (missing + row.gain):
            return 0.0
        return min(row.gain, missing) / scale / max(row.seconds, 1e-9)
