"""Branch and bound over the phases of units: for graphs of many inputs.

First the ranges of all units are made as good as they get for their price, layer by layer; then
every objective that is still open gets a tree of its own on a net without the units that are off.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core import Box
from ..graph import Graph
from .attack import many_points, push
from .bends import bends
from .phase_ascent import Climb, climb
from .phase_net import Cuts, PhaseNet
from .phase_prune import pruned
from .phase_root import tighten
from .phase_tree import PhaseTree
from .state import State


METHODS = (
    "linear bounds by back-substitution (CROWN, Zhang et al. 2018)",
    "slope ascent, in the layers too (alpha-CROWN, Xu et al. 2021)",
    "splits of units with multipliers (beta-CROWN, Wang et al. 2021)",
    "branching by look-ahead (FSB, De Palma et al. 2021)",
)

ROOT_STEPS = 20
LAYER_STEPS = 20


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
    """

    def __init__(self, graph: Graph, box: Box, state: State, *, seed: int = 0):
        self.graph, self.box, self.state = graph, box, state
        self._rng = np.random.default_rng(seed)
        m = graph.value_size(graph.output)
        state.start(*many_points(graph, box, m, self._rng))
        self._net: PhaseNet | None = None
        self._lower = np.full(m, -np.inf)
        self._trees: dict[int, PhaseTree] = {}
        self._layer = 0

    def lower(self) -> np.ndarray:
        """`(m,)` what is proved so far."""
        for k, tree in self._trees.items():
            self._lower[k] = max(self._lower[k], tree.lower)
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
        state = self.state
        try:
            while self._open.size:
                if state.out_of_time:
                    return "time"
                if state.met:
                    return "met"
                if state.seconds > until:
                    return "patience"
                if not self._turn():
                    return None
                if state.report_due:
                    state.report(self.lower(), sum(map(len, self._trees.values())))
        except KeyboardInterrupt:
            return "interrupted"
        return "met" if state.met else None

    def _turn(self) -> bool:
        """One piece of work; False if there is none."""
        if self._net is None:
            self._net = pruned(PhaseNet.of(self.graph, self.box))
            self._bound_all()
        elif self._layer < len(self._net.bends):
            tighten(self._net, self._net.bends[self._layer], LAYER_STEPS)
            self._layer += 1
            self._net = pruned(self._net)
            if self._layer == len(self._net.bends):
                self._bound_all()
        else:
            return self._branch()
        return True

    def _bound_all(self) -> None:
        """All open objectives on the net as it is."""
        net, which = self._net, self._open
        assert net is not None
        rows = np.eye(self._lower.size)[which]
        start = {net.graph.output: rows}
        theta = np.tile(net.start(), (which.size, 1))
        task = Climb.of(start, Cuts.none(which.size, net.units), theta, None)
        climb(net, task, ROOT_STEPS, self.state.cutoff()[which])
        proof = net.proof(start, task.theta, None, task.cuts)
        self._lower[which] = np.maximum(self._lower[which], proof.least)
        self.state.boxes += which.size
        self._look(net.corner(proof.form), which)

    def _look(self, x: np.ndarray, which: np.ndarray) -> None:
        """Offer points, and what descent makes of the best of each objective."""
        if len(x):
            self.state.offer(*push(self.graph, self.box, x, which, self._rng))

    def _branch(self) -> bool:
        """A step of the tree that has had the fewest nodes."""
        net, cutoff = self._net, self.state.cutoff()
        assert net is not None
        which = [k for k in self._open if k not in self._trees or len(self._trees[k])]
        if not which:
            return False
        for k in which:
            if k not in self._trees:
                self._trees[k] = PhaseTree(net, np.eye(self._lower.size)[k])
        k = min(which, key=lambda k: self._trees[k].nodes)
        tree = self._trees[k]
        before = tree.nodes
        x = tree.step(float(cutoff[k]))
        self.state.boxes += tree.nodes - before
        if len(x):
            values = net.graph.run(x)
            self.state.offer(values.min(axis=0), x[values.argmin(axis=0)])
        return True


__all__ = ["METHODS", "PhaseSearch", "takes"]
_ = Callable
