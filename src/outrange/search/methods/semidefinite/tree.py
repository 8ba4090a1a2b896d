"""Branch and bound over the inputs of one row, bounded by semidefinite relaxations.

The box with the lowest bound is halved along the input with the largest variance in the box's
relaxation, since a relaxation is exact if all its variables have variance 0. The halves include the
products that the box's relaxation has selected, so one run of the interior-point method bounds
them.

Sound: yes. Complete: no, since a bound may stall at the tolerance of the interior-point method.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace

import numpy as np

from ....core import Box
from ...neuron_split.relaxed_net import RelaxedNet
from ...neuron_split.settings import SETTINGS
from ...neuron_split.tighten_layers import tighten_layer
from .relaxation import SemidefiniteRelaxation, SemidefiniteRow


MARGIN = 0.01
"""Fraction of a unit's range over a box that the unit keeps on each side of 0 over a half of the
box. Any positive number is sound. A small number makes the coefficients of the unit's smaller part
large."""


@dataclass(eq=False)
class SemidefiniteNode:
    """A part of the box.

    Args:
        net: The net over this part.
        row: The row over this part, with its bound, its pairs and its widest input.
    """

    net: RelaxedNet
    row: SemidefiniteRow

    def halves(self) -> list[SemidefiniteNode]:
        """Return the halves along the widest input, whose rows have the bound of this part."""
        row, box, j = self.row, self.net.box, self.row.widest
        assert j is not None
        halves = []
        for side in range(2):
            ends = box.lo.copy(), box.hi.copy()
            ends[1 - side][j] = 0.5 * box.lo[j] + 0.5 * box.hi[j]
            half = SemidefiniteRow(row.entry, row.sign, row.least, pairs=row.pairs)
            halves.append(SemidefiniteNode(restrict(self.net, Box(*ends)), half))
        return halves

    def bound(self) -> None:
        """Bound the row over this part. Several nodes may be bounded in parallel."""
        SemidefiniteRelaxation(self.net, np.random.default_rng(0)).turn(self.row)


class SemidefiniteTree:
    """The open parts of the box of one row.

    Args:
        row: A row that has had its turns over the whole box; its bound and point are updated.
        net: The net over the whole box, without stable units.
    """

    def __init__(self, row: SemidefiniteRow, net: RelaxedNet) -> None:
        self.row = row
        self._closed = np.inf
        """Least bound of the closed parts."""
        self._count = 0
        self._open: list[tuple[float, int, SemidefiniteNode]] = []
        self._unbounded: list[SemidefiniteNode] = []
        self._push(SemidefiniteNode(net, row))

    @property
    def is_open(self) -> bool:
        """Whether a part is left that can be halved or bounded."""
        return bool(self._open or self._unbounded)

    def halve(self, most: int) -> list[SemidefiniteNode]:
        """Halve up to `most` parts with the lowest bounds; return all parts that are not bounded.

        Parts are left over from an earlier call if an interruption has prevented their bounds.
        """
        for _ in range(min(most, len(self._open))):
            node = heapq.heappop(self._open)[2]
            try:
                self._unbounded += node.halves()
            except BaseException:  # after any interruption, out of memory included
                self._push(node)
                raise
        return self._unbounded

    def adopt(self, cutoff: float) -> None:
        """Adopt the parts that `halve` has returned, once they are bounded.

        Args:
            cutoff: Bound at or above which a part is closed.
        """
        bounded, self._unbounded = self._unbounded, []
        for node in bounded:
            if node.row.least >= cutoff or node.row.widest is None:
                self._closed = min(self._closed, node.row.least)
            else:
                self._push(node)
        least = min(self._closed, self._open[0][0] if self._open else np.inf)
        self.row.least, self.row.turns = max(self.row.least, least), self.row.turns + 1
        self.row.at = min(bounded, key=lambda node: node.row.least).row.at

    def _push(self, node: SemidefiniteNode) -> None:
        heapq.heappush(self._open, (node.row.least, self._count, node))
        self._count += 1


def restrict(net: RelaxedNet, box: Box) -> RelaxedNet:
    """Return the net over a smaller box, with the same units, all of them unstable.

    A unit that is stable over the smaller box keeps the fraction `MARGIN` of its range on the other
    side of 0, which is sound. So every unit has the same index in both nets.
    """
    part = replace(net, box=box)
    part.lo, part.hi = net.lo.copy(), net.hi.copy()
    for activation in part.activations:
        tighten_layer(part, activation, SETTINGS.layer_steps)
    margin = MARGIN * (net.hi - net.lo)
    part.lo = np.minimum(part.lo, np.maximum(net.lo, -margin))
    part.hi = np.maximum(part.hi, np.minimum(net.hi, margin))
    return part
