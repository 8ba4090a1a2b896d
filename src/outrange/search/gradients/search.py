"""Ranges and signs of derivatives: branch and bound on `DerivativeEngine`, with exact leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np

from ...core import Box, OutOfTime, deadline, no_deadline
from ...domains import bounds
from ...domains.tangents import TangentPlan, slopes, tangents
from ...graph import Graph
from ...graph.rewrites.rewrite import fold, piecewise_to_pairs
from ..attack.pgd import Evaluate, Gradient, Points
from ..common.domain_boxes import DomainBoxes
from ..common.incumbent import Incumbent
from ..common.search import ended_by
from ..common.solution import Progress, Solution, Status, Stop
from ..common.tolerance import Tolerance, is_curved
from ..engines.base import BoxBounds
from ..input_split.array_search import ArraySearch
from .bounds import DerivativeEngine
from .exact_cells import ExactCells
from .objectives import LipschitzObjective, Objectives, Partials


METHODS = (
    "slopes by interval tangents (Jordan and Dimakis 2020) over linear bounds (CROWN)",
    "input splits by gap attribution",
    "cells of small boxes in exact rational arithmetic",
)

BEGIN = 1.0
"""Seconds that first bounds and samples may take, however little time there is."""

PART = 1 << 19
"""Tangents of one layer between two looks at the clock, where bounds are by intervals alone."""

SAMPLES = 2048
"""Random points that begin a search."""


class _CellEngine:
    """A `DerivativeEngine` and its leaves behind the interface that the box search uses."""

    def __init__(self, engine: DerivativeEngine) -> None:
        self._engine = engine
        self.inputs, self.objectives, self.units = engine.box.size, engine.objectives, 0
        self.together = 1
        self.notice: Callable[[int, np.ndarray], None] = lambda k, x: None
        self._leaves = ExactCells(engine.plan, engine.asked)

    def bound(
        self,
        lo: np.ndarray,
        hi: np.ndarray,
        status: np.ndarray,
        wanted: np.ndarray,
        cutoff: np.ndarray,
    ) -> BoxBounds:
        """Constant bounds; a box whose cells were all enumerated is decided."""
        step = self._engine.chunk
        parts = [
            self._bound(lo[i : i + step], hi[i : i + step], wanted[i : i + step], cutoff)
            for i in range(0, len(lo), step)
        ]
        least, blame, undecided = (np.concatenate(column) for column in zip(*parts, strict=True))
        least = np.where(wanted, least, -np.inf)
        shape = (*wanted.shape, self.inputs)
        scores = np.broadcast_to(blame[:, None], shape)
        return BoxBounds(least, np.zeros(shape), least, scores, status, undecided)

    def plain_bounds(self, box: Box) -> np.ndarray:
        """`(m,)` bounds of a box without a look at its cells, which may take seconds."""
        return self._engine.bound(box.lo[None], box.hi[None]).least[0]

    def _bound(
        self, lo: np.ndarray, hi: np.ndarray, wanted: np.ndarray, cutoff: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        found = self._engine.bound(lo, hi)
        least, undecided = found.least.copy(), found.undecided.copy()
        open_ = wanted & (least < cutoff)
        for b in np.flatnonzero(open_.any(axis=1)):
            slopes = {v: (s[b], t[b]) for v, (s, t) in found.slopes.items()}
            ends = [(a[b], z[b]) for a, z in found.ends]
            limit = np.where(open_[b], cutoff, -np.inf)
            leaf = self._leaves.find(lo[b], hi[b], slopes, ends, limit)
            if leaf is None:
                continue
            least[b] = np.where(open_[b], np.maximum(least[b], leaf.least), least[b])
            undecided[b] = 0 if leaf.settled else undecided[b]
            for k, x in leaf.points:
                self.notice(k, x)
        return least, found.blame, undecided

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        """See `Engine.evaluate`."""
        return self._engine.at(x)

    def gradient(self, x: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Every objective at `x`; second derivatives by differences, where it is smooth."""
        value, slope = self._engine.at(x), np.zeros_like(x)
        if self._engine.is_straight:
            return value, slope
        box = self._engine.box
        for i in np.flatnonzero(box.lo < box.hi):
            step = np.zeros(box.size)
            step[i] = 1e-4 * (box.hi[i] - box.lo[i])
            ends = [np.clip(x + s * step, box.lo, box.hi) for s in (1, -1)]
            high, low = (self._engine.at(end)[np.arange(len(x)), k] for end in ends)
            slope[:, i] = (high - low) / (ends[0][:, i] - ends[1][:, i])
        return value, slope


