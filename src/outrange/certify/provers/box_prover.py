"""Proof trees of box splits, for networks with few inputs and any curves of the checker.

The bound to be proved is known, so the tree need not be searched best first: boxes are bounded in
batches as the checker will bound them (`float_bounds`), closed where every goal holds, and split
otherwise. Bounding a box costs the checker a thousand times what it costs here; so of each box
several splits are tried, and only leaves are bounded in the tree.

Sound: whatever is written here; the checker proves every leaf anew.
Complete: given time, wherever the goals hold with room to spare.
Cost: a tried split is two bounds by back-substitution.
Reference: R. Bunel et al., *Branch and Bound for Piecewise Linear Neural Network Verification*,
JMLR 2020; T. Achterberg, T. Koch, A. Martin, *Branching rules revisited*, OR Letters 2005.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outrange_check.network import Form, Network
from outrange_check.tree import BOUND, LINEAR, SPLIT

from ...core import Box
from ...core.clock import check_deadline
from .float_bounds import FloatBounds
from .float_network import FloatNetwork
from .tree_bytes import mask, number


LOOK = 6
"""Inputs that are tried for a split; beyond so many, those with the largest share of the gap."""

BATCH = 64
"""Boxes that are split together; the latest first, so that few are open at a time."""

ROUNDING = 1e-11
"""Of the largest coefficient sum: what the bounds here may differ from the checker's."""


LOOSE = 0.1
"""What the lines lose counts, too, beside what a bound lacks: bounds need not improve at once."""

LEAST_GAIN = 1e-6
"""Gain of a half that is no better, as a share of all that could be gained."""

SMALLEST = 1e-15
"""Of a side of the set: boxes are not halved any more, since float64 cannot tell their bounds."""

WORST = 1e30
"""How loose a box is whose bounds overflow."""


@dataclass(eq=False)
class _BoxNode:
    """A box of the tree; `axis` None is a leaf."""

    lo: np.ndarray
    hi: np.ndarray
    lack: np.ndarray
    """Per goal, how much its bound lacks."""
    loose: float
    """How far its open goals are from being proved; 0 if every goal holds."""
    blame: np.ndarray
    """Per input, how much of that it answers for."""
    axis: int | None = None
    children: tuple[_BoxNode, _BoxNode] | None = None


def prove_boxes(
    network: Network,
    box: Box,
    goals: Sequence[Form],
    targets: np.ndarray,
    least: np.ndarray | None = None,
    rounding: float = ROUNDING,
) -> bytes | None:
    """Write the tree that proves that every goal is at least its target all over a box.

    Args:
        network: In exact numbers.
        box: Where.
        goals: Forms of the network's variables.
        targets: `(goals,)`: a little above what is claimed, for the roundings of the checker.
        least: `(goals,)`: what is claimed, of goals that are forms of gates.
        rounding: See `ROUNDING`; with 0 the checker may refuse what is written.

    Returns:
        The tree's bytes; None if a box stays open that is too small to be halved.

    Raises:
        OutOfTime: The ambient deadline has passed.
    """
    net, targets = FloatNetwork(network), np.asarray(targets, float)
    return _BoxProver(net, goals, targets, least, rounding).prove(box)


