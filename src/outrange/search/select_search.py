"""Builds the search that suits a problem: a single search, or several that alternate."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..executors.ambient_pool import ambient_workers
from .attack.first_points import First, first_points
from .attack.jumps import JumpAttack, has_jumps
from .common.domain_boxes import DomainBoxes
from .common.failures import SearchFailedError, attempt
from .common.incumbent import Incumbent
from .common.problem import Problem
from .common.search import Search
from .differential.pairs import pair_counterparts
from .portfolio import DeferredSearch, Portfolio, begin_in_turns
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
"""Maximum number of entries in a graph's values for which splitting starts before the jump
attack."""


PATIENCE = 8.0
"""Factor that lengthens the turns of input splits if no box has `HARD_INPUTS` free inputs or
more."""

BY_NEURONS = (Kind.NEURON_SPLIT, Kind.PORTFOLIO)
"""Kinds of search that conflict-driven search may join. With few inputs, input splits are
faster."""


def select_search(
    problem: Problem,
    incumbent: Incumbent,
    *,
    seed: int = 0,
    engine: str = "auto",
    solver: bool = False,
) -> Search:
    """Start the search that suits a problem; `choose_kind` describes the choice.

    Args:
        problem: Objectives and their boxes.
        incumbent: Clock and tolerances; receives the first points and interval bounds.
        seed: Seed for the samples.
        engine: `"auto"` uses the compiled kernel if the graph allows it; `"array"` never does.
        solver: Whether a mixed-integer solver may close objectives that input splits leave open.
    """
    incumbent.prove(problem.by_intervals(problem.graph))
    kind = choose_kind(problem, engine)
    splits = partial(_start_kind, kind, problem, incumbent, seed, engine, solver)
    if engine == "auto" and kind not in (Kind.CONES, Kind.WIDE):
        splits = partial(_with_differential_search, problem, incumbent, seed, splits)
    if incumbent.target is not None and not incumbent.decided and has_jumps(problem.graph):
        return _with_jump_attack(problem, incumbent, seed, splits)
    conflicts = None
    if kind in BY_NEURONS:
        with suppress(SearchFailedError):
            conflicts = attempt(
                partial(_conflict_search, problem, incumbent), "conflict-driven search"
            )
    return splits() if conflicts is None else begin_in_turns(lambda: conflicts, splits)


def _with_differential_search(
    problem: Problem, incumbent: Incumbent, seed: int, splits: Callable[[], Search]
) -> Search:
    """Start `splits`, alternating with differential verification if there are counterparts.

    With workers, differential verification is left out: it cannot divide its tree among them.
    """
    pairs = pair_counterparts(problem.small) if ambient_workers() is None else None
    if pairs is None:
        return splits()
    from .differential.search import search_of_counterparts

    try:
        begin = partial(search_of_counterparts, pairs, problem, incumbent, seed)
        other = attempt(begin, "differential verification")
    except SearchFailedError:
        return splits()
    if incumbent.met:  # The usual search starts only if the point is rejected.
        return Portfolio((other, DeferredSearch(splits, incumbent)))
    return begin_in_turns(splits, lambda: other)


def _with_jump_attack(
    problem: Problem, incumbent: Incumbent, seed: int, splits: Callable[[], Search]
) -> Search:
    """Start `splits`, alternating with an attack on jumps, which goes first on a large graph.

    On an unbounded domain there is no attack.
    """
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
    return begin_in_turns(attack, lambda: DeferredSearch(splits, incumbent))


def _start_kind(
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
        return _with_case_searches(problem, incumbent, seed, engine, solver)
    if problem.small is not problem.graph:
        incumbent.prove(problem.by_intervals(problem.small))
    neurons = partial(_neuron_split_search, problem, incumbent, seed)
    if problem.free <= SOME_INPUTS:
        neurons = partial(_case_search, problem, incumbent, seed, engine, solver)
    if kind is Kind.INPUT_SPLIT:
        inputs = partial(_with_bottleneck_search, problem, incumbent, seed, engine, solver)
        if engine == "auto" and shares_boxes(problem):
            return Portfolio(
                (SharedBoxSearch(problem, incumbent, seed), DeferredSearch(inputs, incumbent))
            )
        if engine == "array" or not is_hard(problem):
            return inputs()
        return Portfolio((inputs(), DeferredSearch(neurons, incumbent)))
    if kind is Kind.NEURON_SPLIT:
        return neurons()
    inputs = partial(_input_split_search, problem, incumbent, seed, engine, solver=False)
    return begin_in_turns(inputs, neurons)


def _case_search(
    problem: Problem, incumbent: Incumbent, seed: int, engine: str, solver: bool, hull: bool = False
) -> Search:
    """Start searches of single boxes, with neuron splits if these support the graph."""
    from .cases import CaseSearch
    from .neuron_split.search import supports

    def begin(case: Problem, case_incumbent: Incumbent) -> Search:
        if supports(case.of_outputs(case.small)):
            return _neuron_split_search(case, case_incumbent, seed)
        return select_search(case, case_incumbent, seed=seed, engine=engine, solver=solver)

    return CaseSearch(problem, incumbent, begin, hull=hull)


def _with_case_searches(
    problem: Problem, incumbent: Incumbent, seed: int, engine: str, solver: bool
) -> Search:
    """Start input splits, alternating with searches of single boxes and perhaps their hull."""
    if problem.small is not problem.graph:
        incumbent.prove(problem.by_intervals(problem.small))
    first = _input_split_search(problem, incumbent, seed, engine, solver)
    lo, hi = problem.domain.lo, problem.domain.hi
    if (lo < hi).sum(axis=1).max() < HARD_INPUTS:
        first.share = PATIENCE
    begin = partial(_case_search, problem, incumbent, seed, engine, solver)
    hulls = (False, True) if len(lo) > 1 else (False,)
    return Portfolio((first, *(DeferredSearch(partial(begin, hull), incumbent) for hull in hulls)))


def _with_bottleneck_search(
    problem: Problem, incumbent: Incumbent, seed: int, engine: str, solver: bool
) -> Search:
    """Start input splits, alternating with a bottleneck search for a many-input decision."""
    inputs = _input_split_search(problem, incumbent, seed, engine, solver)
    few = problem.free <= FEW_INPUTS or not problem.is_one_box
    if engine == "array" or few or incumbent.target is None or incumbent.decided or incumbent.met:
        return inputs
    from .bottleneck import BottleneckSearch, find_bottleneck

    bottleneck = find_bottleneck(problem.of_outputs(problem.small))
    if bottleneck is None:
        return inputs
    through_bottleneck = partial(
        BottleneckSearch, problem, bottleneck, incumbent, partial(select_search, seed=seed)
    )
    return Portfolio((inputs, DeferredSearch(through_bottleneck, incumbent)))


def _conflict_search(problem: Problem, incumbent: Incumbent) -> Search | None:
    """Start a conflict-driven search, or return None if it does not suit the problem."""
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


def _neuron_split_search(problem: Problem, incumbent: Incumbent, seed: int) -> Search:
    from .neuron_split.search import NeuronSplitSearch

    graph = problem.of_outputs(problem.small)
    return NeuronSplitSearch(graph, problem.domain.hull, incumbent, seed=seed)


def _input_split_search(
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
        # First bounds take longer than points, which may suffice; optimized bounds take longest.
        decision = incumbent.target is not None and not incumbent.met
        if decision and len(problem.domain.lo) == 1 and machine.plan.products:
            first_bounds(problem, machine, incumbent)
        if not (incumbent.met or incumbent.decided):
            lo, hi = machine.outputs
            incumbent.prove(problem.by_outputs(lo[None], hi[None])[0])
        return over_workers(problem, incumbent, search, None, seed)
    from .input_split.bisection import BisectionSearch
    from .input_split.kernel_search import KernelSearch

    def begin(domain: DomainBoxes, points: First | None) -> Any:
        search = KernelSearch(program, domain, incumbent, seed=seed, first=points or first)
        return over_workers(replace(problem, domain=domain), incumbent, search, program, seed)

    if not problem.is_one_box:
        return begin(problem.domain, None)
    boxes = BisectionSearch(problem.domain, begin)
    if not solver:
        return boxes
    from .milp.turns import MilpTurns

    return MilpTurns(boxes, problem.small, problem.domain.hull, problem.rows, problem.offset)
