"""Branch and bound over the phases of units: for graphs of many inputs.

First the ranges of all units are made as good as they get for their price, layer by layer; then
every objective that is still open gets a tree of its own on a net without the units that are off.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...core import Box
from ...graph import Graph
from ..attack.momentum import first_look, many_points
from ..bent_values import bends
from ..common.incumbent import State
from ..common.parallel import one_thread
from .alpha_beta import Climb, climb
from .drop_inactive import pruned
from .drop_stable import straightened
from .relaxed_net import PhaseNet
from .tighten_layers import tighten_layer
from .tree import PhaseTree


METHODS = (
    "linear bounds by back-substitution (CROWN, Zhang et al. 2018)",
    "slope ascent, in the layers too (alpha-CROWN, Xu et al. 2021)",
    "splits of units with multipliers (beta-CROWN, Wang et al. 2021)",
    "branching by look-ahead (FSB, De Palma et al. 2021)",
)

ROOT_STEPS = 20
LAYER_STEPS = 6
MOST_ROUNDS = 8
WORTH = 0.02
"""A round of tighter ranges that closes less of the gap than this share is the last."""


def takes(graph: Graph) -> bool:
    """Whether a phase search knows all bent values of a graph."""
    return bends(graph) is not None


class PhaseSearch:
    """A search that can be stopped, asked, and gone on with.

    Args:
        graph: Its outputs are the objectives, each to be minimised; see `takes`.
        box: Finite.
        state: The clock and the tolerances; it keeps the points and bounds found.
        seed: Of the samples.
        splits: Without, it looks for no points, and ends where the first split would be.
    """

    def __init__(self, graph: Graph, box: Box, state: State, *, seed: int = 0, splits: bool = True):
        self.graph, self.box, self.state, self.splits = graph, box, state, splits
        self._rng = np.random.default_rng(seed)
        self._count = graph.value_size(graph.output)
        state.start(*first_look(graph, box, self._rng))
        self._lower = np.full(self._count, -np.inf)
        self._net: PhaseNet | None = None
        self._trees: dict[int, _Grown] = {}
        self._plan = self._work()

    def lower(self) -> np.ndarray:
        """`(m,)` what is proved so far."""
        for k, grown in self._trees.items():
            self._lower[k] = max(self._lower[k], grown.tree.lower)
        return self._lower.copy()

    @property
    def _open(self) -> np.ndarray:
        return np.flatnonzero(self.lower() < self.state.cutoff())

    def run(self, until: float = np.inf) -> str | None:
        """Go on until `until` on the state's clock.

        Returns:
            None if nothing is left to do; else `"patience"`, `"time"`, `"interrupted"`, or
            `"met"`: a point lies below its goal.
        """
        try:
            with one_thread():
                return self._run(until)
        except KeyboardInterrupt:
            self._plan = self._work()
            return "interrupted"

    def _run(self, until: float) -> str | None:
        state = self.state
        while self._open.size:
            if state.out_of_time:
                return "time"
            if state.met:
                return "met"
            if state.seconds > until:
                return "patience"
            if next(self._plan, None) is None:
                return None
            if state.report_due:
                state.report(self.lower(), sum(len(g.tree) for g in self._trees.values()))
        return "met" if state.met else None

    def _work(self) -> Iterator[bool]:
        """The pieces of work, one after the other, for as long as there are any."""
        if self._net is None:
            self._net = straightened(pruned(PhaseNet.of(self.graph, self.box)))
            self._bound_all()
            yield True
            self._descend(4)
            yield True
            for layer in range(len(self._net.bends)):
                net = self._net
                if net.before(net.bends[layer].source) == 0:
                    continue  # Nothing bent before it: its ranges are as tight as they get.
                tighten_layer(net, net.bends[layer], LAYER_STEPS)
                self._net = pruned(net)
                self._bound_all()
                yield True
            self._net = straightened(self._net)
            yield True
            self._descend(24)
        while True:
            which = [k for k in self._open if k not in self._trees or self._goes_on(k)]
            if not which:
                return
            for k in which:
                if k not in self._trees:
                    self._trees[k] = _Grown(self._net, k, self._cutoff(k))
                    yield True
            k = min(which, key=lambda k: self._trees[k].spent)
            self._grow(self._trees[k], k)
            yield True

    def _goes_on(self, k: int) -> bool:
        grown = self._trees[k]
        return len(grown.tree) > 0 and (self.splits or grown.rounds > 0)

    def _cutoff(self, k: int) -> float:
        return float(self.state.cutoff()[k])

    def _bound_all(self) -> None:
        """All open objectives on the net as it is."""
        net, which = self._net, self._open
        assert net is not None
        if not which.size:
            return
        start = {net.graph.output: np.eye(self._count)[which]}
        task = Climb.of(start, net.uncut(which.size), np.tile(net.start(), (which.size, 1)), None)
        climb(net, task, ROOT_STEPS, self.state.cutoff()[which])
        proof = net.proof(start, task.theta, None, task.cuts)
        self._lower[which] = np.maximum(self._lower[which], proof.least)
        self.state.boxes += which.size
        self._look(net.corner(proof.form))

    def _descend(self, starts: int) -> None:
        """Look for points that make the open objectives small."""
        if self._open.size and self.splits:
            found = many_points(self.graph, self.box, self._open, starts, self._rng)
            self.state.offer(*found)

    def _look(self, x: np.ndarray) -> None:
        """Offer points."""
        if len(x):
            y = self.graph.run(x)
            self.state.offer(y.min(axis=0), x[y.argmin(axis=0)])

    def _grow(self, grown: _Grown, k: int) -> None:
        """Work on one tree for a while."""
        tree, began, cutoff = grown.tree, self.state.seconds, self._cutoff(k)
        before = tree.nodes
        if grown.rounds > 0:
            far = cutoff - tree.lower
            x = tree.sharpen(cutoff)
            grown.rounds -= 1
            if cutoff - tree.lower > (1 - WORTH) * far:
                grown.rounds = 0
        else:
            x = tree.step(cutoff)
        self.state.boxes += tree.nodes - before
        self._look(x)
        grown.spent += self.state.seconds - began


class _Grown:
    """A tree, the time it has had, and how often its ranges are still to be sharpened."""

    def __init__(self, net: PhaseNet | None, k: int, cutoff: float):
        assert net is not None
        self.tree = PhaseTree(net, k, cutoff)
        self.spent = 0.0
        self.rounds = MOST_ROUNDS
