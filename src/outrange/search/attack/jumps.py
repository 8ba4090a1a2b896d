"""Falsification of networks with jumps (signs, thresholds, quantizers): no gradient passes them.

Two kinds of work take turns. *Descents* follow the gradient of the network with its jumps smoothed,
less and less from step to step, so that units switch in groups and each sees what the others are
likely to do. *Generations* change the best points found by moves that need no gradient, and keep
what is no worse: a plateau is crossed. What counts is the network itself at every point.

Sound: a point is only offered, in float64; whoever asked examines it. Complete: no.
"""

from __future__ import annotations

import numpy as np

from ...core.clock import read_clock
from ...graph import Graph
from ...graph.gradient import jumps, smoothed_values, vector_jacobian_product
from ...ops import Step
from ..common.domain_boxes import DomainBoxes
from ..common.incumbent import Incumbent
from ..common.parallel import parallel_map, single_blas_thread, threads
from ..common.search import Search
from .moves import Blocks, neighbors


METHODS = (
    "descents through smoothed jumps (Courbariaux et al. 2016)",
    "moves of blocks of inputs (Andriushchenko et al. 2020)",
)

STEPS = 24
"""Of a descent."""

STEP, SHORTER = 0.5, 0.95
"""The first, as a share of the box's width, and each as a share of the one before."""

NARROWER = 0.9
"""The width of smoothed jumps, as a share of the one before."""

WIDTHS = (1.0, 8.0)
"""Of smoothed jumps at the start of a descent, drawn between, in units of how much the inputs of
each vary over the box; a jump much further away than that is out of reach."""

SAMPLES = 16
"""Points by which that is measured."""

LEAST_SPREAD = 0.1
"""Of what its value has on average, for a jump whose inputs vary less."""

MOMENTUM = 0.7

KEPT = 6
"""Points that a generation starts from."""

SECONDS = 0.3
"""That one call may take: as many points as fit are evaluated at once."""

MOST_POINTS, MOST_ENTRIES = 256, 1 << 25
"""At once, and numbers in all their values."""

EARLY, EARLY_SECONDS, LATER = 4.0, 4.0, 0.25
"""Share of a turn as long as it has worked for fewer seconds, and later."""

PATIENCE = 400
"""Calls without a better point after which the attack gives up."""


def has_jumps(graph: Graph) -> bool:
    """Whether some curve of a graph jumps."""
    return any(jumps(node.op) for node in graph.nodes)


