"""Verification that no input of a set violates a property."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..answers.answer import Cost
from ..answers.progress import VerifyProgress
from ..answers.verdict import Counterexample, Verdict
from ..core import And, Box, Clock, Formula, OutOfTime, Region, Warrant, check_stopped, deadline
from ..core.formula import TRUE
from ..core.progress import begin_phase
from ..domains import bounds
from ..graph import Graph
from ..search.common.clause_groups import ClauseGroup
from ..search.common.solution import SearchProgress, Solution, Status
from ..search.decide import decide
from .common.arguments import check_hooks, check_limits
from .common.entries import entry_labels
from .common.named_arrays import input_slots, split_by_name
from .common.network import GraphAlone, NetworkLike
from .common.remedies import reserved_seconds, smaller_sets
from .conditions.clause_groups import expand_clauses, expand_groups
from .conditions.specification import implied_atoms
from .evidence.check_point import CounterexampleChecker, ExactChecker, Witness
from .evidence.contradictions import check_never, run_samples
from .evidence.exact_ties import METHOD, never_below
from .evidence.finite import holds_nowhere
from .evidence.output_tail import METHOD as TAIL, drop_refuted_by_tail
from .inputs.parse_box import place


LEAST_TIME = 0.2
"""Minimum time in seconds for expanding a property into clauses, even after the deadline.

