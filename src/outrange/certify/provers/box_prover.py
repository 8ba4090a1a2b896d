"""Proof trees of box splits, for networks with few inputs and any curves the checker supports.

The bound to be proved is known, so the tree need not be searched in best-first order. Boxes are
bounded in batches as the checker will bound them (`float_bounds`), closed where every goal holds,
and split otherwise. The checker needs a thousand times as long as this module to bound a box. So
several splits of each box are tried, and the checker bounds only the leaves of the tree.

Sound: regardless of errors here, since the checker proves every leaf again.
Complete: given enough time, wherever the goals hold with some margin.
Cost: two bounds by back-substitution for each split that is tried.
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
"""Number of inputs tried for a split: those that contribute most to the gap."""

BATCH = 64
"""Number of boxes split together. The newest are split first, so that few boxes are open at any
time."""

ROUNDING = 1e-11
"""Allowance for the difference between these float64 bounds and the checker's bounds, relative to
`1 + |bound|`, or to `|bound|` for forms of gates."""


LOOSE = 0.1
"""Weight of the relaxation gap relative to the shortfall of a bound. A useful split may at first
reduce only the gap."""

LEAST_GAIN = 1e-6
"""Gain assigned to a half that did not improve, as a fraction of the possible gain."""

SMALLEST = 1e-15
"""Smallest width of a box that is still bisected, relative to the width of the whole set. Below
this width, float64 cannot separate the bounds of the halves."""

WORST = 1e30
"""Looseness of a box whose bounds overflow."""


@dataclass(eq=False)
class _BoxNode:
    """A box of the tree of bisected boxes; a leaf if `axis` is None."""

    lo: np.ndarray
    hi: np.ndarray
    lack: np.ndarray
    """Shortfall of each goal's bound; at most 0 if the goal holds."""
    loose: float
    """Sum over the goals that are not proved of `lack + LOOSE * gap`, each relative to the goal's
    `lack` on the whole box; 0 if every goal holds. The gap is the sum over all units of the
    distance between the unit's lines, times the unit's coefficient in the goal's bound."""
    blame: np.ndarray
    """`(inputs,)`: score of a split at each input. It is the sum over all units of the unit's gap
    times the part of its range that the input causes."""
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
    """Return a tree that proves that every goal is at least its target everywhere in a box.

    Args:
        network: The network in exact numbers.
        box: The set of its inputs.
        goals: Forms of the network's variables.
        targets: `(goals,)`: the bounds to prove, slightly above the claims to absorb the checker's
            rounding.
        least: `(goals,)`: the claims, if the goals are forms of gates; otherwise None.
        rounding: See `ROUNDING`; with 0 the checker may refuse the tree.

    Returns:
        The tree's bytes; None if an unproved box is too small to bisect.

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
        """Return the bytes of a proof tree for the box; None if no tree was found."""
        self.smallest = SMALLEST * (box.hi - box.lo)
        root = self._nodes(box.lo[None], box.hi[None])[0]
        self.unit = np.where(root.lack > 0, root.lack, 1.0 + np.abs(self.targets))
        self.unit[~np.isfinite(self.unit)] = WORST
        root = self._nodes(box.lo[None], box.hi[None])[0]
        open_ = [root] if root.loose else []
        while open_:
            check_deadline()
            batch, open_ = open_[-BATCH:], open_[:-BATCH]
            if not self._split_boxes(batch):
                return None
            for node in batch:
                assert node.children is not None
                open_ += [child for child in node.children[::-1] if child.loose]
        return _write_tree(root, len(self.targets))

    def _nodes(self, lo: np.ndarray, hi: np.ndarray) -> list[_BoxNode]:
        """Bound the goals over a batch of boxes, and return one node per box."""
        bounds = FloatBounds(self.net, lo, hi)
        least, _, met = bounds.lower_bounds(self.rows, self.constant, len(self.net.blocks))
        # Claims about gates may be tiny; the intervals of gates have room for rounding.
        size = np.abs(least) + (self.claimed is None)
        lack = self.targets + self.rounding * size - least
        if self.claimed is not None:  # exact where signs decide
            lack = np.minimum(lack, self.claimed - bounds.sign_bounds(self.rows, self.constant))
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

    def _split_boxes(self, batch: list[_BoxNode]) -> bool:
        """Split each box along the best of `LOOK` inputs; return False if a box cannot be bisected.

        The inputs with the largest `blame` are tried, and the one with the largest `_gain` is
        chosen.
        """
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
    """Return the product of the amounts by which the two halves are less `loose` than the box.

    The product is large only if both halves improve.
    """
    gains = (max(node.loose - child.loose, LEAST_GAIN * node.loose) for child in children)
    return math.prod(gains)


def _write_tree(root: _BoxNode, goals: int) -> bytes:
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
