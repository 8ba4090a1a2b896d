"""Falsification of networks with jumps (signs, thresholds, quantizers), which block gradients.

Two kinds of work alternate. *Descents* follow the gradient of the network with smoothed jumps,
which get steeper from step to step. So units switch in groups, and each reacts to the likely
behavior of the other units. *Generations* change the best points by random moves, which need no new
gradients, and keep points that are no worse, so that they can cross plateaus. Points are always
compared by outputs of the original network, never by outputs of the smoothed one.

Sound: yes; the attack only offers points, evaluated in float64, and the caller validates them.
Complete: no.
"""

from __future__ import annotations

import numpy as np

from ....core.clock import read_clock
from ....graph import Graph
from ....graph.gradient import is_discontinuous, smoothed_values, vector_jacobian_product
from ....ops import Step
from ...common.domain_boxes import DomainBoxes
from ...common.incumbent import Incumbent
from ...common.parallel import parallel_map, single_blas_thread, threads
from ...common.search import Search
from .moves import Blocks, neighbors


METHODS = (
    "descents through smoothed jumps (Courbariaux et al. 2016)",
    "moves of blocks of inputs (Andriushchenko et al. 2020)",
)

STEPS = 24
"""Number of steps of a descent."""

STEP, SHORTER = 0.5, 0.95
"""Largest first step, as a fraction of the box's width, and ratio of successive steps."""

NARROWER = 0.9
"""Ratio of the widths of smoothed jumps in successive steps."""

WIDTHS = (1.0, 8.0)
"""Range of the initial widths of smoothed jumps, in units of the spread of each jump's argument
over the box (in units of 1 for staircases)."""

SAMPLES = 16
"""Number of random points at which the spread of a jump's argument is measured."""

LEAST_SPREAD = 0.1
"""Lower limit of an entry's spread, as a fraction of the mean spread over all entries of the same
value."""

MOMENTUM = 0.7
"""Fraction of the mean direction that carries over to the next step."""

KEPT = 6
"""Number of best points that are kept, and from which a generation starts."""

SECONDS = 0.3
"""Target duration of the generations in one call of `advance`, in seconds. The number of points per
evaluation adapts to it."""

MOST_POINTS, MOST_ENTRIES = 256, 1 << 25
"""Maximum number of points per evaluation, and maximum number of graph entries over all of these
points. At least 4 points are evaluated regardless."""

LONG_SHARE, SHORT_SHARE = 4.0, 0.25
"""Relative lengths of turns. The first turns in a large graph are long: a witness is likelier there
than a proof."""

LONG_SECONDS = 4.0
"""Number of seconds of work after which long turns become short."""

PATIENCE = 400
"""Number of successive calls without a better point after which the attack gives up."""