Most properties are expanded within this time, and some of them need no search.
"""

TAIL_TIME = 2.0
"""Maximum time in seconds for a proof by the last layers alone."""

LOOK_FOR_INPUTS = 5.0
"""Maximum time in seconds for deciding whether a property holds vacuously."""


def verify(
    network: NetworkLike,
    unsafe: Formula,
    regions: Sequence[Region],
    *,
    text: str,
    time_limit: float | None = None,
    seed: int = 0,
    engine: str = "auto",
    progress: Callable[[VerifyProgress], None] | None = None,
    remedies: bool = False,
    assumption: Formula = TRUE,
) -> Verdict:
    """Verify that no input in the regions satisfies `unsafe` together with its output.

    Args:
        network: The network to verify.
        unsafe: The negated property, over the flat `[x, y]`.
        regions: The input set, as a union of regions.
        text: The property as text, for the verdict.
        time_limit: Limit in seconds; None for no limit.
        seed: Random seed of the samples.
        engine: Engine of the search, as for `search.decide`.
        progress: Called a few times a second with a `VerifyProgress`.
        remedies: Whether to reserve a part of the time limit for trials on smaller boxes, which are
            run if the search over a box runs out of time.
        assumption: Part of `unsafe`; inputs that do not satisfy it do not belong to the input set.
    """
    check_limits(0.0, time_limit)
    check_hooks(progress, seed)
    graph = network.graph
    clock = Clock(time_limit)
    try:
        with deadline(max(LEAST_TIME, clock.left)):
            question = expand_clauses(
                unsafe, regions, lambda i: place(graph.inputs, i), network.products
            )
    except OutOfTime:
        return undecided_verdict(network, text, clock)
    if not question.groups:
        _check_domain(graph, regions)
        methods = ("interval arithmetic",)
        solution = Solution.unknown(Status.UNSAT, graph.size, lower=np.inf, methods=methods)
        empty = _no_inputs(network, unsafe, regions, assumption, seed, clock.left)
        check_never(run_samples(network, regions, seed=seed), unsafe, f"`{text}` holds")
        return _verdict(network, text, solution, None, np.inf if empty else question.apart, empty)
    examiner = CounterexampleChecker(network, unsafe, regions)
    report = None if progress is None else _reporter(progress)
    box = regions[0].box if len(regions) == 1 and regions[0].is_box else None
    narrow = remedies and box is not None and bool(np.isfinite([box.lo, box.hi]).all())
    reserved = reserved_seconds(clock.limit) if narrow else 0.0
    begin_phase("searching")
    groups = drop_refuted_by_tail(graph, question.groups, min(TAIL_TIME, clock.left))
    if groups:
        solution = decide(
            graph, groups, examiner, time_limit=clock.left - reserved, progress=report, seed=seed,
            engine=engine,
        )  # fmt: skip
        if len(groups) < len(question.groups):
            lower, methods = np.minimum(solution.lower, 0.0), (*solution.methods, TAIL)
            solution = replace(solution, lower=lower, methods=methods)
    else:
        solution = Solution.unknown(Status.UNSAT, graph.size, lower=0.0, methods=(TAIL,))
        solution = replace(solution, seconds=clock.seconds)
    check_stopped()
    begin_phase("computing evidence")
    tied = solution.status is Status.ROUNDING and examiner.witness is None
    if tied:
        solution = _decide_without_rounding(solution, graph, unsafe, groups, clock.left)
    if question.has_quotients:
        solution = _drop_distances(solution)
    empty = False
    if solution.status is Status.UNSAT:
        points = [*examiner.shown, *([] if solution.point is None else [solution.point])]
        check_never(run_samples(network, regions, points, seed), unsafe, f"`{text}` holds")
    restricted = assumption != TRUE or not all(region.is_box for region in regions)
    if solution.status is Status.UNSAT and restricted:
        empty = _no_inputs(network, unsafe, regions, assumption, seed, max(1e-3, clock.left))
    verdict = _verdict(network, text, solution, examiner.witness, question.apart, empty)
    if reserved and box is not None and verdict.reason == "time":
        begin_phase("looking for remedies")
        remedies_found = _find_smaller_sets(network, unsafe, box, clock)
        verdict = replace(verdict, remedies=remedies_found)
    return verdict


def _check_domain(graph: Graph, regions: Sequence[Region]) -> None:
    """Raise an error unless the network is proved to be defined on every bounded region.

    This check is needed for conditions that are decided without the network.

    Raises:
        InputError: A function of the network may be undefined on a region.
    """
    for box in (region.box for region in regions):
        if np.isfinite([box.lo, box.hi]).all():
            bounds(graph, box.lo[None], box.hi[None], "linear")


def _decide_without_rounding(
    solution: Solution, graph: Graph, unsafe: Formula, groups: Sequence[ClauseGroup], left: float
) -> Solution:
    """Try to prove, in exact arithmetic, a property that the search left open due to rounding.

    Returns `solution` with the status `UNSAT` if the proof succeeds, and unchanged otherwise.
    """
    extra: tuple[str, ...] = ()
    if not holds_nowhere(groups, ExactChecker(graph, unsafe)):
        if not never_below(graph, groups, left):
            return solution
        extra = (METHOD,)
    lower = np.maximum(solution.lower, 0.0)
    return replace(solution, status=Status.UNSAT, lower=lower, methods=(*solution.methods, *extra))


def _drop_distances(solution: Solution) -> Solution:
    """Return a solution without the values of its clauses.

    The values have no clear unit if quotients were added to a clause (see `ExpandedClauses`).
    """
    is_proved = solution.status is Status.UNSAT
    return replace(
        solution,
        lower=np.full_like(solution.lower, 0.0 if is_proved else -np.inf),
        seen=np.full_like(solution.seen, np.inf),
    )


def _find_smaller_sets(
    network: NetworkLike, unsafe: Formula, box: Box, clock: Clock
) -> tuple[str, ...]:
    """Try to prove the property on smaller boxes, and return sentences about the results."""
    graph = network.graph

    def ask(smaller: Box, seconds: float) -> bool:
        part = [Region(smaller)]
        question = expand_clauses(unsafe, part, lambda i: place(graph.inputs, i))
        examiner = CounterexampleChecker(GraphAlone(graph), unsafe, part)
        if not question.groups:
            return True
        solution = decide(graph, question.groups, examiner, time_limit=seconds)
        return solution.status is Status.UNSAT

    names, wording = entry_labels(graph.inputs), ("it holds", "proved")
    return smaller_sets(ask, graph, box, names, clock, wording)


def undecided_verdict(network: NetworkLike, text: str, clock: Clock) -> Verdict:
    """Return a verdict with status `UNKNOWN`, for a time limit that passed before the search."""
    none = Solution.unknown(Status.TIME, network.graph.size)
    return _verdict(network, text, replace(none, seconds=clock.seconds), None, -np.inf)


def _reporter(progress: Callable[[VerifyProgress], None]) -> Callable[[SearchProgress], None]:
    def report(now: SearchProgress) -> None:
        low, near = float(np.min(now.lower)), float(np.min(now.seen))
        progress(VerifyProgress(now.seconds, now.boxes, low, near, now.open))

    return report


def _no_inputs(
    network: NetworkLike,
    unsafe: Formula,
    regions: Sequence[Region],
    assumption: Formula,
    seed: int,
    left: float,
) -> bool:
    """Return whether the input set is proved to be empty by a search of at most `left` seconds.

    If a region is unbounded, the set is also restricted by the conditions on inputs alone that
    `unsafe` implies.
    """
    bounded = all(np.isfinite([region.box.lo, region.box.hi]).all() for region in regions)
    # A property from a file states its own bounds, as constraints on inputs alone.
    bounds_of_file = () if bounded else tuple(implied_atoms(unsafe, regions[0].box.size))
    constraints = And((*bounds_of_file, *(() if assumption == TRUE else (assumption,))))
    groups = expand_groups(constraints, regions, str)
    if any(not all(group.clauses) and not group.distances for group in groups):
        return False  # A box without constraints is not empty.
    if not groups:
        return True
    examiner = CounterexampleChecker(GraphAlone(network.graph), constraints, regions)
    solution = decide(
        network.graph, groups, examiner, time_limit=min(LOOK_FOR_INPUTS, left), seed=seed
    )
    return solution.status is Status.UNSAT


def _verdict(
    network: NetworkLike,
    text: str,
    solution: Solution,
    witness: Witness | None,
    apart: float,
    vacuous: bool = False,
) -> Verdict:
    decided = witness is not None or solution.status is Status.UNSAT
    status = "VIOLATED" if witness is not None else ("HOLDS" if decided else "UNKNOWN")
    return Verdict(
        model=network.name,
        claim=text,
        status=status,
        counterexample=None if witness is None else counterexample_at(network, witness),
        margin=min(float(solution.lower[0]), apart),
        nearest=float(solution.seen[0]) if np.isfinite(solution.seen[0]) else None,
        reason="decided" if decided else str(solution.status),
        vacuous=vacuous,
        warrant=solution.warrant if witness is None else Warrant.FLOAT64_ROUNDED,
        cost=Cost(solution.seconds, solution.boxes),
        methods=solution.methods,
    )


def counterexample_at(network: NetworkLike, witness: Witness) -> Counterexample:
    """Convert a witness to a counterexample with the shapes and names of the user's model."""
    graph = network.graph
    count = sum(slot.size for slot in graph.outputs)  # Nonlinear terms follow the outputs.
    y = (0.5 * witness.lo + 0.5 * witness.hi)[:count]
    model = None if witness.model is None else witness.model[:count]
    slots, index = input_slots(network)
    flat_x = witness.x if index is None else witness.x[index]
    return Counterexample(
        x=split_by_name(slots, flat_x),
        y=split_by_name(graph.outputs, y),
        model_y=None if model is None else split_by_name(graph.outputs, model),
        reproduced=witness.reproduced,
        flat_x=flat_x,
        flat_y=y if model is None else model,
    )
