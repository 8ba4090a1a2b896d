"""The choice of a search: one decision for ranges, verdicts, optimization and pre-images."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Any

import numpy as np

from ..core import Warrant
from ..graph import Graph
from .attack.first_points import First, first_points
from .common.domain_boxes import DomainBoxes
from .common.incumbent import Incumbent
from .common.problem import Problem
from .common.search import Search
from .kernel.binding import library
from .kernel.layer_program import LayerProgram, compile_layers
from .spread.begin import over_workers


FEW_INPUTS = 12
"""Free inputs up to which only input splitting is used; beyond, neuron splitting joins."""

SOME_INPUTS = 40
"""Free inputs up to which input splitting is tried as well: a few inputs often dominate."""

WIDE_ENTRIES = 1 << 18
"""Entries in all values of a graph from which on branch and bound is not used: see
`wide_search`."""

FIRST_TURN = 0.5
"""Seconds of the first turn of each search of a portfolio; every later round doubles it."""

SHARE_BEHIND = 0.0625
"""Share of a turn for a search whose bounds are worse than another's after the first round."""


class Kind(StrEnum):
    """The searches there are."""

    CONES = "cones of influence"
    WIDE = "wide"
    NEURON_SPLIT = "neuron split"
    INPUT_SPLIT = "input split"
    PORTFOLIO = "portfolio"


BY_NEURONS = (Kind.NEURON_SPLIT, Kind.PORTFOLIO)
"""Where conflict-driven search may join: with few inputs, splitting them is quicker."""


def is_wide(graph: Graph) -> bool:
    """Whether a graph is too large for branch and bound."""
    return sum(node.size for node in graph.nodes) >= WIDE_ENTRIES


def choose_kind(problem: Problem, engine: str = "auto") -> Kind:
    """Decide which search a problem gets.

    The first row that fits decides:

    =====================================================  ==========================
    the problem                                            the search
    =====================================================  ==========================
    several boxes, or inputs of whole numbers              input splits
    objectives that depend on parts of the inputs          each part its own search
    2^18 entries or more, except of few inputs and rows    wide passes, no splits
    up to 12 free inputs                                   input splits
    an activation that neuron splits do not know           input splits
    up to 40 free inputs                                   both kinds of splits in turns
    otherwise                                              neuron splits
    =====================================================  ==========================

    A decision over one hidden layer whose conjunction leaves most units no choice is also given to
    the conflict-driven search, in turns with neuron splits.

    Input splits run on the box kernel where the graph compiles to layers, else on the array engine
    (`compile_problem`); where the caller allows it, a mixed-integer solver takes turns with them up
    to 12 free inputs.

    Args:
        problem: Objectives and their boxes.
        engine: `"auto"`; `"array"` asks for input splits on the array engine, whatever fits.
    """
    from .neuron_split.search import supports

    if engine == "array" or not problem.is_one_box:
        return Kind.INPUT_SPLIT
    if problem.parts is not None:
        return Kind.CONES
    if is_wide(problem.graph) and not (problem.free <= FEW_INPUTS and problem.has_few_forms):
        return Kind.WIDE
    if problem.free <= FEW_INPUTS or not supports(problem.of_outputs(problem.small)):
        return Kind.INPUT_SPLIT
    return Kind.PORTFOLIO if problem.free <= SOME_INPUTS else Kind.NEURON_SPLIT


def has_kernel(engine: str) -> bool:
    """Whether the box kernel may run: it was compiled, and the caller does not forbid it."""
    return engine == "auto" and library() is not None


def compile_problem(problem: Problem) -> LayerProgram | None:
    """Compile the layer program of the box kernel; None where the graph has none."""
    hull = problem.domain.hull
    fixed = np.where(hull.lo < hull.hi, np.nan, hull.lo)
    return compile_layers(problem.small, problem.rows, problem.offset, fixed)


def select_search(
    problem: Problem,
    incumbent: Incumbent,
    *,
    seed: int = 0,
    engine: str = "auto",
    solver: bool = False,
) -> Search:
    """The search that suits a problem, begun: see `choose_kind` for how it is chosen.

    Nothing is compiled or rewritten for a search that is not taken.

    Args:
        problem: Objectives and their boxes.
        incumbent: The clock and the tolerances; takes the first points and interval bounds.
        seed: Seed of the samples.
        engine: `"auto"` takes the compiled kernel where the graph allows; `"array"` never does.
        solver: Whether a mixed-integer solver may close what splitting inputs does not.
    """
    incumbent.prove(problem.by_intervals(problem.graph))
    kind = choose_kind(problem, engine)
    splits = partial(_by_kind, kind, problem, incumbent, seed, engine, solver)
    conflicts = _conflicts(problem, incumbent) if kind in BY_NEURONS else None
    return splits() if conflicts is None else Portfolio((conflicts, splits()))


def _by_kind(
    kind: Kind, problem: Problem, incumbent: Incumbent, seed: int, engine: str, solver: bool
) -> Search:
    if kind is Kind.CONES:
        from .cone_of_influence.search import ConeSearch

        begin = partial(select_search, seed=seed, engine=engine, solver=solver)
        return ConeSearch(problem, problem.parts or [], incumbent, begin)
    if kind is Kind.WIDE:
        from .wide_search import WideSearch

        graph = problem.of_outputs(problem.graph)
        return WideSearch(graph, problem.domain.hull, incumbent, seed=seed)
    incumbent.prove(problem.by_intervals(problem.small))
    if kind is Kind.INPUT_SPLIT:
        return _input_splits(problem, incumbent, seed, engine, solver)
    if kind is Kind.NEURON_SPLIT:
        return _neuron_splits(problem, incumbent, seed)
    inputs = _input_splits(problem, incumbent, seed, engine, solver=False)
    return Portfolio((inputs, _neuron_splits(problem, incumbent, seed)))