class _BoxProver:
    def __init__(
        self,
        net: FloatNetwork,
        goals: Sequence[Form],
        targets: np.ndarray,
        claimed: np.ndarray | None,
        rounding: float,
    ) -> None:
        self.net, self.targets, self.claimed, self.rounding = net, targets, claimed, rounding
        self.rows, self.constant = net.rows(goals)
        self.unit = np.ones(len(targets))

    def prove(self, box: Box) -> bytes | None:
        """See `prove_boxes`."""
        self.smallest = SMALLEST * (box.hi - box.lo)
        root = self._nodes(box.lo[None], box.hi[None])[0]
        self.unit = np.where(root.lack > 0, root.lack, 1.0 + np.abs(self.targets))
        self.unit[~np.isfinite(self.unit)] = WORST
        root = self._nodes(box.lo[None], box.hi[None])[0]
        open_ = [root] if root.loose else []
        while open_:
            check_deadline()
            batch, open_ = open_[-BATCH:], open_[:-BATCH]
            if not self._split(batch):
                return None
            for node in batch:
                assert node.children is not None
                open_ += [child for child in node.children[::-1] if child.loose]
        return _written(root, len(self.targets))

    def _nodes(self, lo: np.ndarray, hi: np.ndarray) -> list[_BoxNode]:
        """Bound boxes."""
        bounds = FloatBounds(self.net, lo, hi)
        least, _, met = bounds.least(self.rows, self.constant, len(self.net.blocks))
        # What is claimed of gates may be tiny; their own intervals have room for roundings.
        size = np.abs(least) + (self.claimed is None)
        lack = self.targets + self.rounding * size - least
        if self.claimed is not None:  # without a rounding where signs tell
            lack = np.minimum(lack, self.claimed - bounds.signed(self.rows, self.constant))
        open_ = ~(lack <= 0)
        gap, blame = np.zeros(lack.shape), 1e-9 * (hi - lo)
        for k, c in met.items():
            ls, lt, hs, ht = bounds.lines[k]
            middle = (bounds.low[k] + bounds.high[k]) / 2
            apart = (hs - ls) * middle + ht - lt
            per_goal = np.abs(c) * apart[:, None]
            gap += per_goal.sum(axis=2)
            weight = (per_goal * (open_ / self.unit)[:, :, None]).sum(axis=1)
            blame += (weight[:, None, :] @ bounds.shares[k])[:, 0]
        loose = np.where(open_, (lack + LOOSE * gap) / self.unit, 0.0).sum(axis=1)
        loose[~np.isfinite(loose)] = WORST
        assert ((loose > 0) == open_.any(axis=1)).all()
        return [_BoxNode(*parts) for parts in zip(lo, hi, lack, loose, blame, strict=True)]

    def _split(self, batch: list[_BoxNode]) -> bool:
        """Split boxes where it helps most; False if one cannot be halved."""
        tried, lo, hi = [], [], []
        for node in batch:
            middle = (node.lo + node.hi) / 2
            can = (node.lo < middle) & (middle < node.hi) & (node.hi - node.lo > self.smallest)
            can = np.flatnonzero(can)
            if not can.size:
                return False
            axes = can[np.argsort(-node.blame[can], kind="stable")[:LOOK]]
            for q in axes:
                low, high = node.lo.copy(), node.hi.copy()
                low[q] = high[q] = middle[q]
                lo += [node.lo, low]
                hi += [high, node.hi]
            tried.append(axes)
        children = self._nodes(np.array(lo), np.array(hi))
        at = 0
        for node, axes in zip(batch, tried, strict=True):
            pairs = [(children[at + 2 * i], children[at + 2 * i + 1]) for i in range(len(axes))]
            at += 2 * len(axes)
            best = max(range(len(axes)), key=lambda i: _gain(node, pairs[i]))
            node.axis, node.children = int(axes[best]), pairs[best]
        return True


def _gain(node: _BoxNode, children: tuple[_BoxNode, _BoxNode]) -> float:
    """The product of both gains: a split after which one half is as before has gained nothing."""
    gains = (max(node.loose - child.loose, LEAST_GAIN * node.loose) for child in children)
    return math.prod(gains)


def _written(root: _BoxNode, goals: int) -> bytes:
    out, stack = bytearray(), [root]
    while stack:
        node = stack.pop()
        if node.children is None or node.axis is None:
            out.append(BOUND | LINEAR)
            out += mask(range(goals))
        else:
            out.append(SPLIT)
            out += number(node.axis)
            stack += node.children[::-1]
    return bytes(out)
