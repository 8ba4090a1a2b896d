"""Best-first branch and bound over the phases of units, for one objective on one net.

A node is a list of cuts. Its children inherit slopes and multipliers and climb from there. Which
unit to cut is tried out: the few units that cost the bound most are cut both ways and bounded once.

Reference: S. Wang et al. (beta-CROWN), NeurIPS 2021; A. De Palma et al., *Improved Branch and
Bound for Neural Network Verification via Lagrangian Decomposition* (FSB), 2021; R. Bunel et al.,
*Branch and Bound for Piecewise Linear Neural Network Verification* (BaBSR), JMLR 2020.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from .phase_ascent import Climb, climb
from .phase_net import Cuts, PhaseNet


CANDIDATES = 4
STEPS = 12
BATCH = 64


@dataclass(eq=False, slots=True)
class Leaf:
    """An open sub-problem.

    Args:
        units: `(k,)` the units that are cut.
        points: `(k,)` where.
        sides: `(k,)` -1: only what lies below, 1: above.
        beta: `(k,)` the multiplier of each.
        theta: `(s,)` slopes.
        least: Its proved bound.
        blame: The units that cost the bound most, the worst first.
    """

    units: np.ndarray
    points: np.ndarray
    sides: np.ndarray
    beta: np.ndarray
    theta: np.ndarray
    least: float
    blame: np.ndarray


class PhaseTree:
    """The open sub-problems of one objective.

    Args:
        net: The graph over its box.
        row: `(objectives,)` coefficients of the outputs: what is bounded.
    """

    def __init__(self, net: PhaseNet, row: np.ndarray):
        self.net, self.row = net, row
        self.closed = np.inf
        self.nodes = 0
        none = np.zeros(0)
        first = Leaf(none.astype(np.int64), none, none, none, net.start().astype(np.float16),
                     -np.inf, none.astype(np.int64))
        self._heap: list[tuple[float, int, Leaf]] = []
        self._count = 0
        self._bound([first], np.inf, 20)

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def lower(self) -> float:
        """What is proved of the objective."""
        return min(self.closed, self._heap[0][0] if self._heap else np.inf)

    def step(self, cutoff: float, steps: int = STEPS, batch: int = BATCH) -> np.ndarray:
        """Split the worst sub-problems; returns points `(c, d)` worth a look."""
        taken = [heapq.heappop(self._heap)[2] for _ in range(min(batch // 2, len(self._heap)))]
        try:
            children = []
            for leaf, cut in zip(taken, self._choose(taken), strict=True):
                if cut is None:
                    self.closed = min(self.closed, leaf.least)
                else:
                    children += [self._child(leaf, *cut, side) for side in (-1.0, 1.0)]
            return self._bound(children, cutoff, steps)
        except KeyboardInterrupt:
            for leaf in taken:
                self._push(leaf)
            raise

    def _push(self, leaf: Leaf) -> None:
        heapq.heappush(self._heap, (leaf.least, self._count, leaf))
        self._count += 1

    def _stacked(self, leaves: list[Leaf]) -> Climb:
        count, s = len(leaves), self.net.units
        cuts, beta = Cuts.none(count, s), np.zeros((count, s))
        for i, leaf in enumerate(leaves):
            below, above = leaf.sides < 0, leaf.sides > 0
            np.minimum.at(cuts.high[i], leaf.units[below], leaf.points[below])
            np.maximum.at(cuts.low[i], leaf.units[above], leaf.points[above])
            beta[i, leaf.units] = leaf.beta
        theta = np.stack([leaf.theta for leaf in leaves]).astype(np.float64)
        start = {self.net.graph.output: np.tile(self.row, (count, 1))}
        return Climb.of(start, cuts, theta, beta)

    def _bound(self, leaves: list[Leaf], cutoff: float, steps: int) -> np.ndarray:
        """Bound new sub-problems; what stays open goes on the heap."""
        if not leaves:
            return np.zeros((0, self.net.box.size))
        task = self._stacked(leaves)
        climb(self.net, task, steps, np.full(len(leaves), cutoff + 1e-9 * (1.0 + abs(cutoff))))
        proof = self.net.proof(task.start, task.theta, task.beta, task.cuts)
        self.nodes += len(leaves)
        blame = self._blame(task, proof.rows)
        order = np.argpartition(-blame, min(CANDIDATES, blame.shape[1]) - 1, axis=1)
        order = order[:, :CANDIDATES]
        still = []
        for i, leaf in enumerate(leaves):
            leaf.least = max(leaf.least, float(proof.least[i]))
            if leaf.least >= cutoff:
                self.closed = min(self.closed, leaf.least)
                continue
            leaf.theta = task.theta[i].astype(np.float16)
            leaf.beta = task.beta[i, leaf.units]
            best = order[i][blame[i, order[i]] > 0]
            leaf.blame = best[np.argsort(-blame[i, best])]
            self._push(leaf)
            still.append(i)
        return self.net.corner(proof.form[still])

    def _blame(self, task: Climb, rows: np.ndarray) -> np.ndarray:
        """`|a|` times the largest distance between unit and line in use, `(P, s)`."""
        lo, hi = self.net.ranges(task.cuts)
        out = np.zeros(rows.shape)
        for b in self.net.bends:
            at = b.place
            gap = b.gap(lo[:, at], hi[:, at], task.theta[:, at], rows[:, at])
            out[:, at] = np.abs(rows[:, at]) * gap
        return out

    def _choose(self, leaves: list[Leaf]) -> list[tuple[int, float] | None]:
        """The cut of each sub-problem, None where nothing is left to cut."""
        tried = [(i, int(u)) for i, leaf in enumerate(leaves) for u in leaf.blame]
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
        return Leaf(
            np.append(leaf.units, unit), np.append(leaf.points, point),
            np.append(leaf.sides, side), np.append(leaf.beta, 0.0), leaf.theta, leaf.least,
            leaf.blame,
        )
