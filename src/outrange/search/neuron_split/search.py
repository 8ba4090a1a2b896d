"""Branch and bound over the phases of units, for graphs of many inputs.

First the ranges of unstable units are tightened, layer by layer. Then every open objective gets its
own tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

from ...core import Box
from ...graph import Graph
from ..attack.momentum import attack, initial_samples
from ..common.incumbent import Incumbent
from ..common.parallel import single_blas_thread
from ..common.search import Search
from .alpha_beta import BoundProblem, optimize_bounds
from .drop_inactive import drop_inactive
from .drop_stable import drop_stable
from .relaxed_net import RelaxedNet
from .settings import SETTINGS
from .smooth_relaxations import activations_of
from .tighten_layers import tighten_layer
from .tree import SplitTree


METHODS = (
    "linear bounds by back-substitution (CROWN, Zhang et al. 2018)",
    "slope ascent, in the layers too (alpha-CROWN, Xu et al. 2021)",
    "splits of units with multipliers (beta-CROWN, Wang et al. 2021)",
    "branching by look-ahead (FSB, De Palma et al. 2021)",
)


NARROW = 0.02
"""Gap between the bound of an objective and its best value, as a fraction of its range, at or below
which a tree closes it sooner than joint bounds do."""


class JointBound(Protocol):
    """A bound on the objective with index `entry`, and a point that may minimize this objective."""

    entry: int
    turns: int
    least: float
    at: np.ndarray | None


class JointBounds(Protocol):
    """A method that computes bounds from all units jointly, and improves them in turns."""

    method: str

    def advance(self, cutoff: np.ndarray, scale: np.ndarray) -> Sequence[JointBound]:
        """Improve the bounds of some objectives; return them, or an empty sequence at the end.

        Args:
            cutoff: `(objectives,)` bounds at or above which an objective is closed.
            scale: `(objectives,)` positive numbers. Gaps and improvements of an objective are
                divided by its scale before they are compared with those of other objectives.
        """
        ...

    def split(self, cutoff: np.ndarray, scale: np.ndarray) -> Sequence[JointBound]:
        """Improve the bounds of some objectives by splits; return them, or an empty sequence.

        The sequence is empty once every objective is closed or cannot be split.
        """
        ...


BeginJointBounds = Callable[
    [RelaxedNet, np.ndarray, np.ndarray, np.ndarray, np.random.Generator], JointBounds | None
]
"""Function that creates a method for joint bounds, or returns None if the method does not support
the net.

