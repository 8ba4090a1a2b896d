"""Incomplete verification of very wide graphs: CROWN passes of increasing depth, no splits.

If one pass takes seconds, branch and bound makes no progress in a reasonable time. The only choice
left is how far each pre-activation is substituted back. A forward pass may bound all units first:
in small input sets almost all units are stable, and little is left to substitute. Only units that
an open objective depends on are substituted: a detector's cell sees only a window of each layer.
Once the units are bounded, the slopes of the objectives are optimized by ascent, which is cheap
compared with a pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from ....core import Bounds, Box
from ....domains.backward import BoxBatch, RelaxedGraph
from ....domains.cone import cone, costs_at_most, entries_needed
from ....domains.crown import CrownPass, CrownPlan
from ....domains.stability import is_stable
from ....domains.zonotopes import forward
from ....graph import Graph
from ....graph.rewrites.rewrite import fold
from ...attack.momentum import attack_from
from ...attack.pgd import Descent, Lowest
from ...common.incumbent import Incumbent
from ...common.parallel import parallel_batches, parallel_map, single_blas_thread
from ...common.search import Search
from ...engines.first_bounds import ascend_slopes


METHODS = (
    "forward linear forms, where they fit (DeepZ, Singh et al. 2018)",
    "linear bounds by back-substitution in cones (CROWN, Zhang et al. 2018)",
    "slope ascent on the objectives (alpha-CROWN, Xu et al. 2021)",
)

EFFORTS = tuple(2.0**k for k in (28, 30, 32, 34, 36))
"""Limits on the size of the rows of one value, one limit per pass; see `CrownPass.effort`."""

MOST_FORMS = 1 << 28
"""Maximum number of entries in the widest value's forward forms; a few such forms must fit in
memory.
"""

MOST_OF_TIME = 0.9
"""Fraction of the remaining time that a forward pass may take; the pass alone may settle small
sets."""

SETTLED = 0.99
"""Fraction of the units in a trial that forms must prove stable to justify a forward pass over all
units.

