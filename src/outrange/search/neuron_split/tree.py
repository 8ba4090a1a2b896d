"""Best-first branch and bound over the phases of units, for one objective on one net.

A node is a sub-problem: its split constraints, and the ranges of all units. The ascent of a child
starts from its parent's slopes and multipliers. After every few splits, the ranges of a node are
tightened, considering only points whose objective is below the cutoff. Branching looks ahead: the
units with the best scores are split as a trial, both halves are bounded once, and the unit whose
halves have the largest product of gains is chosen.

Reference: S. Wang et al. (beta-CROWN), NeurIPS 2021; A. De Palma et al., *Improved Branch and
Bound for Neural Network Verification via Lagrangian Decomposition* (FSB), 2021; R. Bunel et al.,
*Branch and Bound for Piecewise Linear Neural Network Verification* (BaBSR), JMLR 2020; T.
Achterberg, T. Koch, A. Martin, *Branching rules revisited* (the product), OR Letters 2005.
"""

from __future__ import annotations

import heapq

import numpy as np

from ..common.parallel import even_parts, parallel_map
from .alpha_beta import BoundProblem, optimize_bounds
from .leaf_lp import bound_by_lp
from .node import Cuts, SplitNode, Splits
from .relaxed_net import RelaxedNet
from .settings import SETTINGS
from .tighten_units import CutoffProblem, most_of, tighten


