"""A search that suits a problem, begun: one, or several in turns."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..executors.seam import workers
from .attack.first_points import First, first_points
from .attack.jumps import JumpAttack, has_jumps
from .common.domain_boxes import DomainBoxes
from .common.failures import SearchFailedError, attempt
from .common.incumbent import Incumbent
from .common.problem import Problem
from .common.search import Search
from .differential.pairs import paired
from .in_turns import Later, Portfolio, begin_in_turns
from .selection import (
    FEW_INPUTS,
    HARD_INPUTS,
    SOME_INPUTS,
    Kind,
    choose_kind,
    compile_problem,
    has_kernel,
    is_hard,
)
from .shared_boxes import SharedBoxSearch, shares_boxes
from .spread.begin import over_workers


QUICK_ENTRIES = 1 << 14
"""Entries in all values of a graph up to which a search begins at once, before the attack on jumps
has had its turn."""


PATIENCE = 8.0
"""Turns of input splits before boxes of few inputs are searched one by one: most are done then."""

BY_NEURONS = (Kind.NEURON_SPLIT, Kind.PORTFOLIO)
"""Where conflict-driven search may join: with few inputs, splitting them is quicker."""


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
    conflicts = None
    if kind in BY_NEURONS:
        with suppress(SearchFailedError):
            conflicts = attempt(partial(_conflicts, problem, incumbent), "conflict-driven search")
    return splits() if conflicts is None else begin_in_turns(lambda: conflicts, splits)


def _beside_counterparts(
    problem: Problem, incumbent: Incumbent, seed: int, splits: Callable[[], Search]
) -> Search:
    """Splits; in turns with differential verification where a graph has counterparts.

    Workers divide the tree of the usual search among them: the other would not be divided.
    """
    pairs = paired(problem.small) if workers() is None else None
    if pairs is None:
        return splits()
    from .differential.search import search_of_counterparts

    try:
        begin = partial(search_of_counterparts, pairs, problem, incumbent, seed)
        other = attempt(begin, "differential verification")
    except SearchFailedError:
        return splits()
    if incumbent.met:  # The usual one begins if the point is refused.
        return Portfolio((other, Later(splits, incumbent)))
    return begin_in_turns(splits, lambda: other)


def _beside_attack(
    problem: Problem, incumbent: Incumbent, seed: int, splits: Callable[[], Search]
) -> Search:
    """Splits in turns with an attack on jumps; which begins where first bounds take long."""
    if not np.isfinite([problem.domain.lo, problem.domain.hi]).all():
        return splits()

    def attack() -> Search:
        graph = problem.of_outputs(problem.graph)
        return JumpAttack(graph, problem.domain, incumbent, seed=seed)

    if problem.graph.entries <= QUICK_ENTRIES:
        first = splits()
        if incumbent.met or incumbent.decided:
            return first
        return begin_in_turns(lambda: first, attack)
    return begin_in_turns(attack, lambda: Later(splits, incumbent))


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
    if kind is Kind.CASES:
        return _beside_cases(problem, incumbent, seed, engine, solver)
    if problem.small is not problem.graph:
        incumbent.prove(problem.by_intervals(problem.small))
    neurons = partial(_neuron_splits, problem, incumbent, seed)
    if problem.free <= SOME_INPUTS:
        neurons = partial(_cases, problem, incumbent, seed, engine, solver)
    if kind is Kind.INPUT_SPLIT:
        inputs = partial(_beside_waist, problem, incumbent, seed, engine, solver)
        if engine == "auto" and shares_boxes(problem):
            return Portfolio((SharedBoxSearch(problem, incumbent, seed), Later(inputs, incumbent)))
        if engine == "array" or not is_hard(problem):
            return inputs()
        return Portfolio((inputs(), Later(neurons, incumbent)))
    if kind is Kind.NEURON_SPLIT:
        return neurons()
    inputs = partial(_input_splits, problem, incumbent, seed, engine, solver=False)
    return begin_in_turns(inputs, neurons)


def _cases(
    problem: Problem, incumbent: Incumbent, seed: int, engine: str, solver: bool, hull: bool = False
) -> Search:
    """Searches of single boxes, by neuron splits where these support the graph."""
    from .cases import CaseSearch
    from .neuron_split.search import supports

    def begin(case: Problem, own: Incumbent) -> Search:
        if supports(case.of_outputs(case.small)):
            return _neuron_splits(case, own, seed)
        return select_search(case, own, seed=seed, engine=engine, solver=solver)

    return CaseSearch(problem, incumbent, begin, hull=hull)


def _beside_cases(
    problem: Problem, incumbent: Incumbent, seed: int, engine: str, solver: bool
) -> Search:
    """Input splits of all boxes together; in turns with searches of each, and of their hull."""
    if problem.small is not problem.graph:
        incumbent.prove(problem.by_intervals(problem.small))
    first = _input_splits(problem, incumbent, seed, engine, solver)
    lo, hi = problem.domain.lo, problem.domain.hi
    if (lo < hi).sum(axis=1).max() < HARD_INPUTS:
        first.share = PATIENCE
    begin = partial(_cases, problem, incumbent, seed, engine, solver)
    hulls = (False, True) if len(lo) > 1 else (False,)
    return Portfolio((first, *(Later(partial(begin, hull), incumbent) for hull in hulls)))


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