def _first(
    count: int,
    _gradient: Gradient,
    evaluate: Evaluate,
    boxes: DomainBoxes,
    objectives: int,
    rng: np.random.Generator,
) -> Points:
    """`count` samples; the best of each objective."""
    x = boxes.hull.uniform(rng, count)
    y = evaluate(x)
    return y.min(axis=0), x[y.argmin(axis=0)], np.where(np.isfinite(y), y, -np.inf).max(axis=0)


def minimize_derivatives(
    graph: Graph,
    box: Box,
    asked: Objectives,
    *,
    tol: float | None = None,
    time_limit: float | None = None,
    progress: Progress | None = None,
    seed: int = 0,
) -> Solution:
    """Minimize every objective over a box.

    Args:
        asked: `m` objectives; opposite partial derivatives are the two ends of a range.
        tol: Gap to reach, relative to the range seen of each objective; None as in `solve`.
        time_limit: Seconds; None for no limit.
        progress: Called a few times a second with a `SearchProgress`.
        seed: Seed of the samples.

    Sound: yes, float64 rounding errors accounted for. Complete: for piecewise-linear networks;
    convergent for smooth ones (first order in the width of the boxes). Cost: exponential in the
    inputs at worst.
    """
    m = asked.form.size
    with deadline(time_limit), np.errstate(all="ignore"):
        wanted = Tolerance.of(tol, is_curved(graph))
        incumbent = Incumbent(_rows(asked), wanted, time_limit, progress)
        try:
            machine, search = _begun(graph, box, asked, incumbent, seed)
        except (OutOfTime, MemoryError) as early:
            return _by_intervals(graph, box, asked, incumbent, ended_by(early))

        def offer(_k: int, x: np.ndarray) -> None:
            incumbent.offer(machine.evaluate(x[None])[0], np.tile(x, (m, 1)))

        machine.notice = offer
        return search.solution(search.run())


def _begun(
    graph: Graph, box: Box, asked: Objectives, incumbent: Incumbent, seed: int
) -> tuple[_CellEngine, ArraySearch]:
    """An engine and its search with its first points: the least answer, which may be a little late.

    Raises:
        OutOfTime: The network is too large for it.
    """
    with no_deadline(), deadline(max(BEGIN, incumbent.clock.left)):
        engine = DerivativeEngine(graph, box, asked)
        machine = _CellEngine(engine)
        incumbent.prove(machine.plain_bounds(box))
        first = partial(_first, engine.samples(SAMPLES))
        search = ArraySearch(machine, DomainBoxes.of(box), incumbent, seed=seed, first=first)
    search.methods = METHODS
    return machine, search


def _by_intervals(
    graph: Graph, box: Box, asked: Objectives, incumbent: Incumbent, status: Status
) -> Solution:
    """Slopes by interval arithmetic, or nothing where even that takes long; no point is known."""
    m, lower = asked.form.size, np.full(asked.form.size, -np.inf)
    with suppress(OutOfTime, MemoryError), no_deadline(), deadline(BEGIN):
        plain = fold(piecewise_to_pairs(graph))
        ends = bounds(plain, box.lo[None], box.hi[None], "intervals")
        plan, known = TangentPlan.of(plain), slopes(plain, ends)
        for some, part in _in_parts(asked, plain):
            found = tangents(plan, known, ends, part.directions)[plain.output]
            lower[some] = part.least(*found)[0]
    return Solution(
        status,
        lower,
        np.full(m, np.inf),
        np.full((m, graph.size), np.nan),
        np.zeros(m),
        seconds=incumbent.clock.seconds,
        methods=("interval arithmetic",),
        tol=incumbent.convergence.tolerance.fine,
    )