Its arguments are the net, the indices of the open objectives, the proved bounds of all objectives,
the gaps of the open objectives as fractions of their ranges, and a random generator."""


def supports(graph: Graph) -> bool:
    """Return whether neuron splitting supports all nonlinear values of a graph."""
    return activations_of(graph) is not None


class NeuronSplitSearch(Search):
    """Search by neuron splits with alpha-beta-CROWN bounds, one tree per open objective.

    Args:
        graph: A graph whose outputs are the objectives, each to be minimized; see `supports`.
        incumbent: Clock, tolerances and the best points.
        seed: Seed of the samples.
        splits: Whether to split; if False, the search ends before the first split, without attacks.
        joint: Function that creates the method for joint bounds on all units, which runs before the
            first split.
        grows: Whether trees are grown; if False, the search ends after the joint bounds.
    """

    methods = METHODS

    def __init__(
        self,
        graph: Graph,
        box: Box,
        incumbent: Incumbent,
        *,
        seed: int = 0,
        splits: bool = True,
        joint: BeginJointBounds | None = None,
        grows: bool = True,
    ) -> None:
        self.graph, self.box, self.incumbent, self.splits = graph, box, incumbent, splits
        self._joint, self._grows = joint, grows
        self._joint_bounds: JointBounds | None = None
        self._joint_lower = np.full(graph.value_size(graph.output), -np.inf)
        """Joint bound of each objective; -inf for objectives without one."""
        self._joint_seconds = self._tree_seconds = 0.0
        """Time spent on splits by joint bounds, and on trees; see `_is_joint_ahead`."""
        self._rng = np.random.default_rng(seed)
        self._count = graph.value_size(graph.output)
        incumbent.start(*initial_samples(graph, box, self._rng))
        self._lower = np.full(self._count, -np.inf)
        self._net: RelaxedNet | None = None
        self._trees: dict[int, _TreeProgress] = {}
        self._plan = self._work()

    def lower(self) -> np.ndarray:
        for k, progress in self._trees.items():
            self._lower[k] = max(self._lower[k], progress.tree.lower)
        return self._lower.copy()

    @property
    def waiting(self) -> int:
        return sum(len(progress.tree) for progress in self._trees.values())

    @property
    def _open(self) -> np.ndarray:
        return np.flatnonzero(self.lower() < self.incumbent.cutoff())

    def recover(self) -> None:
        self._plan = self._work()

    def advance(self) -> bool:
        with single_blas_thread():
            return next(self._plan, False)

    def _work(self) -> Iterator[bool]:
        """Yield True after every piece of work, until no work is left."""
        if self._net is None:
            net = RelaxedNet.of(self.graph, self.box)
            self._lower = np.fmax(self._lower, net.ends[net.graph.output][0])
            self._net = drop_stable(drop_inactive(net))
            self._bound_open()
            yield True
            self._descend(4)
            yield True
            for layer in range(len(self._net.activations)):
                net = self._net
                if net.units_before(net.activations[layer].source) == 0:
                    continue  # Everything before it is linear: its ranges are exact.
                tighten_layer(net, net.activations[layer], SETTINGS.layer_steps)
                self._net = drop_inactive(net)
                self._bound_open()
                yield True
            self._net = drop_stable(self._net)
            yield True
            yield from self._bound_jointly()
            if not self._grows:
                return
            self._descend(24)
        if self._net.units == 0:
            # Everything is linear: only rounding separates bound and value, and no split helps.
            self._bound_open()
            yield True
            return
        while True:
            which = [k for k in self._open if k not in self._trees or self._has_work(k)]
            if not which:
                return
            due = self._joint_seconds <= self._tree_seconds and self._is_joint_ahead(which)
            has_split = due and self._split_jointly()
            self.settled = True
            if has_split:
                yield True
                continue
            new = [k for k in which if k not in self._trees]
            began = self.incumbent.clock.seconds
            if new:
                self._trees[new[0]] = _TreeProgress(self._net, new[0], self._cutoff(new[0]))
            else:
                k = min(which, key=lambda k: self._trees[k].spent)
                self._grow(self._trees[k], k)
            self._tree_seconds += self.incumbent.clock.seconds - began
            yield True

    def _bound_jointly(self) -> Iterator[bool]:
        """Bound the open objectives by the method that `joint` creates.

        Do nothing if splits are off, or if there is no such method for the net. Yield True after
        every turn, until no objective is worth another turn.
        """
        net = self._net
        assert net is not None
        incumbent, which = self.incumbent, self._open
        if self._joint is None or not self.splits or not which.size:
            return
        end = incumbent.best if incumbent.target is None else incumbent.target
        gap = ((end - self._lower) / incumbent.scale())[which]
        turns = self._joint(net, which, self._lower, gap, self._rng)
        if turns is None:
            return
        self.settled = False
        self._joint_bounds = turns
        while rows := turns.advance(self._joint_cutoff(), incumbent.scale()):
            self.methods = (*METHODS, turns.method)
            self._adopt(rows)
            yield True

    def _joint_cutoff(self) -> np.ndarray:
        """Return the cutoffs for joint bounds, `-inf` for the objectives whose gap is `NARROW`."""
        incumbent = self.incumbent
        is_wide = incumbent.best - self.lower() > NARROW * incumbent.scale()
        return np.where(is_wide, incumbent.cutoff(), -np.inf)

    def _is_joint_ahead(self, which: Sequence[int]) -> bool:
        """Return whether the joint bound of some objective is at least that of its tree."""
        trees = self._trees
        return any(
            k not in trees or self._joint_lower[k] >= trees[k].tree.lower
            for k in which
            if np.isfinite(self._joint_lower[k])
        )

    def _split_jointly(self) -> bool:
        """Split by the method for joint bounds; return False if there is nothing to split."""
        if self._joint_bounds is None:
            return False
        began = self.incumbent.clock.seconds
        rows = self._joint_bounds.split(self._joint_cutoff(), self.incumbent.scale())
        self._adopt(rows)
        self._joint_seconds += self.incumbent.clock.seconds - began
        return bool(rows)

    def _adopt(self, rows: Sequence[JointBound]) -> None:
        """Adopt joint bounds, and offer their points."""
        for row in rows:
            self._joint_lower[row.entry] = row.least
            self._lower[row.entry] = max(self._lower[row.entry], row.least)
        self.incumbent.boxes += len(rows)
        points = [row.at for row in rows if row.at is not None]
        if points:
            self._offer_points(np.array(points))

    def _has_work(self, k: int) -> bool:
        """Return whether the tree of objective `k` has work left."""
        progress = self._trees[k]
        return len(progress.tree) > 0 and (self.splits or progress.rounds > 0)

    def _cutoff(self, k: int) -> float:
        return float(self.incumbent.cutoff()[k])

    def _bound_open(self) -> None:
        """Bound all open objectives on the current net."""
        net, which = self._net, self._open
        assert net is not None
        together = max(1, SETTINGS.together // sum(lo.size for lo, _ in net.ends))
        for start in range(0, which.size, together):
            self._bound_objectives(net, which[start : start + together])

    def _bound_objectives(self, net: RelaxedNet, which: np.ndarray) -> None:
        """Bound the objectives `which` on a net, and offer the points that minimize the bounds."""
        rows = np.zeros((which.size, self._count))
        rows[np.arange(which.size), which] = 1.0
        start = {net.graph.output: rows}
        task = BoundProblem.of(
            start, net.unsplit(which.size), np.tile(net.start(), (which.size, 1)), None
        )
        optimize_bounds(net, task, SETTINGS.root_steps, self.incumbent.cutoff()[which])
        proof = net.proof(start, task.alpha, None, task.splits)
        self._lower[which] = np.maximum(self._lower[which], proof.least)
        self.incumbent.boxes += which.size
        self._offer_points(net.corner(proof.form))

    def _descend(self, starts: int) -> None:
        """Attack the open objectives by gradient descent, and offer the best points.

        Args:
            starts: Desired number of descents per objective; see `attack`.
        """
        if self._open.size and self.splits:
            points = attack(self.graph, self.box, self._open, starts, self._rng, self._late)
            self.incumbent.offer(*points)

    def _late(self) -> bool:
        return self.incumbent.clock.expired

    def _offer_points(self, x: np.ndarray) -> None:
        """Evaluate some points, and offer the best one of each objective."""
        if len(x):
            y = self.graph.run(x)
            self.incumbent.offer(y.min(axis=0), x[y.argmin(axis=0)])

    def _grow(self, progress: _TreeProgress, k: int) -> None:
        """Improve a tree: tighten ranges of its root in the first rounds, and then split.

        Rounds of tightening end after `SETTINGS.most_rounds`, or after a round that closes less
        than the fraction `SETTINGS.worth` of the gap.

        Args:
            progress: The tree of objective `k`, and its remaining rounds.
        """
        tree, began, cutoff = progress.tree, self.incumbent.clock.seconds, self._cutoff(k)
        before = tree.nodes
        if progress.rounds > 0:
            far = cutoff - tree.lower
            x = tree.sharpen(cutoff)
            progress.rounds -= 1
            if cutoff - tree.lower > (1 - SETTINGS.worth) * far:
                progress.rounds = 0
        else:
            x = tree.step(cutoff)
        self.incumbent.boxes += tree.nodes - before
        self._offer_points(x)
        progress.spent += self.incumbent.clock.seconds - began


class _TreeProgress:
    """A tree, the time that it has used, and its remaining rounds of tightening."""

    def __init__(self, net: RelaxedNet | None, k: int, cutoff: float) -> None:
        assert net is not None
        self.tree = SplitTree(net, k, cutoff)
        self.spent = 0.0
        self.rounds = SETTINGS.most_rounds
