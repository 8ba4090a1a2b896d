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
"""Time, in seconds, that is always granted for the first bounds and samples."""

PART = 1 << 19
"""Number of tangent entries of a layer that interval bounds compute between two clock checks."""

SAMPLES = 2048
"""Maximum number of random points at the start of a search."""


class _CellEngine:
    """An `Engine` for the box search: a `DerivativeEngine`, and `ExactCells` for small boxes."""

    def __init__(self, engine: DerivativeEngine) -> None:
        self._engine = engine
        self.inputs, self.objectives, self.units = engine.box.size, engine.objectives, 0
        self.together = 1
        self.notice: Callable[[int, np.ndarray], None] = lambda k, x: None
        self._leaves = ExactCells(engine.plan, engine.derivatives)

    def bound(
        self,
        lo: np.ndarray,
        hi: np.ndarray,
        status: np.ndarray,
        wanted: np.ndarray,
        cutoff: np.ndarray,
    ) -> BoxBounds:
        """Bound the objectives by constants, not by linear forms.

        The number of undecided units is set to 0 for boxes whose bounds cannot be improved.
        """
        step = self._engine.chunk
        parts = [
            self._bound_chunk(lo[i : i + step], hi[i : i + step], wanted[i : i + step], cutoff)
            for i in range(0, len(lo), step)
        ]
        least, blame, undecided = (np.concatenate(column) for column in zip(*parts, strict=True))
        least = np.where(wanted, least, -np.inf)
        shape = (*wanted.shape, self.inputs)
        scores = np.broadcast_to(blame[:, None], shape)
        return BoxBounds(least, np.zeros(shape), least, scores, status, undecided)

    def plain_bounds(self, box: Box) -> np.ndarray:
        """Return lower bounds `(m,)` on a box without cell enumeration, which may take seconds."""
        return self._engine.bound(box.lo[None], box.hi[None]).least[0]

    def _bound_chunk(
        self, lo: np.ndarray, hi: np.ndarray, wanted: np.ndarray, cutoff: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Bound a chunk of boxes, and enumerate the cells of the boxes that remain open."""
        result = self._engine.bound(lo, hi)
        least, undecided = result.least.copy(), result.undecided.copy()
        open_ = wanted & (least < cutoff)
        for b in np.flatnonzero(open_.any(axis=1)):
            slopes = {v: (s[b], t[b]) for v, (s, t) in result.slopes.items()}
            ends = [(a[b], z[b]) for a, z in result.ends]
            limit = np.where(open_[b], cutoff, -np.inf)
            leaf = self._leaves.find(lo[b], hi[b], slopes, ends, limit)
            if leaf is None:
                continue
            least[b] = np.where(open_[b], np.maximum(least[b], leaf.least), least[b])
            undecided[b] = 0 if leaf.settled else undecided[b]
            for k, x in leaf.points:
                self.notice(k, x)
        return least, result.blame, undecided

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        """Evaluate the objectives at points; see `Engine.evaluate`."""
        return self._engine.at(x)

    def gradient(self, x: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return all objectives `(b, m)`, and finite-difference gradients `(b, d)`.

        Row `i` is the gradient of objective `k[i]` at `x[i]`. The gradients of a piecewise-linear
        network are 0: its derivatives are piecewise constant.
        """
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
    """Evaluate the objectives at `count` random points of the boxes.

    Return the least value of each objective, the points that attain these values, and the
    largest finite value of each objective.
    """
    x = boxes.uniform(rng, count)
    y = evaluate(x)
    return y.min(axis=0), x[y.argmin(axis=0)], np.where(np.isfinite(y), y, -np.inf).max(axis=0)


def minimize_derivatives(
    graph: Graph,
    box: Box,
    derivatives: Objectives,
    *,
    tol: float | None = None,
    time_limit: float | None = None,
    progress: Progress | None = None,
    seed: int = 0,
) -> Solution:
    """Minimize every derivative objective over a box.

    Args:
        box: Finite box of the inputs.
        derivatives: `m` objectives; opposite partial derivatives are the two bounds of a range.
        tol: Gap to reach, relative to the observed range of each objective; None for the default
            of `solve`.
        time_limit: Seconds, or None for no limit.
        progress: Called at most about twice a second with a `SearchProgress`.
        seed: Seed for the samples.

    Sound: yes, float64 rounding errors accounted for. Complete: for piecewise-linear networks;
    convergent for smooth ones (first order in the width of the boxes). Cost: exponential in the
    number of inputs at worst.
    """
    m = derivatives.form.size
    with deadline(time_limit), np.errstate(all="ignore"):
        wanted = Tolerance.of(tol, is_curved(graph))
        incumbent = Incumbent(_rows(derivatives), wanted, time_limit, progress)
        try:
            machine, search = _begin_search(
                graph, DomainBoxes.of(box), derivatives, incumbent, seed
            )
        except (OutOfTime, MemoryError) as early:
            return _by_intervals(graph, box, derivatives, incumbent, ended_by(early))

        def offer(_k: int, x: np.ndarray) -> None:
            incumbent.offer(machine.evaluate(x[None])[0], np.tile(x, (m, 1)))

        machine.notice = offer
        return search.solution(search.run())


def _begin_search(
    graph: Graph, domain: DomainBoxes, derivatives: Objectives, incumbent: Incumbent, seed: int
) -> tuple[_CellEngine, ArraySearch]:
    """Create an engine, and a search that already has its first points.

    The first bounds and points are computed even if this slightly exceeds the time limit.

    Raises:
        OutOfTime: This takes longer than the time left, and longer than `BEGIN` seconds.
        MemoryError: The network is too large for the memory.
    """
    with no_deadline(), deadline(max(BEGIN, incumbent.clock.left)):
        engine = DerivativeEngine(graph, domain.hull, derivatives)
        machine = _CellEngine(engine)
        incumbent.prove(machine.plain_bounds(domain.hull))
        first = partial(_first, engine.samples(SAMPLES))
        search = ArraySearch(machine, domain, incumbent, seed=seed, first=first)
    search.methods = METHODS
    return machine, search


def _by_intervals(
    graph: Graph, box: Box, derivatives: Objectives, incumbent: Incumbent, status: Status
) -> Solution:
    """Return a solution with interval bounds and without points.

    A bound is `-inf` if the time or the memory does not suffice to compute it.
    """
    m, lower = derivatives.form.size, np.full(derivatives.form.size, -np.inf)
    with suppress(OutOfTime, MemoryError), no_deadline(), deadline(BEGIN):
        plain = fold(piecewise_to_pairs(graph))
        ends = bounds(plain, box.lo[None], box.hi[None], "intervals")
        plan, slope_ranges = TangentPlan.of(plain), slopes(plain, ends)
        for some, part in _in_parts(derivatives, plain):
            tangent_ranges = tangents(plan, slope_ranges, ends, part.directions)[plain.output]
            lower[some] = part.least(*tangent_ranges)[0]
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


def _in_parts(derivatives: Objectives, graph: Graph) -> Iterator[tuple[np.ndarray, Objectives]]:
    """Yield the objectives in groups with few directions: their indices, and the objectives.

    The objectives of a `LipschitzObjective` are not divided, since each reads all directions.
    """
    if isinstance(derivatives, LipschitzObjective):
        yield np.arange(derivatives.form.size), derivatives
        return
    step = max(1, PART // max(node.size for node in graph.nodes))
    every = derivatives.directions
    for i in range(0, every.size, step):
        some = np.flatnonzero(np.isin(derivatives.direction, every[i : i + step]))
        yield (
            some,
            Partials(derivatives.form[some], derivatives.direction[some], derivatives.sign[some]),
        )


def _rows(derivatives: Objectives) -> np.ndarray:
    """Return one row `(1,)` per objective.

    Two rows are the negatives of each other only if their objectives are the two bounds of the
    range of one partial derivative.
    """
    if isinstance(derivatives, LipschitzObjective):
        return _each(derivatives.form.size)
    pairs = (
        derivatives.form.astype(np.int64) * (derivatives.direction.max() + 1)
        + derivatives.direction
    )
    _, which = np.unique(pairs, return_inverse=True)
    return (derivatives.sign * (which.ravel() + 1.0))[:, None]


def _each(count: int) -> np.ndarray:
    """Return `count` rows `(1,)`: the numbers 1, 2, ..., so that no row negates another."""
    return np.arange(1.0, count + 1.0)[:, None]


def derivative_signs(
    graph: Graph,
    domain: DomainBoxes,
    derivatives: Partials,
    accept: Callable[[int, np.ndarray], bool],
    *,
    time_limit: float | None = None,
    progress: Progress | None = None,
    seed: int = 0,
) -> tuple[Solution, np.ndarray]:
    """Prove that objectives are nonnegative on boxes, or find points where they are negative.

    Args:
        domain: Finite boxes of real inputs.
        derivatives: The `m` partial derivatives.
        accept: Called with the index of an objective and a point where its slope may be negative;
            True marks the objective as broken.
        time_limit: Seconds, or None for no limit.
        progress: Called at most about twice a second with a `SearchProgress`.
        seed: Seed for the samples.

    Returns:
        A `Solution`, whose `lower` is proved for every unbroken objective, and `(m,)` bool: the
        objectives for which a witness was accepted.

    Sound: as for `minimize_derivatives`.
    Complete: as for `minimize_derivatives`. A slope that touches 0 without crossing it is decided
    if the network is piecewise linear. It is also decided if all curves are nondecreasing, and the
    signs of the weights agree such that no two terms of the slope have opposite signs.
    Cost: as for `minimize_derivatives`.
    """
    m = derivatives.form.size
    broken = np.zeros(m, bool)
    with deadline(time_limit), np.errstate(all="ignore"):
        incumbent = Incumbent(_each(m), 0.0, time_limit, progress)
        incumbent.target, incumbent.goal = np.zeros(m), np.zeros(m)
        incumbent.dropped = broken
        try:
            machine, search = _begin_search(graph, domain, derivatives, incumbent, seed)
        except (OutOfTime, MemoryError) as early:
            intervals = _by_intervals(graph, domain.hull, derivatives, incumbent, ended_by(early))
            return intervals, broken

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
                if incumbent.clock.expired:  # each acceptance runs the model
                    break
            if broken.all():
                stop = Stop.FINISHED
            else:
                stop = Stop.TIME if incumbent.clock.expired else search.run()
        solution = search.solution(stop)
    return replace(solution, lower=np.where(broken, -np.inf, solution.lower)), broken
