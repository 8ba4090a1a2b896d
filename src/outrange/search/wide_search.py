"""Incomplete verification of very wide graphs: CROWN passes of increasing depth, no splits.

Where one pass takes seconds, branch and bound makes no progress in a reasonable time. What remains
to be chosen is how far each pre-activation is substituted back. A forward pass bounds all units
first: in small sets almost all of them are stable, and little is left to substitute.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..core import Bounds, Box
from ..domains.backward import BoxBatch
from ..domains.crown import CrownPass, CrownPlan
from ..domains.forward import forward
from ..graph import Graph
from ..graph.rewrites.rewrite import fold
from .attack.momentum import attack_from
from .attack.pgd import Descent, Lowest
from .common.incumbent import Incumbent
from .common.parallel import parallel_map, single_blas_thread
from .common.search import Search


METHODS = (
    "forward linear forms, where they fit (DeepZ, Singh et al. 2018)",
    "linear bounds by back-substitution in cones (CROWN, Zhang et al. 2018)",
)

EFFORTS = tuple(2.0**k for k in (28, 30, 32, 34, 36))
"""What the rows of one value may hold in each pass: see `CrownPass.effort`."""

MOST_FORMS = 1 << 28
"""Numbers in the forward forms of the widest value; a few such values are needed at once."""

MOST_OF_TIME = 0.9
"""That a forward pass may take: it settles small sets by itself."""

RUNS = 8
"""Of the graph at once, to see how long a forward pass takes."""

DEARER = 2.0
"""By about how much a pass takes longer than the one before."""

SHORT = Descent(steps=9, step=0.25, momentum=0.7, floor=0.005)
"""Descents between two passes: one step of a very wide graph takes long."""


class WideSearch(Search):
    """Incomplete verification: passes of increasing depth, with gradient descent between them.

    A pass runs to its end unless the deadline passes. Without a time limit the search for points
    continues indefinitely after the deepest pass.

    Args:
        graph: Its outputs are the objectives, each to be minimised. Maxima of many are best left
            as they are: in pairs, errors add up from pair to pair.
        box: Finite.
        incumbent: The clock and the tolerances; it keeps the points found.
        seed: Seed of the samples.
    """

    methods = METHODS

    def __init__(self, graph: Graph, box: Box, incumbent: Incumbent, *, seed: int = 0) -> None:
        self.graph, self.box, self.incumbent = fold(graph), box, incumbent
        self._rng = np.random.default_rng(seed)
        x = np.concatenate([0.5 * (box.lo + box.hi)[None], box.uniform(self._rng, 1)])
        incumbent.start(*Lowest(self.graph.run(x), x).points)
        self._lower = np.full(graph.value_size(graph.output), -np.inf)
        self._plan = self._work()

    def lower(self) -> np.ndarray:
        return self._lower.copy()

    def recover(self) -> None:
        self._plan = self._work()

    def advance(self) -> bool:
        with single_blas_thread():
            return next(self._plan, False)

    def _work(self) -> Iterator[bool]:
        """Alternate descents and passes; when no pass is affordable, only descend."""
        plan, taken, known = CrownPlan.of(self.graph), 0.0, {}
        clock = self.incumbent.clock
        output = self.graph.output
        self._descend(near=True)
        yield True
        if (self.box.lo < self.box.hi).any() and self._forms_fit():
            ends = forward(self.graph, self.box.lo[None], self.box.hi[None], parallel_map)
            known = dict(enumerate(ends))
            self._found(ends[output])
            yield True
            self._descend(near=True)
            yield True
        for effort in EFFORTS:
            if DEARER * taken > clock.left:
                break
            began = clock.seconds
            cells = BoxBatch.of(self.box.lo[None], self.box.hi[None])
            sweep = CrownPass(plan, cells, known, extra=frozenset({output}), effort=effort)
            sweep.run()
            known = dict(enumerate(sweep.ends))
            self._found(sweep.ends[output])
            taken = clock.seconds - began
            yield True
            if not (self.box.lo < self.box.hi).any():
                return
            self._descend(near=True)
            yield True
        while True:
            self._descend(near=False)
            yield True

    def _forms_fit(self) -> bool:
        """Whether a forward pass fits into memory and most of the time left, by trial runs."""
        count = int((self.box.lo < self.box.hi).sum())
        if count * max(node.size for node in self.graph.nodes) > MOST_FORMS:
            return False
        clock = self.incumbent.clock
        began = clock.seconds
        self.graph.run(np.tile(self.box.lo, (RUNS, 1)))
        taken = (clock.seconds - began) * count / RUNS
        return taken < MOST_OF_TIME * clock.left

    def _found(self, ends: Bounds) -> None:
        """Adopt the output bounds of a pass."""
        self.incumbent.boxes += 1
        self._lower = np.fmax(self._lower, ends[0][0])

    def _descend(self, near: bool) -> None:
        """Descend on the open objective of lowest value, from its point, or on a random one."""
        open_ = np.flatnonzero(self._lower < self.incumbent.cutoff())
        if not open_.size:
            return
        k = open_[
            [np.argmin(self.incumbent.best[open_]) if near else self._rng.integers(open_.size)]
        ]
        x = self.incumbent.best_at[k] if near else self.box.uniform(self._rng, 1)
        self.incumbent.offer(*attack_from(self.graph, self.box, x, k, SHORT))