class SplitTree:
    """The open sub-problems of one objective.

    Args:
        net: The relaxed graph over its box.
        objective: Index of the bounded output.
        cutoff: Bound at which a sub-problem is closed.
    """

    def __init__(self, net: RelaxedNet, objective: int, cutoff: float) -> None:
        self.net, self.row = net, np.zeros(net.objectives)
        self.row[objective] = 1.0
        self.closed = np.inf
        self.nodes = 0
        self._heap: list[tuple[float, int, SplitNode]] = []
        self._count = 0
        self._kinked = np.zeros(net.units, bool)
        for b in net.activations:
            self._kinked[b.place] = np.isfinite(b.below)
        self._bound_and_push([self._root(-np.inf)], cutoff, SETTINGS.root_steps)

    def _root(self, least: float) -> SplitNode:
        """Create the root sub-problem, without splits and with the proved bound `least`."""
        net = self.net
        nothing = np.full(net.units, np.inf)
        return SplitNode(
            -nothing,
            nothing,
            net.lo.copy(),
            net.hi.copy(),
            net.start(),
            np.zeros(net.units),
            np.ones(net.units),
            least,
            1,
        )

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def lower(self) -> float:
        """The proved lower bound on the objective."""
        return min(self.closed, self._heap[0][0] if self._heap else np.inf)

    def sharpen(self, cutoff: float) -> np.ndarray:
        """Tighten ranges of the root before the first split; return candidate points `(c, d)`."""
        _, _, leaf = heapq.heappop(self._heap)
        large = self.net.units > SETTINGS.large
        steps, most = (
            (SETTINGS.tight_steps, 2 * SETTINGS.most_units)
            if large
            else (SETTINGS.root_steps, 10 * SETTINGS.most_units)
        )
        try:
            left = self._tighten([leaf], cutoff, steps, SETTINGS.root_tighten_share, most)
            return self._bound_and_push(left, cutoff, SETTINGS.root_steps)
        except BaseException:  # after any interruption, out of memory included
            self._push(leaf)
            raise

    def step(self, cutoff: float) -> np.ndarray:
        """Split the sub-problems with the lowest bounds; return candidate points `(c, d)`."""
        popped = [
            heapq.heappop(self._heap)[2] for _ in range(min(SETTINGS.batch // 2, len(self._heap)))
        ]
        try:
            due = [leaf for leaf in popped if leaf.age >= SETTINGS.tighten_every]
            left = [leaf for leaf in popped if leaf.age < SETTINGS.tighten_every]
            if due:
                tight = self._tighten(
                    due, cutoff, SETTINGS.tight_steps, SETTINGS.tighten_share, SETTINGS.most_units
                )
                left += self._improve(tight, cutoff, SETTINGS.steps // 2)[0]
            children, points = [], []
            for leaf, cut in zip(left, self._choose(left, cutoff), strict=True):
                if cut is None:
                    points.append(self._close_leaf(leaf, cutoff))
                else:
                    children += [leaf.cut(*cut, side) for side in (-1.0, 1.0)]
            return np.concatenate([self._bound_and_push(children, cutoff, SETTINGS.steps), *points])
        except BaseException:  # after any interruption, out of memory included
            for leaf in popped:
                self._push(leaf)
            raise

    def _close_leaf(self, leaf: SplitNode, cutoff: float) -> np.ndarray:
        """Close a leaf that has no unstable units, at the better of its bound and its LP bound.

        Return a candidate point `(1, d)` from the linear program.
        """
        least, at = bound_by_lp(self.net, self._stack([leaf]), cutoff)
        self.closed = min(self.closed, max(leaf.least, least), cutoff)
        return at[None]

    def _push(self, leaf: SplitNode) -> None:
        heapq.heappush(self._heap, (leaf.least, self._count, leaf))
        self._count += 1

    def _stack(self, leaves: list[SplitNode]) -> BoundProblem:
        """Stack sub-problems into one bound problem."""
        low, high, lo, hi, alpha, beta = (
            np.stack([getattr(leaf, name) for leaf in leaves])
            for name in ("low", "high", "lo", "hi", "alpha", "beta")
        )
        start = {self.net.graph.output: np.tile(self.row, (len(leaves), 1))}
        return BoundProblem.of(start, Splits(low, high, lo, hi), alpha, beta)

    def _tighten(
        self, leaves: list[SplitNode], cutoff: float, steps: int, share: float, most: int
    ) -> list[SplitNode]:
        """Tighten ranges of leaves; close leaves with an empty range, and return the others."""
        task = self._stack(leaves)
        far = np.array([cutoff - leaf.least for leaf in leaves])
        assert task.beta is not None
        wanted = CutoffProblem(self.row, cutoff, far, task.alpha, task.beta)
        score = np.stack([self._branching_scores(leaf) for leaf in leaves])
        worth = most_of(score, share, most)
        for activation in self.net.activations:
            tighten(self.net, task.splits, activation, steps, wanted, worth)
        splits = task.splits
        empty = np.asarray((splits.lo > splits.hi).any(axis=1))
        for i, leaf in enumerate(leaves):
            # A range that was tightened under the cutoff constrains the lines: it also gets a
            # multiplier.
            point = self._points(leaf.lo, leaf.hi)
            was = self.net.unstable(leaf.lo, leaf.hi) & self._kinked
            leaf.high = np.where(was & (splits.hi[i] <= point), point, leaf.high)
            leaf.low = np.where(was & (splits.lo[i] >= point), point, leaf.low)
            leaf.lo, leaf.hi, leaf.age = splits.lo[i], splits.hi[i], 0
            # From here on, only points below the cutoff matter.
            if empty[i]:
                self.closed = min(self.closed, cutoff)
        return [leaf for leaf, gone in zip(leaves, empty, strict=True) if not gone]

    def _bound_and_push(self, leaves: list[SplitNode], cutoff: float, steps: int) -> np.ndarray:
        """Bound sub-problems, push the open ones, and return candidate points."""
        still, form = self._improve(leaves, cutoff, steps)
        for leaf in still:
            self._push(leaf)
        return self.net.corner(form)

    def _divide(self, leaves: list[SplitNode]) -> list[list[SplitNode]]:
        """Divide the leaves into parts, one per core, of at least `least_share` entries each."""
        least = max(1, SETTINGS.least_share // self.net.units)
        return [leaves[part] for part in even_parts(len(leaves), SETTINGS.batch, least)]

    def _bound_without_ascent(self, leaves: list[SplitNode]) -> np.ndarray:
        """Return bounds of sub-problems in plain float64, without ascent."""
        task = self._stack(leaves)
        relaxed = self.net.relax(self.net.prepare(task.splits), task.alpha)
        return self.net.backward(task.start, relaxed, task.beta, Cuts.of(task.splits)).least

    def _improve(
        self, leaves: list[SplitNode], cutoff: float, steps: int
    ) -> tuple[list[SplitNode], np.ndarray]:
        """Bound sub-problems; return the open ones, and coefficients `(c, d)` of their bounds."""
        if not leaves:
            return [], np.zeros((0, self.net.box.size))
        results = parallel_map(
            lambda part: self._ascend_part(part, cutoff, steps), self._divide(leaves)
        )
        self.nodes += len(leaves)
        still = [leaf for part, _, _ in results for leaf in part]
        self.closed = min(self.closed, *(closed for _, _, closed in results))
        return still, np.concatenate([form for _, form, _ in results])

    def _ascend_part(
        self, leaves: list[SplitNode], cutoff: float, steps: int
    ) -> tuple[list[SplitNode], np.ndarray, float]:
        """Bound sub-problems by ascent on one core.

        Returns:
            The open sub-problems, the input coefficients `(c, d)` of their bounds, and the least
            bound of the closed sub-problems.
        """
        closed = np.inf
        task = self._stack(leaves)
        optimize_bounds(
            self.net, task, steps, np.full(len(leaves), cutoff + 1e-9 * (1.0 + abs(cutoff)))
        )
        assert task.beta is not None
        proof = self.net.proof(task.start, task.alpha, task.beta, task.splits)
        score = self._scores(task, proof.rows)
        still = []
        for i, leaf in enumerate(leaves):
            leaf.least = min(max(leaf.least, float(proof.least[i])), cutoff)
            if leaf.least >= cutoff:
                closed = min(closed, leaf.least)
                continue
            leaf.alpha, leaf.beta, leaf.score = task.alpha[i], task.beta[i], score[i]
            still.append(i)
        return [leaves[i] for i in still], proof.form[still], closed

    def _scores(self, task: BoundProblem, rows: np.ndarray) -> np.ndarray:
        """Return `|a|` times the activation's `gap` for each unit, `(P, s)`.

        Args:
            rows: `(P, s)` coefficients `a` of the units.
        """
        lo, hi = task.splits.lo, task.splits.hi
        out = np.zeros(rows.shape)
        for b in self.net.activations:
            at = b.place
            gap = b.gap(lo[:, at], hi[:, at], task.alpha[:, at], rows[:, at])
            out[:, at] = np.abs(rows[:, at]) * gap
        return out

    def _choose(self, leaves: list[SplitNode], cutoff: float) -> list[tuple[int, float] | None]:
        """Return a unit and a split point per sub-problem, or None if it has no candidate units."""
        tried = []
        for i, leaf in enumerate(leaves):
            score = self._branching_scores(leaf)
            for b in self.net.activations:
                most = (
                    SETTINGS.last_candidates
                    if b is self.net.activations[-1]
                    else SETTINGS.candidates
                )
                best = b.place.start + np.argsort(-score[b.place])[:most]
                tried += [(i, int(u)) for u in best if score[u] > 0]
        if not tried:
            return [None] * len(leaves)
        where = [self._points(leaf.lo, leaf.hi) for leaf in leaves]
        points = [float(where[i][unit]) for i, unit in tried]
        # In parts, because the children of all candidates together may be large.
        units = self.net.units
        parts = even_parts(
            len(tried),
            max(1, SETTINGS.most_tried // units),
            max(1, SETTINGS.least_share // (2 * units)),
        )

        def bound_part(part: slice) -> np.ndarray:
            return self._bound_without_ascent(
                [
                    leaves[i].cut(unit, point, side)
                    for (i, unit), point in zip(tried[part], points[part], strict=True)
                    for side in (-1.0, 1.0)
                ]
            )

        least = np.empty((len(tried), 2))
        for part, lower in zip(parts, parallel_map(bound_part, parts), strict=True):
            least[part] = lower.reshape(-1, 2)
        before = np.array([leaves[i].least for i, _ in tried])[:, None]
        missing = cutoff - before
        # Bounds above the cutoff, and NaN bounds, are treated as the cutoff.
        gain = np.fmax(np.fmin(least, cutoff) - before, SETTINGS.least_gain * missing)
        worth = np.prod(gain / missing, axis=1)
        chosen: list[tuple[int, float] | None] = [None] * len(leaves)
        score = np.full(len(leaves), -np.inf)
        for (i, unit), point, value in zip(tried, points, worth, strict=True):
            if chosen[i] is None or value > score[i]:
                chosen[i], score[i] = (unit, point), value
        return chosen

    def _points(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return the split point of each unit, `(s,)`."""
        out = np.zeros(lo.shape)
        for b in self.net.activations:
            out[b.place] = b.split_point(lo[b.place], hi[b.place])
        return out

    def _branching_scores(self, leaf: SplitNode) -> np.ndarray:
        """Return branching scores; if all are 0, scores that favor wide ranges and early layers."""
        if (leaf.score > 0).any():
            return leaf.score
        out = np.where(self.net.unstable(leaf.lo, leaf.hi), leaf.hi - leaf.lo, 0.0)
        for depth, b in enumerate(self.net.activations):
            top = out[b.place].max(initial=0.0)
            if top > 0:
                out[b.place] /= top * (depth + 1)
        return out