The errors that unstable units introduce add up from layer to layer."""

PILOT = 1 << 14
"""Maximum number of entries in the cone of the unit that is sampled for the trial."""

RUNS = 8
"""Number of graph evaluations in the trial that estimates the time of a forward pass."""

DEARER = 2.0
"""Estimated ratio of the time of a pass to the time of the previous pass."""

SHORT = Descent(steps=9, step=0.25, momentum=0.7, floor=0.005)
"""Settings for descents between two passes: few steps, since each is slow on a wide graph."""


class WideSearch(Search):
    """Incomplete verification: passes of increasing depth, with gradient descent between them.

    A pass runs to its end unless the deadline expires. Without a time limit, the search for points
    continues indefinitely after the deepest pass.

    Args:
        graph: Graph whose outputs are the objectives, each to be minimized. A maximum over many
            values should be a single op: in a chain of pairwise maxima, errors would add up.
        box: Box of the inputs.
        incumbent: Clock, tolerances and the best points.
        seed: Seed for the samples.
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
        """Alternate descents and passes, then only descend.

        Passes end if the next one would probably exceed the time limit, or could go no deeper.
        """
        plan, pass_seconds, value_bounds, deep = CrownPlan.of(self.graph), 0.0, {}, frozenset[int]()
        clock = self.incumbent.clock
        output = self.graph.output
        self._descend(near=True)
        yield True
        if (self.box.lo < self.box.hi).any() and self._forms_pay():
            # Passes need less memory than forms of all inputs.
            with suppress(MemoryError):
                ends = forward(self.graph, self.box.lo[None], self.box.hi[None], parallel_map)
                value_bounds = dict(enumerate(ends))
                self._adopt_bounds(ends[output])
            yield True
            self._descend(near=True)
            yield True
        last: tuple[CrownPass, RelaxedGraph] | None = None
        for effort in EFFORTS:
            if DEARER * pass_seconds > clock.left:
                break
            began = clock.seconds
            sweep = self._prepare_pass(plan, value_bounds, effort, deep)
            last = sweep, sweep.run()
            value_bounds = dict(enumerate(sweep.ends))
            self._adopt_bounds(sweep.ends[output])
            pass_seconds = clock.seconds - began
            yield True
            if not (self.box.lo < self.box.hi).any():
                return
            deep = frozenset(sweep.deep)
            self._descend(near=True)
            yield True
            if len(deep) == len(sweep.ends):
                break
        if last is not None:
            self._ascend(*last)
            yield True
        while True:
            self._descend(near=False)
            yield True

    def _prepare_pass(
        self, plan: CrownPlan, value_bounds: dict[int, Bounds], effort: float, deep: frozenset[int]
    ) -> CrownPass:
        """Create the next pass, which bounds only the units that open objectives depend on."""
        output, open_ = self.graph.output, self._open
        return CrownPass(
            plan,
            BoxBatch.of(self.box.lo[None], self.box.hi[None]),
            value_bounds,
            extra=frozenset({output}),
            effort=effort,
            needed=entries_needed(self.graph, output, open_) if open_.size else {},
            settled=deep,
            each=parallel_batches,
        )

    def _ascend(self, sweep: CrownPass, net: RelaxedGraph) -> None:
        """Optimize slopes for every open objective, once the units are bounded."""
        which = self._open
        target = self.incumbent.cutoff()[which]
        lower = ascend_slopes(sweep, net, np.eye(self._lower.size), which, target)
        self._lower[which] = np.fmax(self._lower[which], lower)

    @property
    def _open(self) -> np.ndarray:
        """Indices of the open objectives."""
        return np.flatnonzero(self._lower < self.incumbent.cutoff())

    def _forms_pay(self) -> bool:
        """Return whether a forward pass fits in memory and time, and is likely to settle units."""
        return self._forms_fit() and self._forms_settle()

    def _forms_settle(self) -> bool:
        """Return whether forward forms prove almost all units stable in a trial on a small cone.

        The trial bounds only the cone of one unit: the middle unit of the deepest layer in which
        this cone has at most `PILOT` entries. The units counted are those of the last curve in the
        cone. Return True if there is no such layer.
        """
        graph = self.graph
        for source in sorted({node.inputs[0] for node in graph.nodes}, reverse=True):
            shape = graph.nodes[source - 1].shape
            some = np.array([np.ravel_multi_index([n // 2 for n in shape], shape)])
            if source == 0 or not costs_at_most(graph, source, some, 0, PILOT):
                continue
            part = cone(graph, source, some)
            curves = CrownPlan.of(part.graph).curves
            if not curves or [value for value, _ in part.leaves] != [0]:
                continue
            read = part.leaves[0][1]
            ends = forward(part.graph, self.box.lo[None, read], self.box.hi[None, read])
            _, last, op = curves[-1]
            return bool(is_stable(op, *ends[last]).mean() >= SETTLED)
        return True

    def _forms_fit(self) -> bool:
        """Return whether a forward pass fits in memory and, by a trial run, in the time left."""
        count = int((self.box.lo < self.box.hi).sum())
        if count * max((node.size for node in self.graph.nodes), default=0) > MOST_FORMS:
            return False
        clock = self.incumbent.clock
        began = clock.seconds
        self.graph.run(np.tile(self.box.lo, (RUNS, 1)))
        estimate = (clock.seconds - began) * count / RUNS
        return estimate < MOST_OF_TIME * clock.left

    def _adopt_bounds(self, ends: Bounds) -> None:
        """Adopt the output bounds of a pass."""
        self.incumbent.boxes += 1
        self._lower = np.fmax(self._lower, ends[0][0])

    def _descend(self, near: bool) -> None:
        """Descend on the lowest open objective from its best point, or on a random objective.

        Args:
            near: Whether to descend on the lowest objective from its best point, instead of on a
                random open objective from a random point.
        """
        open_ = self._open
        if not open_.size:
            return
        k = open_[
            [np.argmin(self.incumbent.best[open_]) if near else self._rng.integers(open_.size)]
        ]
        x = self.incumbent.best_at[k] if near else self.box.uniform(self._rng, 1)
        self.incumbent.offer(*attack_from(self.graph, self.box, x, k, SHORT))