def _conflicts(problem: Problem, incumbent: Incumbent) -> Search | None:
    """The conflict-driven search of a decision whose conjunction leaves its units little choice."""
    if incumbent.target is None:
        return None
    from .conflicts.one_layer import one_layer
    from .conflicts.search import ConflictSearch

    net = one_layer(problem)
    if net is None:
        return None
    hull = problem.domain.hull
    search = ConflictSearch(net, incumbent, hull.lo < hull.hi, hull.lo)
    return search if search.promising else None


def _neuron_splits(problem: Problem, incumbent: Incumbent, seed: int) -> Search:
    from .neuron_split.search import NeuronSplitSearch

    graph = problem.of_outputs(problem.small)
    return NeuronSplitSearch(graph, problem.domain.hull, incumbent, seed=seed)


def _input_splits(
    problem: Problem, incumbent: Incumbent, seed: int, engine: str, solver: bool
) -> Search:
    decided = incumbent.decided
    late = lambda: decided or incumbent.clock.expired  # noqa: E731
    first: First = partial(first_points, late=late, goal=incumbent.goal)
    program = compile_problem(problem) if has_kernel(engine) else None
    if program is None:
        from .engines.array_engine import ArrayEngine
        from .input_split.array_search import ArraySearch

        machine = ArrayEngine(
            problem.small, problem.rows, problem.offset, problem.domain.hull, roots=problem.domain
        )
        search = ArraySearch(machine, problem.domain, incumbent, seed=seed, first=first)
        # First bounds take longer than the points, which may decide alone; optimized ones longest.
        decision = incumbent.target is not None and not incumbent.met
        decision &= len(problem.domain.lo) == 1
        for domain in ("forward", "linear") if decision and machine.plan.products else ():
            if not incumbent.decided:
                incumbent.prove(problem.by_linear_bounds(domain))
        if not (incumbent.met or incumbent.decided):
            lo, hi = machine.outputs
            incumbent.prove(problem.by_outputs(lo[None], hi[None])[0])
        return over_workers(problem, incumbent, search, None, seed)
    from .input_split.halves import Halves
    from .input_split.kernel_search import KernelSearch

    def begin(domain: DomainBoxes, points: First | None) -> Any:
        search = KernelSearch(program, domain, incumbent, seed=seed, first=points or first)
        return over_workers(replace(problem, domain=domain), incumbent, search, program, seed)

    if not problem.is_one_box:
        return begin(problem.domain, None)
    boxes = Halves(problem.domain, begin)
    if not solver:
        return boxes
    from .milp.turns import MilpTurns

    return MilpTurns(boxes, problem.small, problem.domain.hull, problem.rows, problem.offset)


class Portfolio(Search):
    """Several searches of one problem in turns of growing length; they share an incumbent.

    What one of them proves, the others need not. From the second round on the search with the best
    bounds gets most of the time: it shows early which kind of split suits a network.

    Args:
        parts: The searches.
    """

    def __init__(self, parts: tuple[Search, ...]) -> None:
        self.incumbent, self._parts = parts[0].incumbent, parts
        self._going = list(parts)
        self._used: list[Search] = []
        self._turn = FIRST_TURN
        self._leader: Search | None = None
        self._at = 0
        self._turn_ends = self.incumbent.clock.seconds + FIRST_TURN

    def lower(self) -> np.ndarray:
        return np.maximum.reduce([part.lower() for part in self._parts])

    @property
    def methods(self) -> tuple[str, ...]:
        """Those of the searches that have run."""
        used = self._used or self._parts[:1]
        return tuple(dict.fromkeys(m for part in used for m in part.methods))

    @property
    def waiting(self) -> int:
        return sum(part.waiting for part in self._going)

    @property
    def warrant(self) -> Warrant:
        return min(part.warrant for part in self._parts)

    @property
    def finished(self) -> bool:
        # `lower` would cost a pass over all open boxes: the bounds of the last turn suffice.
        return not bool((self.incumbent.known < self.incumbent.cutoff()).any())

    def recover(self) -> None:
        for part in self._parts:
            part.recover()

    def advance(self) -> bool:
        """Advance the search whose turn it is."""
        part = self._going[self._at]
        if part not in self._used:
            self._used.append(part)
        goes_on = not part.finished and part.advance()
        if not goes_on:
            self._going.remove(part)
        if not goes_on or self.incumbent.clock.seconds > self._turn_ends:
            self.incumbent.prove(part.lower())
            self._next(goes_on)
        return bool(self._going)

    def _next(self, goes_on: bool) -> None:
        self._at += goes_on
        if self._at >= len(self._going):
            self._at = 0
            self._turn *= 2
            rising = (part for part in self._going if part.gradual)
            self._leader = max(rising, key=self._standing, default=None)
        now = self._going[self._at : self._at + 1]
        behind = self._leader is not None and now != [self._leader] and all(p.gradual for p in now)
        share = SHARE_BEHIND if behind else 1.0
        self._turn_ends = self.incumbent.clock.seconds + share * self._turn

    def _standing(self, part: Search) -> float:
        """The open gaps that a search has left, relative to the ranges seen."""
        incumbent = self.incumbent
        open_ = incumbent.known < incumbent.cutoff()
        gap = (incumbent.best - part.lower()) / incumbent.scale()
        return -float(np.where(open_, np.nan_to_num(gap, nan=np.inf), 0.0).max(initial=0.0))
