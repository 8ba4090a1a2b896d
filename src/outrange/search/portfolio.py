"""The choice of a search: one decision for ranges, verdicts, optimization and pre-images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Any

import numpy as np

from ..graph import Graph
from ..ops import Curve
from .attack.first_points import First, first_points
from .attack.jumps import JumpAttack, has_jumps
from .common.domain_boxes import DomainBoxes
from .common.incumbent import Incumbent
from .common.problem import Problem
from .common.search import Search
from .in_turns import Later, Portfolio
from .kernel.binding import library
from .kernel.compile import LayerProgram, compile_layers
from .spread.begin import over_workers


FEW_INPUTS = 12
"""Free inputs up to which only input splitting is used; beyond, neuron splitting joins."""

HARD_INPUTS, HARD_UNITS, HARD_ROWS = 9, 64, 32
"""Free inputs, bent entries and objectives from which on ranges over few inputs get neuron splits,
too: boxes must close for all objectives, and of few they close all in about the time that neuron
splits would take from them."""

SOME_INPUTS = 40
"""Free inputs up to which inputs are split as well: a few often dominate."""

WIDE_ENTRIES = 1 << 18
"""Entries of a graph's values from which on there are no splits: see `wide_search`."""

QUICK_ENTRIES = 1 << 14
"""Entries in all values of a graph up to which a search begins at once, before the attack on jumps
has had its turn."""


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
    return graph.entries >= WIDE_ENTRIES


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

    A decision about a graph with jumps is attacked in turns with its search (`attack/jumps.py`).
    A decision over one hidden layer whose conjunction leaves most units no choice is also given to
    the conflict-driven search, in turns with neuron splits. Input splits of more than 12 free
    inputs take turns with a search through a narrow waist, where a decision has one (`waist.py`).

    A graph with counterparts, as two copies of nearly one network have, is given to differential
    verification (`differential/`) in turns with its search.

    A range of 32 objectives or more, over 9 inputs and 64 units or more, gets neuron splits in
    turns as well: over wide boxes its units are bounded together there.

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
    """Whether the box kernel may run: it was compiled, and is not forbidden."""
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
    if engine == "auto" and kind not in (Kind.CONES, Kind.WIDE):
        splits = partial(_beside_counterparts, problem, incumbent, seed, splits)
    if incumbent.target is not None and not incumbent.decided and has_jumps(problem.graph):
        return _beside_attack(problem, incumbent, seed, splits)
    conflicts = _conflicts(problem, incumbent) if kind in BY_NEURONS else None
    return splits() if conflicts is None else Portfolio((conflicts, splits()))


def _beside_counterparts(
    problem: Problem, incumbent: Incumbent, seed: int, splits: Callable[[], Search]
) -> Search:
    from .differential.search import search_of_counterparts

    other = search_of_counterparts(problem, incumbent, seed)
    if other is not None and incumbent.met:  # The usual one begins if the point is refused.
        return Portfolio((other, Later(splits, incumbent)))
    return splits() if other is None else Portfolio((splits(), other))


def _beside_attack(
    problem: Problem, incumbent: Incumbent, seed: int, splits: Callable[[], Search]
) -> Search:
    """Splits in turns with an attack on jumps; which begins where first bounds take long."""
    if not np.isfinite([problem.domain.lo, problem.domain.hi]).all():
        return splits()
    if problem.graph.entries <= QUICK_ENTRIES:
        first = splits()
        if incumbent.met or incumbent.decided:
            return first
        graph = problem.of_outputs(problem.graph)
        return Portfolio((first, JumpAttack(graph, problem.domain, incumbent, seed=seed)))
    graph = problem.of_outputs(problem.graph)
    attack = JumpAttack(graph, problem.domain, incumbent, seed=seed)
    return Portfolio((attack, Later(splits, incumbent)))


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
        inputs = _beside_waist(problem, incumbent, seed, engine, solver)
        if engine == "array" or incumbent.target is not None or not _is_hard(problem):
            return inputs
        return Portfolio((inputs, _neuron_splits(problem, incumbent, seed)))
    if kind is Kind.NEURON_SPLIT:
        return _neuron_splits(problem, incumbent, seed)
    inputs = _input_splits(problem, incumbent, seed, engine, solver=False)
    return Portfolio((inputs, _neuron_splits(problem, incumbent, seed)))


def _beside_waist(
    problem: Problem, incumbent: Incumbent, seed: int, engine: str, solver: bool
) -> Search:
    """Input splits; in turns with a search through a waist where they have little prospect."""
    inputs = _input_splits(problem, incumbent, seed, engine, solver)
    few = problem.free <= FEW_INPUTS or not problem.is_one_box
    if engine == "array" or few or incumbent.target is None or incumbent.decided or incumbent.met:
        return inputs
    from .waist import WaistSearch, find_waist

    waist = find_waist(problem.of_outputs(problem.small))
    if waist is None:
        return inputs
    by_waist = partial(WaistSearch, problem, waist, incumbent, partial(select_search, seed=seed))
    return Portfolio((inputs, Later(by_waist, incumbent)))


def _is_hard(problem: Problem) -> bool:
    """Whether boxes alone may take very long for a range: not so few inputs, and many units."""
    from .neuron_split.search import supports

    bent = sum(node.size for node in problem.small.nodes if isinstance(node.op, Curve))
    sizes = (problem.free, bent, len(problem.rows))
    if not problem.is_one_box or any(np.less(sizes, (HARD_INPUTS, HARD_UNITS, HARD_ROWS))):
        return False
    return supports(problem.of_outputs(problem.small))


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
        from .engines.conjunctions import engine_of_conjunctions
        from .engines.first_bounds import first_bounds
        from .input_split.array_search import ArraySearch

        machine: ArrayEngine | None = engine_of_conjunctions(problem)
        if machine is None:
            rows, hull = problem.rows, problem.domain.hull
            machine = ArrayEngine(problem.small, rows, problem.offset, hull, roots=problem.domain)
        search = ArraySearch(machine, problem.domain, incumbent, seed=seed, first=first)
        # First bounds take longer than the points, which may decide alone; optimized ones longest.
        decision = incumbent.target is not None and not incumbent.met
        if decision and len(problem.domain.lo) == 1 and machine.plan.products:
            first_bounds(problem, machine, incumbent)
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
