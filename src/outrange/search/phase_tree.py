"""Best-first branch and bound over the phases of units, for one objective on one net.

A node is a region: its cuts, and the ranges of all units in it. Children inherit slopes and
multipliers and climb from there; before a node is split its ranges are made tighter, with what is
known of the cutoff. Which unit to cut is tried out: the few units that cost the bound most are cut
both ways and bounded once.

Reference: S. Wang et al. (beta-CROWN), NeurIPS 2021; A. De Palma et al., *Improved Branch and
Bound for Neural Network Verification via Lagrangian Decomposition* (FSB), 2021; R. Bunel et al.,
*Branch and Bound for Piecewise Linear Neural Network Verification* (BaBSR), JMLR 2020.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .phase_ascent import Climb, climb
from .phase_net import Cuts, PhaseNet
from .phase_prune import pruned
from .phase_root import Wanted, tighten


CANDIDATES = 4
STEPS = 12
ROOT_STEPS = 20
BATCH = 32
TIGHT_STEPS = 6
EVERY = 1
SHARE = 0.98


@dataclass(eq=False, slots=True)
class Leaf:
    """An open sub-problem.

    Args:
        units: `(k,)` the units that are cut.
        points: `(k,)` where.
        sides: `(k,)` -1: only what lies below, 1: above.
        beta: `(k,)` the multiplier of each.
        theta: `(s,)` slopes.
        lo: `(s,)` ranges.
        hi: `(s,)`.
        least: Its proved bound.
        blame: `(s,)` what each unit costs the bound.
        age: Cuts since the ranges were tightened.
    """

    units: np.ndarray
    points: np.ndarray
    sides: np.ndarray
    beta: np.ndarray
    theta: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    least: float
    blame: np.ndarray
    age: int


class PhaseTree:
    """The open sub-problems of one objective.

    Args:
        net: The graph over its box.
        row: `(outputs,)` coefficients of the outputs: what is bounded.
        cutoff: Bounds at or above it close.
    """

    def __init__(self, net: PhaseNet, row: np.ndarray, cutoff: float):
        self.net, self.row = net, row
        self.closed = np.inf
        self.nodes = 0
        self._heap: list[tuple[float, int, Leaf]] = []
        self._count = 0
        self._bound([self._root(-np.inf)], cutoff, ROOT_STEPS)

    def _root(self, least: float) -> Leaf:
        none, net = np.zeros(0), self.net
        return Leaf(none.astype(np.int64), none, none, none, net.start(), net.lo.copy(),
                    net.hi.copy(), least, np.ones(net.units), 1)

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def lower(self) -> float:
        """What is proved of the objective."""
        return min(self.closed, self._heap[0][0] if self._heap else np.inf)

    def sharpen(self, cutoff: float, steps: int = ROOT_STEPS) -> np.ndarray:
        """Before the first split: tighter ranges everywhere, a net without what is now off."""
        _, _, leaf = heapq.heappop(self._heap)
        try:
            if not self._tightened([leaf], cutoff, steps, np.inf):
                return np.zeros((0, self.net.box.size))
            net = self.net
            net.lo, net.hi = leaf.lo, leaf.hi
            self.net = pruned(net)
            return self._bound([self._root(leaf.least)], cutoff, ROOT_STEPS)
        except KeyboardInterrupt:
            self._push(leaf)
            raise

    def step(self, cutoff: float, late: Callable[[], bool] = lambda: False) -> np.ndarray:
        """Split the worst sub-problems; returns points `(c, d)` worth a look."""
        taken = [heapq.heappop(self._heap)[2] for _ in range(min(BATCH // 2, len(self._heap)))]
        left = taken
        try:
            due = [leaf for leaf in taken if leaf.age >= EVERY]
            if due:
                fresh = self._tightened(due, cutoff, TIGHT_STEPS, SHARE)
                before = len(self._heap)
                self._bound(fresh, cutoff, STEPS // 2)
                kept = {id(entry[2]) for entry in self._heap[before:]}
                del before, kept
                still = [leaf for leaf in fresh if leaf.least < cutoff]
                left = [leaf for leaf in taken if leaf.age < EVERY] + still
                self._drop(still)
            children = []
            for leaf, cut in zip(left, self._choose(left), strict=True):
                if cut is None:
                    self.closed = min(self.closed, leaf.least)
                else:
                    children += [self._child(leaf, *cut, side) for side in (-1.0, 1.0)]
            return self._bound(children, cutoff, STEPS)
        except KeyboardInterrupt:
            for leaf in taken:
                self._push(leaf)
            raise

    def _drop(self, leaves: list[Leaf]) -> None:
        """Take leaves off the heap again."""
        gone = {id(leaf) for leaf in leaves}
        self._heap = [entry for entry in self._heap if id(entry[2]) not in gone]
        heapq.heapify(self._heap)

    def _push(self, leaf: Leaf) -> None:
        heapq.heappush(self._heap, (leaf.least, self._count, leaf))
        self._count += 1

    def _stacked(self, leaves: list[Leaf]) -> Climb:
        count, s = len(leaves), self.net.units
        lo, hi = np.stack([leaf.lo for leaf in leaves]), np.stack([leaf.hi for leaf in leaves])
        cuts = Cuts(np.full((count, s), -np.inf), np.full((count, s), np.inf), lo, hi)
        beta = np.zeros((count, s))
        for i, leaf in enumerate(leaves):
            below, above = leaf.sides < 0, leaf.sides > 0
            np.minimum.at(cuts.high[i], leaf.units[below], leaf.points[below])
            np.maximum.at(cuts.low[i], leaf.units[above], leaf.points[above])
            beta[i, leaf.units] = leaf.beta
        theta = np.stack([leaf.theta for leaf in leaves])
        start = {self.net.graph.output: np.tile(self.row, (count, 1))}
        return Climb.of(start, cuts, theta, beta)

    def _tightened(
        self, leaves: list[Leaf], cutoff: float, steps: int, share: float
    ) -> list[Leaf]:
        """Tighter ranges for leaves; those in which nothing is left to look for are closed."""
        task = self._stacked(leaves)
        far = np.array([cutoff - leaf.least for leaf in leaves])
        wanted = Wanted(self.row, cutoff, far, task.theta, task.beta)
        worth = None
        if share < 1:
            worth = _most(np.stack([leaf.blame for leaf in leaves]), share)
        for bend in self.net.bends:
            tighten(self.net, task.cuts, bend, steps, wanted, worth)
        cuts = task.cuts
        empty = (cuts.lo > cuts.hi).any(axis=1)
        for i, leaf in enumerate(leaves):
            leaf.lo, leaf.hi, leaf.age = cuts.lo[i], cuts.hi[i], 0
            # Only points below the cutoff count from here on.
            if empty[i]:
                self.closed = min(self.closed, cutoff)
        return [leaf for leaf, gone in zip(leaves, empty, strict=True) if not gone]

    def _bound(self, leaves: list[Leaf], cutoff: float, steps: int) -> np.ndarray:
        """Bound sub-problems; what stays open goes on the heap."""
        if not leaves:
            return np.zeros((0, self.net.box.size))
        task = self._stacked(leaves)
        climb(self.net, task, steps, np.full(len(leaves), cutoff + 1e-9 * (1.0 + abs(cutoff))))
        proof = self.net.proof(task.start, task.theta, task.beta, task.cuts)
        self.nodes += len(leaves)
        blame = self._blame(task, proof.rows)
        still = []
        for i, leaf in enumerate(leaves):
            leaf.least = min(max(leaf.least, float(proof.least[i])), cutoff)
            if leaf.least >= cutoff:
                self.closed = min(self.closed, leaf.least)
                continue
            leaf.theta, leaf.beta, leaf.blame = task.theta[i], task.beta[i, leaf.units], blame[i]
            self._push(leaf)
            still.append(i)
        return self.net.corner(proof.form[still])

    def _blame(self, task: Climb, rows: np.ndarray) -> np.ndarray:
        """`|a|` times the largest distance between unit and line in use, `(P, s)`."""
        lo, hi = task.cuts.lo, task.cuts.hi
        out = np.zeros(rows.shape)
        for b in self.net.bends:
            at = b.place
            gap = b.gap(lo[:, at], hi[:, at], task.theta[:, at], rows[:, at])
            out[:, at] = np.abs(rows[:, at]) * gap
        return out

    def _choose(self, leaves: list[Leaf]) -> list[tuple[int, float] | None]:
        """The cut of each sub-problem, None where nothing is left to cut."""
        tried = []
        for i, leaf in enumerate(leaves):
            best = np.argsort(-leaf.blame)[:CANDIDATES]
            tried += [(i, int(u)) for u in best if leaf.blame[u] > 0]
        if not tried:
            return [None] * len(leaves)
        children, points = [], []
        for i, unit in tried:
            point = self._point(leaves[i], unit)
            points.append(point)
            children += [self._child(leaves[i], unit, point, side) for side in (-1.0, 1.0)]
        task = self._stacked(children)
        drawn = self.net.draw(self.net.over(task.cuts), task.theta)
        least = self.net.walk(task.start, drawn, task.beta, task.cuts).least.reshape(-1, 2)
        worth = np.minimum(least.min(axis=1), 1e30) + 1e-3 * least.max(axis=1)
        best: list = [None] * len(leaves)
        score = np.full(len(leaves), -np.inf)
        for (i, unit), point, value in zip(tried, points, worth, strict=True):
            if best[i] is None or value > score[i]:
                best[i], score[i] = (unit, point), value
        return best

    def _point(self, leaf: Leaf, unit: int) -> float:
        return 0.0

    def _child(self, leaf: Leaf, unit: int, point: float, side: float) -> Leaf:
        lo, hi = leaf.lo, leaf.hi
        if side < 0:
            hi = hi.copy()
            hi[unit] = min(hi[unit], point)
        else:
            lo = lo.copy()
            lo[unit] = max(lo[unit], point)
        return Leaf(
            np.append(leaf.units, unit), np.append(leaf.points, point),
            np.append(leaf.sides, side), np.append(leaf.beta, 0.0), leaf.theta, lo, hi,
            leaf.least, leaf.blame, leaf.age + 1,
        )


def _most(blame: np.ndarray, share: float) -> np.ndarray:
    """The units that together carry this share of all blame, a row."""
    order = np.argsort(-blame, axis=1)
    total = np.cumsum(np.take_along_axis(blame, order, axis=1), axis=1)
    inside = total - np.take_along_axis(blame, order, axis=1) < share * total[:, -1:]
    out = np.zeros(blame.shape, bool)
    np.put_along_axis(out, order, inside, axis=1)
    return out
