"""Computation of the range of every output over an input set."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..answers.answer import Cost
from ..answers.progress import RangeProgress
from ..answers.range import Range, relative
from ..core import Box, Clock, Region, check_stopped
from ..core.arrays import distinct_rows, linear_forms
from ..core.progress import begin_phase
from ..search.common.solution import Solution, Status
from ..search.solve import solve
from .common.arguments import check_hooks, check_limits
from .common.entries import entry_labels
from .common.named_arrays import Named
from .common.network import NetworkLike
from .common.progress import range_reporter
from .common.provenance import input_domain
from .common.remedies import cost_of_tolerance, reserved_seconds, smaller_sets
from .common.target import Target, target
from .evidence.budget import EvidenceBudget
from .evidence.contradictions import check_forms, inside, sample_inputs
from .evidence.evaluate import enclose, run_model
from .inputs.sets import regions
from .optimize.range_of_set import range_over


SEEN_WITHIN = 1e-2
"""Width to which attained values are enclosed, relative to the tolerance of the search.

Such narrow enclosures never prevent an exact answer. For networks with few layers, float64
intervals are usually narrow enough.
"""


def output_range(
    network: NetworkLike,
    box: Any,
    *,
    tol: float | None = None,
    time_limit: float | None = None,
    rows: Any = None,
    solver: bool = True,
    progress: Callable[[RangeProgress], None] | None = None,
    remedies: bool = True,
) -> Range:
    """Compute the exact range of every output of a loaded network; see `outrange.output_range`.

    Args:
        network: The network under study.
        box: The input set; see `outrange.output_range` for all arguments.
        tol: Relative tolerance, or None for a default that suits the network.
        time_limit: Limit in seconds, or None for no limit.
        rows: Linear forms of the outputs, `(k, outputs)`.
        solver: Whether a mixed-integer solver may be used.
        progress: Callback for progress records, called a few times a second.
        remedies: Whether to reserve a part of the time limit for trials on smaller boxes, which are
            run if the search over a box runs out of time.
    """
    check_limits(tol, time_limit)
    check_hooks(progress)
    clock = Clock(time_limit)
    graph = network.graph
    wanted = target(graph, rows)
    sets = regions(graph.inputs, box)
    first_box, one_box = sets[0].box, len(sets) == 1 and sets[0].is_box
    begin_phase("timing an evaluation")
    budget = EvidenceBudget.of(wanted.formed, first_box, 2 * len(wanted.rows), clock)
    reserved = reserved_seconds(clock.limit) if remedies and one_box else 0.0
    left = None if time_limit is None else max(0.0, clock.left - budget.seconds - reserved)
    begin_phase("searching")
    if one_box:
        solution = _search(wanted, first_box, tol, left, solver, progress)
        solution = replace(solution, at=np.clip(solution.at, first_box.lo, first_box.hi))
    else:
        report = range_reporter(progress, len(wanted.rows))
        options = {"tol": tol, "time_limit": left, "progress": report, "solver": solver}
        solution = range_over(wanted.formed, sets, **options)
    early = solution.status is Status.TIME
    evaluated = budget.spread(len(solution.at)) if early else np.arange(len(solution.at))
    check_stopped()
    begin_phase("computing evidence")
    answer = _answer(network, wanted, solution, evaluated, clock.left, sets)
    if answer.is_exact:
        return answer
    remedies_found = cost_of_tolerance(solution.reached, answer.tol)
    if early and reserved:

        def ask(smaller: Box, seconds: float) -> bool:
            return _search(wanted, smaller, tol, seconds, solver, None).status is Status.EXACT

        begin_phase("looking for remedies")
        names = entry_labels(network.graph.inputs)
        remedies_found += smaller_sets(ask, wanted.formed, sets[0].box, names, clock)
    return replace(answer, remedies=remedies_found)


def _search(
    wanted: Target,
    where: Box,
    tol: float | None,
    time_limit: float | None,
    solver: bool,
    progress: Callable[[RangeProgress], None] | None,
) -> Solution:
    """Minimize the target's linear forms and their negatives over a box."""
    return solve(
        wanted.graph,
        where,
        np.concatenate([wanted.rows, -wanted.rows]),
        tol=tol,
        time_limit=time_limit,
        solver=solver,
        progress=range_reporter(progress, len(wanted.rows)),
    )