class JumpAttack(Search):
    """A stepwise attack on networks with jumps; it proves no bounds.

    Args:
        graph: Graph whose outputs are the objectives, each to be minimized.
        domain: Boxes of the inputs.
        incumbent: Clock, goals and the best points.
        seed: Seed of the random generator.
        large: Whether the graph is so large that the first turns are long.
    """

    gradual = False
    proves = False
    methods = METHODS

    def __init__(
        self,
        graph: Graph,
        domain: DomainBoxes,
        incumbent: Incumbent,
        *,
        seed: int = 0,
        large: bool = False,
    ) -> None:
        self._large = large
        self.graph, self.domain, self.incumbent = graph, domain, incumbent
        self._rng = np.random.default_rng(seed)
        self._blocks = Blocks(graph.inputs)
        self._most = int(np.clip(MOST_ENTRIES // max(1, graph.entries), 4, MOST_POINTS))
        self._points = 4
        x = np.concatenate([domain.middle(), self._random(3)])
        y = graph.run(x)
        incumbent.start(y.min(axis=0), x[y.argmin(axis=0)], y.max(axis=0))
        self._at, self._value = x, self._values(y)
        self._idle = 0
        self._spent = [0.0, 0.0]
        self._spreads: dict[int, np.ndarray] = {}

    @property
    def share(self) -> float:
        """Relative length of the next turn, in proportion to `Incumbent.violating_fraction`."""
        is_long = self._large and sum(self._spent) < LONG_SECONDS
        return (LONG_SHARE if is_long else SHORT_SHARE) * self.incumbent.violating_fraction

    def lower(self) -> np.ndarray:
        return np.full(self.incumbent.known.shape, -np.inf)

    def recover(self) -> None:
        """Do nothing: an interrupted call leaves no partial state."""

    def advance(self) -> bool:
        """Run one descent from several points, or a few generations of evolution."""
        before, began = self._value.min(), read_clock()
        if not self._spreads:
            self._spreads = self._measure_spreads()
        # Choose the kind of work that has had less time so far.
        kind = int(self._spent[0] > self._spent[1])
        with single_blas_thread():
            (self._descend, self._evolve)[kind]()
        self._spent[kind] += read_clock() - began
        self._idle = 0 if self._value.min() < before else self._idle + 1
        return self._idle < PATIENCE

    def _measure_spreads(self) -> dict[int, np.ndarray]:
        """Return the standard deviation of each jump's argument over random points.

        The keys are the values with jumps, and each spread has shape `(n,)`. Spreads of staircases
        are 1.
        """
        x = self._random(SAMPLES).astype(np.float32)
        values = smoothed_values(self.graph, x, None)
        spreads = {}
        for v, node in enumerate(self.graph.nodes, 1):
            if is_discontinuous(node.op):
                spread = values[node.inputs[0]].std(axis=0)
                spread = np.maximum(spread, LEAST_SPREAD * spread.mean()) + 1e-20
                stairs = isinstance(node.op, Step) and node.op.is_staircase
                spreads[v] = np.ones(node.size) if stairs else spread
        return {v: spread.astype(np.float32) for v, spread in spreads.items()}

    @property
    def _open(self) -> np.ndarray:
        """Indices of the open objectives, or indices of all objectives if none is open."""
        cutoff = self.incumbent.cutoff()
        open_ = np.flatnonzero(np.isfinite(cutoff))
        return open_ if open_.size else np.arange(cutoff.size)

    def _values(self, y: np.ndarray) -> np.ndarray:
        """Return, for each point, the least excess of an open objective over its goal, `(b,)`.

        Without goals, return the least value of an open objective at each point.
        """
        goal = self.incumbent.goal
        above = y if goal is None else y - goal
        return np.nan_to_num(above[:, self._open], nan=np.inf).min(axis=1)

    def _random(self, count: int) -> np.ndarray:
        """Return `count` random points, each uniform in a random box or at one of its corners."""
        which = self._rng.integers(len(self.domain.lo), size=count)
        lo, hi = self.domain.lo[which], self.domain.hi[which]
        share = self._rng.random(lo.shape)
        share = np.where(self._rng.random((count, 1)) < 0.5, share, np.rint(share))
        return self.domain.snap(np.clip(lo + share * (hi - lo), lo, hi))

    def _descend(self) -> None:
        """Descend from random points, the middle and the best points, with various jump widths."""
        count, rng = max(4, self._points // 2), self._rng
        x = self._random(count)
        x[: count // 4] = self.domain.middle()
        best = x[count // 4 : count // 2]
        best[:] = self._at[rng.integers(len(self._at), size=len(best))]
        box = self.domain.around(x)
        least, most = np.log(WIDTHS)
        width = np.exp(rng.uniform(least, most, (count, 1)))
        reach = np.where(rng.random((count, 1)) < 0.5, 1.0, 0.3) * (box.hi - box.lo)
        targets = rng.choice(self._open, count)
        fixed = rng.random(count) < 0.5
        where, mean = x, np.zeros_like(x)
        for i in range(STEPS):
            if self._stopped:
                return
            y, slope = self._smoothed_slopes(x, targets, fixed, width * NARROWER**i)
            self._take(x, y)
            mean = MOMENTUM * mean + slope / (np.abs(slope).sum(axis=1, keepdims=True) + 1e-300)
            where = np.clip(where - STEP * SHORTER**i * reach * np.sign(mean), box.lo, box.hi)
            x = self.domain.snap(where)
        self._take(x, self._evaluate(x))

    def _smoothed_slopes(
        self, x: np.ndarray, targets: np.ndarray, fixed: np.ndarray, width: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return objectives `(b, m)`, and gradients `(b, d)` of one smoothed objective per point.

        The objectives are those of the original network. The smoothed objective of point `i` is
        `targets[i]` if `fixed[i]` is set, and otherwise the open objective with the lowest
        smoothed value.
        """
        open_ = self._open

        def work(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            small, wide = x[part].astype(np.float32), width[part].astype(np.float32)
            widths = {v: wide * spread for v, spread in self._spreads.items()}
            values = smoothed_values(self.graph, small, widths)
            soft = values[self.graph.output]
            k = np.where(fixed[part], targets[part], open_[soft[:, open_].argmin(axis=1)])
            rows = np.zeros_like(soft)
            rows[np.arange(len(part)), k] = 1.0
            slope = vector_jacobian_product(self.graph, values, rows, widths)
            y = smoothed_values(self.graph, small, None)[self.graph.output]
            return y, np.nan_to_num(slope).astype(np.float64)

        parts = np.array_split(np.arange(len(x)), min(len(x), threads()))
        y, slope = zip(*parallel_map(work, parts), strict=True)
        return np.concatenate(y).astype(np.float64), np.concatenate(slope)

    def _evaluate(self, x: np.ndarray) -> np.ndarray:
        """Return the network's outputs at points, evaluated in float32 on all cores."""

        def work(part: np.ndarray) -> np.ndarray:
            return smoothed_values(self.graph, part, None)[self.graph.output]

        parts = np.array_split(x.astype(np.float32), min(len(x), threads()))
        return np.concatenate(parallel_map(work, parts)).astype(np.float64)

    def _evolve(self) -> None:
        """Evaluate generations of children of the best points, for about `SECONDS`."""
        rng, began = self._rng, read_clock()
        width = np.full((len(self._at), 1), NARROWER ** rng.integers(STEPS) * WIDTHS[1])
        none = np.zeros(len(self._at), np.int64)
        _, slope = self._smoothed_slopes(self._at, none, none > 0, width)
        while not self._stopped:
            parent = rng.integers(len(self._at), size=self._points)
            # The slopes were computed at the initial points, from which all later points descend.
            slopes = slope[rng.integers(len(slope), size=self._points)]
            near = self.domain.around(self._at[parent])
            x = neighbors(self._at[parent], slopes, near.lo, near.hi, self._blocks, rng)
            x = self.domain.snap(np.clip(x, near.lo, near.hi))
            each = read_clock()
            self._take(x, self._evaluate(x))
            now = read_clock()
            if now - each < 0.25 * SECONDS:
                self._points = min(self._most, 2 * self._points)
            if now - began > SECONDS:
                return

    @property
    def _stopped(self) -> bool:
        """Whether a goal is met or the time is up."""
        return self.incumbent.met or self.incumbent.clock.expired

    def _take(self, x: np.ndarray, y: np.ndarray) -> None:
        """Keep the `KEPT` best points (the newer of equal points), and offer improvements."""
        value = self._values(y)
        every = np.concatenate([value, self._value])
        order = np.argsort(every, kind="stable")[:KEPT]
        self._at, self._value = np.concatenate([x, self._at])[order], every[order]
        better = np.flatnonzero((y < self.incumbent.best).any(axis=1))
        if better.size:
            exact = self.graph.run(x[better])
            self.incumbent.offer(exact.min(axis=0), x[better][exact.argmin(axis=0)])
