"""The range of every output over an input set."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..answers.answer import Cost
from ..answers.progress import RangeProgress
from ..answers.range import Range, relative
from ..core import Box, Clock, Region, check_stopped
from ..core.arrays import distinct_rows, linear_forms
from ..core.watch import begin_phase
from ..search.common.solution import Solution, Status
from ..search.solve import solve
from .common.arguments import check_hooks, check_limits
from .common.entries import entry_labels
from .common.named import Named
from .common.network import NetworkLike
from .common.progress import range_reporter
from .common.remedies import cost_of_tolerance, kept_back, smaller_sets
from .common.stamp import input_domain
from .common.target import Target, target
from .evidence.budget import EvidenceBudget
from .evidence.contradictions import check_forms, inside, sample_inputs
from .evidence.evaluate import enclose, run_model
from .inputs.sets import regions
from .optimize.range_of_set import range_over


SEEN_WITHIN = 1e-2
"""How well an attained value is known, as a share of the gap aimed at: what is seen may not be why
an answer is not exact. Float64 intervals are enough for that in networks of some layers."""


def output_range(
    network: NetworkLike,
    box: Any,
    *,
    tol: float | None = None,
    time_limit: float | None = None,
    rows: Any = None,
    layer: str | None = None,
    solver: bool = True,
    progress: Callable[[RangeProgress], None] | None = None,
    remedies: bool = True,
) -> Range:
    """Compute the exact range of every output of a loaded network; see `outrange.output_range`.

    Args:
        network: The model.
        box: The input set.
        tol: See there, as all others.
        time_limit: Seconds.
        rows: Forms of the outputs.
        layer: A layer's name.
        solver: Whether a mixed-integer solver may help.
        progress: Called now and then.
        remedies: Whether to try what would close a gap, in a part of the time.
    """
    check_limits(tol, time_limit)
    check_hooks(progress)
    clock = Clock(time_limit)
    graph = network.graph
    asked = target(graph, rows, layer)
    sets = regions(graph.inputs, box)
    ends, one_box = sets[0].box, len(sets) == 1 and sets[0].is_box
    begin_phase("timing an evaluation")
    budget = EvidenceBudget.of(asked.formed, ends, 2 * len(asked.rows), clock)
    kept = kept_back(clock.limit) if remedies and one_box else 0.0
    left = None if time_limit is None else max(0.0, clock.left - budget.seconds - kept)
    begin_phase("searching")
    if one_box:
        found = _search(asked, ends, tol, left, solver, progress)
        found = replace(found, at=np.clip(found.at, ends.lo, ends.hi))
    else:
        report = range_reporter(progress, len(asked.rows))
        options = {"tol": tol, "time_limit": left, "progress": report, "solver": solver}
        found = range_over(asked.formed, sets, **options)
    early = found.status is Status.TIME
    evaluated = budget.spread(len(found.at)) if early else np.arange(len(found.at))
    check_stopped()
    begin_phase("computing evidence")
    answer = _answer(network, asked, found, evaluated, clock.left, sets)
    if answer.is_exact:
        return answer
    helps = cost_of_tolerance(found.reached, answer.tol)
    if early and kept:

        def ask(smaller: Box, seconds: float) -> bool:
            return _search(asked, smaller, tol, seconds, solver, None).status is Status.EXACT

        begin_phase("looking for remedies")
        names = entry_labels(network.graph.inputs)
        helps += smaller_sets(ask, asked.formed, sets[0].box, names, clock)
    return replace(answer, remedies=helps)


def _search(
    asked: Target,
    where: Box,
    tol: float | None,
    time_limit: float | None,
    solver: bool,
    progress: Callable[[RangeProgress], None] | None,
) -> Solution:
    """Minimize `[rows; -rows]`."""
    return solve(
        asked.graph,
        where,
        np.concatenate([asked.rows, -asked.rows]),
        tol=tol,
        time_limit=time_limit,
        solver=solver,
        progress=range_reporter(progress, len(asked.rows)),
    )


def _answer(
    network: NetworkLike,
    asked: Target,
    found: Solution,
    evaluated: np.ndarray,
    left: float,
    sets: Sequence[Region],
) -> Range:
    k = len(asked.rows)
    lo, hi = found.lower[:k] + 0.0, 0.0 - found.lower[k:]
    points, which = distinct_rows(np.asarray(found.at, np.float64))
    evaluated = np.unique(which[evaluated])
    best_lo, seen_lo, best_hi, seen_hi = _seen(asked, found, points, which, evaluated, left)
    # The least value is at most `hi` too, and the largest at least `lo`: both ends stay ordered.
    seen_lo, seen_hi = np.minimum(seen_lo, hi), np.maximum(seen_hi, lo)
    shape = next(iter(asked.outputs.values())) if len(asked.outputs) == 1 else (k,)

    def shaped(values: np.ndarray) -> np.ndarray:
        return values.reshape(shape)

    model_lo = model_hi = None
    if network.predict is not None and asked.is_output:
        with np.errstate(all="ignore"):  # Where its float32 overflows, it says so itself.
            shown, place = np.unique(np.concatenate([best_lo, best_hi]), return_inverse=True)
            tried = np.concatenate([points[shown], sample_inputs(network, sets)])
            run = run_model(network, network.predict, tried)
            returned = linear_forms(asked.rows, run.y[: len(shown)])
        check_forms(inside(run, sets), asked.rows, lo, hi)
        model_lo = shaped(returned[place[:k], np.arange(k)])
        model_hi = shaped(returned[place[k:], np.arange(k)])
    status = str(found.status)
    if status == "exact":
        gaps = np.stack([seen_lo - lo, hi - seen_hi])
        loose = (gaps > 2 * found.tolerance.reshape(2, k) + 1e-300).any(axis=0)
        # Of a constant the tolerance of the search is less than a float64: its magnitude counts.
        share = relative(gaps.max(axis=0), seen_lo, seen_hi)
        far = (share > 2 * found.tol + 1e-12) | (loose & (share > found.tol))
        status = "rounding" if far.any() else status
    return Range(
        model=network.name,
        inputs={slot.name: slot.shape for slot in network.graph.inputs},
        outputs=asked.outputs,
        lo=shaped(lo),
        hi=shaped(hi),
        seen_lo=shaped(seen_lo),
        seen_hi=shaped(seen_hi),
        at_lo=split_inputs(network, points[best_lo], shape),
        at_hi=split_inputs(network, points[best_hi], shape),
        model_lo=model_lo,
        model_hi=model_hi,
        tol=float(found.tol),
        status=status,
        warrant=found.warrant,
        cost=Cost(float(found.seconds), int(found.boxes)),
        methods=tuple(found.methods),
        over=input_domain(network.graph.inputs, sets),
    )


def _seen(
    asked: Target,
    found: Solution,
    points: np.ndarray,
    which: np.ndarray,
    evaluated: np.ndarray,
    left: float,
) -> tuple[np.ndarray, ...]:
    """For each form the best of the points `evaluated` at either end, on the safe side.

    Args:
        asked: The forms.
        found: What the search found.
        points: Its different points.
        which: Of each row and its negative, the point that the search found for it.
        evaluated: Points that there is time for.
        left: Seconds for them.
    """
    k = len(asked.rows)
    least, most = (np.full((len(points), k), end) for end in (-np.inf, np.inf))
    aim = np.minimum(found.tolerance[:k], found.tolerance[k:])
    wanted = SEEN_WITHIN * aim if aim.all() else None
    # Of a set in which no input is known yet, no point is.
    evaluated = evaluated[~np.isnan(points[evaluated]).any(axis=1)]
    if evaluated.size:
        ends = enclose(asked.formed, points[evaluated], wanted, left)
        least[evaluated], most[evaluated] = ends
    own, low, high = np.arange(k), which[:k], which[k:]
    best_lo = _better(most, low, high)
    best_hi = _better(-least, high, low)
    return best_lo, most[best_lo, own], best_hi, least[best_hi, own]


def _better(values: np.ndarray, mine: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Row of the smallest value of each column; row `mine`, then `other`, unless one is smaller."""
    column = np.arange(values.shape[1])
    best = np.argmin(values, axis=0)
    for row in (other, mine):
        best = np.where(values[row, column] <= values[best, column], row, best)
    return best


def split_inputs(network: NetworkLike, points: np.ndarray, shape: tuple[int, ...]) -> Named:
    """Flat points `(k, inputs)` in the inputs' own shapes, `shape` in front; a dict if several."""
    parts, start = {}, 0
    for slot in network.graph.inputs:
        part = points[:, start : start + slot.size]
        parts[slot.name] = part.reshape(shape + slot.shape)
        start += slot.size
    return parts if len(parts) > 1 else next(iter(parts.values()))