def _answer(
    network: NetworkLike,
    wanted: Target,
    solution: Solution,
    evaluated: np.ndarray,
    left: float,
    sets: Sequence[Region],
) -> Range:
    k = len(wanted.rows)
    lo, hi = solution.lower[:k] + 0.0, 0.0 - solution.lower[k:]
    points, which = distinct_rows(np.asarray(solution.at, np.float64))
    evaluated = np.unique(which[evaluated])
    best_lo, seen_lo, best_hi, seen_hi = _best_values(
        wanted, solution, points, which, evaluated, left
    )
    # The minimum is at most `hi`, and the maximum at least `lo`, so the bounds stay ordered.
    seen_lo, seen_hi = np.minimum(seen_lo, hi), np.maximum(seen_hi, lo)
    shape = next(iter(wanted.outputs.values())) if len(wanted.outputs) == 1 else (k,)

    def reshape(values: np.ndarray) -> np.ndarray:
        return values.reshape(shape)

    model_lo = model_hi = None
    if network.predict is not None:
        with np.errstate(all="ignore"):  # A float32 overflow shows in the results.
            shown, place = np.unique(np.concatenate([best_lo, best_hi]), return_inverse=True)
            tried = np.concatenate([points[shown], sample_inputs(network, sets)])
            run = run_model(network, network.predict, tried)
            returned = linear_forms(wanted.rows, run.y[: len(shown)])
        check_forms(inside(run, sets), wanted.rows, lo, hi)
        model_lo = reshape(returned[place[:k], np.arange(k)])
        model_hi = reshape(returned[place[k:], np.arange(k)])
    status = str(solution.status)
    if status == "exact":
        gaps = np.stack([seen_lo - lo, hi - seen_hi])
        loose = (gaps > 2 * solution.tolerance.reshape(2, k) + 1e-300).any(axis=0)
        # For a constant the search's tolerance is below float64 precision; its magnitude is used.
        share = relative(gaps.max(axis=0), seen_lo, seen_hi)
        far = (share > 2 * solution.tol + 1e-12) | (loose & (share > solution.tol))
        status = "rounding" if far.any() else status
    return Range(
        model=network.name,
        inputs={slot.name: slot.shape for slot in network.graph.inputs},
        outputs=wanted.outputs,
        lo=reshape(lo),
        hi=reshape(hi),
        seen_lo=reshape(seen_lo),
        seen_hi=reshape(seen_hi),
        at_lo=split_inputs(network, points[best_lo], shape),
        at_hi=split_inputs(network, points[best_hi], shape),
        model_lo=model_lo,
        model_hi=model_hi,
        tol=float(solution.tol),
        status=status,
        warrant=solution.warrant,
        cost=Cost(float(solution.seconds), int(solution.boxes)),
        methods=tuple(solution.methods),
        over=input_domain(network.graph.inputs, sets),
    )


def _best_values(
    target_forms: Target,
    solution: Solution,
    points: np.ndarray,
    which: np.ndarray,
    evaluated: np.ndarray,
    left: float,
) -> tuple[np.ndarray, ...]:
    """Select for each form the points with the smallest upper and the largest lower bound.

    Returns four arrays of shape `(k,)`, one entry per form: the index in `points` of the point with
    the smallest upper bound, this upper bound, the index of the point with the largest lower bound,
    and this lower bound.

    Args:
        target_forms: The `k` forms to evaluate.
        solution: The result of the search.
        points: Distinct points of the search result, `(n, inputs)`.
        which: For each form, and then for each negated form, the index in `points` of the point
            that the search returned, `(2 k,)`.
        evaluated: Indices of the points to evaluate.
        left: Time limit of the evaluation in seconds.
    """
    k = len(target_forms.rows)
    least, most = (np.full((len(points), k), end) for end in (-np.inf, np.inf))
    aim = np.minimum(solution.tolerance[:k], solution.tolerance[k:])
    wanted = SEEN_WITHIN * aim if aim.all() else None
    # The points are NaN if no input of the set is known.
    evaluated = evaluated[~np.isnan(points[evaluated]).any(axis=1)]
    if evaluated.size:
        ends = enclose(target_forms.formed, points[evaluated], wanted, left)
        least[evaluated], most[evaluated] = ends
    forms, low, high = np.arange(k), which[:k], which[k:]
    best_lo = _better(most, low, high)
    best_hi = _better(-least, high, low)
    return best_lo, most[best_lo, forms], best_hi, least[best_hi, forms]


def _better(values: np.ndarray, mine: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the row of the smallest value in each column of `values`, `(columns,)`.

    If several rows are tied in column `j`, row `mine[j]` is preferred, then row `other[j]`.
    """
    column = np.arange(values.shape[1])
    best = np.argmin(values, axis=0)
    for row in (other, mine):
        best = np.where(values[row, column] <= values[best, column], row, best)
    return best


def split_inputs(network: NetworkLike, points: np.ndarray, shape: tuple[int, ...]) -> Named:
    """Split flat points `(k, inputs)` into one array per input, `(*shape, *input shape)`.

    The product of `shape` is `k`. With a single input, the result is its array; with several, a
    dict from input name to array.
    """
    parts, start = {}, 0
    for slot in network.graph.inputs:
        part = points[:, start : start + slot.size]
        parts[slot.name] = part.reshape(shape + slot.shape)
        start += slot.size
    return parts if len(parts) > 1 else next(iter(parts.values()))
