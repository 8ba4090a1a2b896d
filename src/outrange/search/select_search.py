"""Builds the search that suits a problem: a single search, or several that alternate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from .attack.first_points import First, first_points
from .common.domain_boxes import DomainBoxes
from .common.incumbent import Incumbent
from .common.method import Method, Role
from .common.portfolio import DeferredSearch, Portfolio, begin_in_turns
from .common.problem import Problem
from .common.search import Search
from .common.task import Kind, SearchTask
from .methods.table import METHODS, SECOND_ORDER, SEMIDEFINITE
from .selection import HARD_INPUTS, SOME_INPUTS, choose_kind, compile_problem, has_kernel, is_hard
from .spread.begin import over_workers


FEW_BOXES = 16
"""Maximum number of boxes for which the search of their hull ends before its first split: bounds
of a few boxes soon surpass those of the hull, but those of many boxes do not."""

PATIENCE = 8.0
"""Factor that lengthens the turns of input splits if no box has `HARD_INPUTS` free inputs or
more."""


def select_search(
    problem: Problem,
    incumbent: Incumbent,
    *,
    seed: int = 0,
    engine: str = "auto",
    solver: bool = False,
) -> Search:
    """Start the search that suits a problem.

    Usually, a problem is split (`choose_kind`). Special-purpose methods (`methods.table`) take the
    place of splits, take turns with them, or work inside them:

    ===============================  ============================================================
    method                           problem
    ===============================  ============================================================
    *in place of splits*             the first row that applies
    norm balls                       inputs in a box and a ball
    cone of influence reduction      objectives that depend on parts of the inputs
    incomplete verification          a graph of 2^18 entries or more, unless inputs and rows are
                                     few and the graph has neither steps nor maxima
    *in turns with splits*           every row that applies
    bottleneck                       a decision whose many inputs act through a few inner values
    shared boxes                     up to 4 free inputs, and many objectives of one output each
    differential verification        a graph with counterparts, and no workers
    conflict-driven clause learning  a decision over one hidden layer whose conjunction fixes the
                                     phases of many units, if neurons are split
    jump attack                      a decision about a graph with jumps
    *inside an engine or a tree*
    semidefinite relaxations         neuron splits of a small net with loose linear bounds
    second-order forms               the array engine: products or smooth curves of few inputs
    *before and after a search*
    pooled clauses                   a decision of many clauses or boxes (`decide`)
    float32 parts                    bounds on the float32 network (`questions/float32`)
    ===============================  ============================================================

    Args:
        problem: Objectives and their boxes.
        incumbent: Clock and tolerances; receives the first points and interval bounds.
        seed: Seed for the samples.
        engine: `"auto"` uses the compiled kernel if the graph allows it; `"array"` never does.
        solver: Whether a mixed-integer solver may close objectives that input splits leave open.
    """
    incumbent.prove(problem.by_intervals(problem.graph))
    again = partial(select_search, seed=seed, engine=engine, solver=solver)
    task = SearchTask(problem, incumbent, again, seed, engine, solver, refine=SECOND_ORDER.hook)
    usual = choose_usual(task)
    if isinstance(usual, Method):
        begin = partial(usual.begin, task)
    else:
        task = replace(task, splits=usual)
        begin = partial(_start_splits, task)
    for method in METHODS:
        if method.role is Role.BESIDE:
            begin = partial(_join, method, task, begin)
    return begin()


def choose_usual(task: SearchTask) -> Method | Kind:
    """Return the first method that takes the place of splits, or the kind of splits."""
    instead = (m for m in METHODS if m.role is Role.INSTEAD and m.suits(task))
    return next(instead, None) or choose_kind(task.problem, task.engine)


def _join(method: Method, task: SearchTask, usual: Callable[[], Search]) -> Search:
    """Start the search by splits, in turns with a special-purpose method if it suits the task.

    Args:
        usual: Function that starts the search by splits, perhaps already joined with other methods.
    """
    if not method.suits(task):
        return usual()
    assert method.join is not None
    return method.join(partial(method.begin, task), usual, task)


def _start_splits(task: SearchTask) -> Search:
    """Start the searches that split inputs, units or unions of boxes."""
    problem, incumbent = task.problem, task.incumbent
    if problem.small is not problem.graph:
        incumbent.prove(problem.by_intervals(problem.small))
    if task.splits is Kind.CASES:
        return _with_case_searches(task)
    neurons = partial(_neuron_split_search, problem, incumbent, task.seed)
    if problem.free <= SOME_INPUTS:
        neurons = partial(_case_search, task)
    if task.splits is Kind.INPUT_SPLIT:
        if task.engine == "array" or not is_hard(problem):
            return _input_split_search(task)
        return Portfolio((_input_split_search(task), DeferredSearch(neurons, incumbent)))
    if task.splits is Kind.NEURON_SPLIT:
        return neurons()
    return begin_in_turns(partial(_input_split_search, replace(task, solver=False)), neurons)


def _case_search(task: SearchTask, hull: bool = False) -> Search:
    """Start a `CaseSearch`, whose cases are searched by neuron splits if these support the graph.

    Args:
        hull: Whether to search the hull of all boxes instead of each box.
    """
    from .cases import CaseSearch
    from .neuron_split.search import supports

    grows = not hull or len(task.problem.domain.lo) > FEW_BOXES

    def begin(case: Problem, case_incumbent: Incumbent) -> Search:
        if supports(case.of_outputs(case.small)):
            return _neuron_split_search(case, case_incumbent, task.seed, grows=grows)
        return task.begin(case, case_incumbent)

    return CaseSearch(task.problem, task.incumbent, begin, hull=hull)


def _with_case_searches(task: SearchTask) -> Search:
    """Start input splits of all boxes, alternating with a `CaseSearch`.

    If there are several boxes, a second `CaseSearch`, of their hull, takes turns as well.
    """
    first = _input_split_search(task)
    lo, hi = task.problem.domain.lo, task.problem.domain.hi
    if (lo < hi).sum(axis=1).max() < HARD_INPUTS:
        first.share = PATIENCE
    begin = partial(_case_search, task)
    hulls = (False, True) if len(lo) > 1 else (False,)
    cases = (DeferredSearch(partial(begin, hull), task.incumbent) for hull in hulls)
    return Portfolio((first, *cases))


def _neuron_split_search(
    problem: Problem, incumbent: Incumbent, seed: int, *, grows: bool = True
) -> Search:
    from .neuron_split.search import NeuronSplitSearch

    graph, hull = problem.of_outputs(problem.small), problem.domain.hull
    return NeuronSplitSearch(
        graph, hull, incumbent, seed=seed, joint=SEMIDEFINITE.hook, grows=grows
    )


def _input_split_search(task: SearchTask) -> Search:
    problem, incumbent, seed = task.problem, task.incumbent, task.seed
    decided = incumbent.decided
    late = lambda: decided or incumbent.clock.expired  # noqa: E731
    first: First = partial(first_points, late=late, goal=incumbent.goal)
    program = compile_problem(problem) if has_kernel(task.engine) else None
    if program is None:
        return _array_search(task, first)
    from .input_split.bisection import BisectionSearch
    from .input_split.kernel_search import KernelSearch

    def begin(domain: DomainBoxes, points: First | None) -> Any:
        search = KernelSearch(program, domain, incumbent, seed=seed, first=points or first)
        return over_workers(replace(problem, domain=domain), incumbent, search, program, seed)

    if not problem.is_one_box:
        return begin(problem.domain, None)
    boxes = BisectionSearch(problem.domain, begin)
    if not task.solver:
        return boxes
    from .milp.turns import MilpTurns

    return MilpTurns(boxes, problem.small, problem.domain.hull, problem.rows, problem.offset)


def _array_search(task: SearchTask, first: First) -> Search:
    """Start input splits on the array engine, or on the engine of conjunctions."""
    from .engines.array_engine import ArrayEngine
    from .engines.first_bounds import first_bounds
    from .input_split.array_search import ArraySearch

    problem, incumbent = task.problem, task.incumbent
    machine: ArrayEngine | None = None
    if SECOND_ORDER.is_enabled:
        from .methods.second_order.conjunctions import engine_of_conjunctions

        machine = engine_of_conjunctions(problem)
    if machine is None:
        machine = ArrayEngine(
            *(problem.small, problem.rows, problem.offset, problem.domain.hull),
            roots=problem.domain,
            refine=task.refine,
        )
    search = ArraySearch(machine, problem.domain, incumbent, seed=task.seed, first=first)
    # First bounds take longer than points, which may suffice; optimized bounds take longest.
    decision = incumbent.target is not None and not incumbent.met
    if decision and len(problem.domain.lo) == 1 and machine.plan.products:
        first_bounds(problem, machine, incumbent)
    if not (incumbent.met or incumbent.decided):
        lo, hi = machine.outputs
        incumbent.prove(problem.by_outputs(lo[None], hi[None])[0])
    return over_workers(problem, incumbent, search, None, task.seed, task.refine)