class JumpAttack(Search):
    """An attack in pieces. It proves nothing.

    Args:
        graph: Its outputs are the objectives, each to be minimised.
        incumbent: The clock and the goals; it keeps the points found.
    """

    gradual = False
    proves = False
    methods = METHODS

    def __init__(
        self, graph: Graph, domain: DomainBoxes, incumbent: Incumbent, *, seed: int = 0
    ) -> None:
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

    def lower(self) -> np.ndarray:
        return np.full(self.incumbent.known.shape, -np.inf)

    @property
    def share(self) -> float:
        """Much at first, since what is found at once needs no proof; little in the long run."""
        return EARLY if sum(self._spent) < EARLY_SECONDS else LATER

    def recover(self) -> None:
        """Nothing is ever half done."""

    def advance(self) -> bool:
        """A descent of several points, or some generations."""
        before, began = self._value.min(), read_clock()
        if not self._spreads:
            self._spreads = self._measured()
        # Whichever had less time.
        kind = int(self._spent[0] > self._spent[1])
        with single_blas_thread():
            (self._descend, self._evolve)[kind]()
        self._spent[kind] += read_clock() - began
        self._idle = 0 if self._value.min() < before else self._idle + 1
        return self._idle < PATIENCE

    def _measured(self) -> dict[int, np.ndarray]:
        """How much the inputs of each jump vary over random points, `(n,)`; by value."""
        x = self._random(SAMPLES).astype(np.float32)
        values = smoothed_values(self.graph, x, None)
        found = {}
        for v, node in enumerate(self.graph.nodes, 1):
            if jumps(node.op):
                spread = values[node.inputs[0]].std(axis=0)
                spread = np.maximum(spread, LEAST_SPREAD * spread.mean()) + 1e-20
                stairs = isinstance(node.op, Step) and node.op.is_staircase
                found[v] = np.ones(node.size) if stairs else spread
        return {v: spread.astype(np.float32) for v, spread in found.items()}

    @property
    def _open(self) -> np.ndarray:
        cutoff = self.incumbent.cutoff()
        found = np.flatnonzero(np.isfinite(cutoff))
        return found if found.size else np.arange(cutoff.size)

    def _values(self, y: np.ndarray) -> np.ndarray:
        """`(b,)` how far the best open objective is above its goal."""
        goal = self.incumbent.goal
        above = y if goal is None else y - goal
        return np.nan_to_num(above[:, self._open], nan=np.inf).min(axis=1)

    def _random(self, count: int) -> np.ndarray:
        """Points of any box: uniform, or at corners."""
        which = self._rng.integers(len(self.domain.lo), size=count)
        lo, hi = self.domain.lo[which], self.domain.hi[which]
        share = self._rng.random(lo.shape)
        share = np.where(self._rng.random((count, 1)) < 0.5, share, np.rint(share))
        return self.domain.snap(np.clip(lo + share * (hi - lo), lo, hi))

    def _descend(self) -> None:
        """From random points, the middle and the best, with jumps of several widths."""
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
        held = rng.random(count) < 0.5
        where, mean = x, np.zeros_like(x)
        for i in range(STEPS):
            if self._stopped:
                return
            y, slope = self._smoothed(x, targets, held, width * NARROWER**i)
            self._take(x, y)
            mean = MOMENTUM * mean + slope / (np.abs(slope).sum(axis=1, keepdims=True) + 1e-300)
            where = np.clip(where - STEP * SHORTER**i * reach * np.sign(mean), box.lo, box.hi)
            x = self.domain.snap(where)
        self._take(x, self._run(x))

    def _smoothed(
        self, x: np.ndarray, targets: np.ndarray, held: np.ndarray, width: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The objectives `(b, m)`, and the slopes `(b, d)` of one of the smoothed ones at each.

        `targets` where `held`, else the open one that is lowest when smoothed.
        """
        open_ = self._open

        def work(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            small, wide = x[part].astype(np.float32), width[part].astype(np.float32)
            widths = {v: wide * spread for v, spread in self._spreads.items()}
            values = smoothed_values(self.graph, small, widths)
            soft = values[self.graph.output]
            k = np.where(held[part], targets[part], open_[soft[:, open_].argmin(axis=1)])
            rows = np.zeros_like(soft)
            rows[np.arange(len(part)), k] = 1.0
            slope = vector_jacobian_product(self.graph, values, rows, widths)
            y = smoothed_values(self.graph, small, None)[self.graph.output]
            return y, np.nan_to_num(slope).astype(np.float64)

        parts = np.array_split(np.arange(len(x)), min(len(x), threads()))
        y, slope = zip(*parallel_map(work, parts), strict=True)
        return np.concatenate(y).astype(np.float64), np.concatenate(slope)

    def _run(self, x: np.ndarray) -> np.ndarray:
        def work(part: np.ndarray) -> np.ndarray:
            return smoothed_values(self.graph, part, None)[self.graph.output]

        parts = np.array_split(x.astype(np.float32), min(len(x), threads()))
        return np.concatenate(parallel_map(work, parts)).astype(np.float64)

    def _evolve(self) -> None:
        """Generations of children of the best points, for about `SECONDS`."""
        rng, began = self._rng, read_clock()
        width = np.full((len(self._at), 1), NARROWER ** rng.integers(STEPS) * WIDTHS[1])
        none = np.zeros(len(self._at), np.int64)
        _, slope = self._smoothed(self._at, none, none > 0, width)
        while not self._stopped:
            parent = rng.integers(len(self._at), size=self._points)
            # Of the points at the start: those found since are their children.
            slopes = slope[rng.integers(len(slope), size=self._points)]
            near = self.domain.around(self._at[parent])
            x = neighbors(self._at[parent], slopes, near.lo, near.hi, self._blocks, rng)
            x = self.domain.snap(np.clip(x, near.lo, near.hi))
            each = read_clock()
            self._take(x, self._run(x))
            now = read_clock()
            if now - each < 0.25 * SECONDS:
                self._points = min(self._most, 2 * self._points)
            if now - began > SECONDS:
                return

    @property
    def _stopped(self) -> bool:
        return self.incumbent.met or self.incumbent.clock.expired

    def _take(self, x: np.ndarray, y: np.ndarray) -> None:
        """Keep the best points, younger ones first among equals, and offer what improves."""
        value = self._values(y)
        every = np.concatenate([value, self._value])
        order = np.argsort(every, kind="stable")[:KEPT]
        self._at, self._value = np.concatenate([x, self._at])[order], every[order]
        better = np.flatnonzero((y < self.incumbent.best).any(axis=1))
        if better.size:
            exact = self.graph.run(x[better])
            self.incumbent.offer(exact.min(axis=0), x[better][exact.argmin(axis=0)])