def _in_parts(asked: Objectives, graph: Graph) -> Iterator[tuple[np.ndarray, Objectives]]:
    """Objectives by few directions at a time, with their places; a norm needs all directions."""
    if isinstance(asked, LipschitzObjective):
        yield np.arange(asked.form.size), asked
        return
    step = max(1, PART // max(node.size for node in graph.nodes))
    every = asked.directions
    for i in range(0, every.size, step):
        some = np.flatnonzero(np.isin(asked.direction, every[i : i + step]))
        yield some, Partials(asked.form[some], asked.direction[some], asked.sign[some])


def _rows(asked: Objectives) -> np.ndarray:
    """A row an objective; opposite ones for the two ends of one range, all others different."""
    if isinstance(asked, LipschitzObjective):
        return _each(asked.form.size)
    pairs = asked.form.astype(np.int64) * (asked.direction.max() + 1) + asked.direction
    _, which = np.unique(pairs, return_inverse=True)
    return (asked.sign * (which.ravel() + 1.0))[:, None]


def _each(count: int) -> np.ndarray:
    """Rows of which none is the negative of another, in one column: a matrix would be huge."""
    return np.arange(1.0, count + 1.0)[:, None]


def derivative_signs(
    graph: Graph,
    box: Box,
    asked: Partials,
    accept: Callable[[int, np.ndarray], bool],
    *,
    time_limit: float | None = None,
    progress: Progress | None = None,
    seed: int = 0,
) -> tuple[Solution, np.ndarray]:
    """Prove that objectives are nonnegative on a box, or find where they are negative.

    Args:
        accept: Called with an objective and a point where its slope is negative in float64; True
            settles the objective as broken.
        time_limit: Seconds; None for no limit.
        progress: Called a few times a second with a `SearchProgress`.
        seed: Seed of the samples.

    Returns:
        A `Solution` (`lower` is proved of every objective; nothing of a broken one), and `(m,)`
        bool: the objectives a witness was accepted for.

    Sound, complete, cost: as `minimize_derivatives`; a slope that touches 0 without crossing it is
    decided where the network is piecewise linear, or its curves only rise and its weights agree in
    sign.
    """
    m = asked.form.size
    broken = np.zeros(m, bool)
    with deadline(time_limit), np.errstate(all="ignore"):
        incumbent = Incumbent(_each(m), 0.0, time_limit, progress)
        incumbent.target, incumbent.goal = np.zeros(m), np.zeros(m)
        incumbent.dropped = broken
        try:
            machine, search = _begun(graph, box, asked, incumbent, seed)
        except (OutOfTime, MemoryError) as early:
            return _by_intervals(graph, box, asked, incumbent, ended_by(early)), broken

        def look(k: int, x: np.ndarray) -> None:
            if not broken[k] and accept(k, x):
                broken[k] = True

        machine.notice = look
        stop = Stop.GOAL
        while stop is Stop.GOAL:
            for k in np.flatnonzero(incumbent.best < incumbent.goal):
                with no_deadline():
                    look(int(k), incumbent.best_at[k])
                incumbent.goal[k] = -np.inf if broken[k] else 2.0 * incumbent.best[k]
                if incumbent.clock.expired:  # each takes a run of the model
                    break
            if broken.all():
                stop = Stop.FINISHED
            else:
                stop = Stop.TIME if incumbent.clock.expired else search.run()
        found = search.solution(stop)
    return replace(found, lower=np.where(broken, -np.inf, found.lower)), broken
