"""What can each output be?"""

import time as clock
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..answers import Cost, Range, RangeProgress
from ..answers.range import relative
from ..core import Box, Region, Warrant
from ..domains import bounds
from ..search import solve as search
from .contradictions import check_forms, inside, sampled
from .evidence import enclose, run_model
from .limits import check_hooks, check_limits
from .network import NetworkLike
from .range_over import range_over
from .sets import regions
from .target import Target, target


@dataclass(frozen=True, eq=False)
class _Stopped:
    """A solution put together where the search could not: see `Solution` for the fields."""

    lower: np.ndarray
    at: np.ndarray
    tolerance: np.ndarray
    status: str
    boxes: int
    seconds: float
    methods: tuple[str, ...] = ("interval arithmetic",)
    warrant: Warrant = Warrant.FLOAT64_ROUNDED


def output_range(
    network: NetworkLike,
    box: Any,
    *,
    tol: float = 1e-6,
    time: float | None = None,
    rows: Any = None,
    layer: str | None = None,
    solver: bool = True,
    progress: Callable[[RangeProgress], None] | None = None,
) -> Range:
    """The exact range of every output of a loaded network; see `outrange.output_range`."""
    check_limits(tol, time)
    check_hooks(progress)
    graph = network.graph
    asked = target(graph, rows, layer)
    sets = regions(graph.inputs, box)
    if len(sets) > 1 or not sets[0].is_box:
        found = range_over(asked.formed, sets, tol=tol, time=time)
        return _answer(network, asked, found, tol, sets)
    found = _search(asked, sets[0].box, tol, time, solver, progress)
    ends = sets[0].box
    found = replace(found, at=np.clip(found.at, ends.lo, ends.hi))
    return _answer(network, asked, found, tol, sets)


def _search(asked: Target, where: Box, tol, time, solver: bool, progress):
    """The search's solution for `[rows; -rows]`, or what is known if it was interrupted early."""
    k = len(asked.rows)
    rows = np.concatenate([asked.rows, -asked.rows])
    last = []

    def report(now):
        last[:] = [now]
        if progress is not None:
            progress(
                RangeProgress(
                    now.seconds,
                    now.boxes,
                    now.lower[:k],
                    -now.lower[k:],
                    now.seen[:k],
                    -now.seen[k:],
                    now.open,
                )
            )

    start = clock.perf_counter()
    try:
        return search.solve(
            asked.graph,
            where,
            rows,
            np.zeros(2 * k),
            tol=tol,
            time_limit=time,
            solver=solver,
            progress=report,
        )
    except KeyboardInterrupt:
        least, most = bounds(asked.formed, where.lo, where.hi, "intervals")[asked.formed.output]
        lower = np.concatenate([least[0], -most[0]])
        lower = np.maximum(lower, last[0].lower) if last else lower
        at = np.repeat((0.5 * where.lo + 0.5 * where.hi)[None], 2 * k, axis=0)
        boxes = last[0].boxes if last else 1
        seconds = clock.perf_counter() - start
        return _Stopped(lower, at, np.zeros(2 * k), "interrupted", boxes, seconds)


def _answer(
    network: NetworkLike, asked: Target, found, tol: float, sets: Sequence[Region]
) -> Range:
    k = len(asked.rows)
    lo, hi = found.lower[:k] + 0.0, 0.0 - found.lower[k:]
    points = np.asarray(found.at, np.float64)
    best_lo, seen_lo, best_hi, seen_hi = _seen(asked, points)
    # The least value is at most `hi` too, and the largest at least `lo`: both ends stay ordered.
    seen_lo, seen_hi = np.minimum(seen_lo, hi), np.maximum(seen_hi, lo)
    shape = next(iter(asked.outputs.values())) if len(asked.outputs) == 1 else (k,)

    def shaped(values: np.ndarray) -> np.ndarray:
        return values.reshape(shape)

    model_lo = model_hi = None
    if network.predict is not None and asked.is_output:
        with np.errstate(all="ignore"):  # Where its float32 overflows, it says so itself.
            run = run_model(network, network.predict, points)
            returned = run.y @ asked.rows.T
        for one in (inside(run, sets), sampled(network, sets)):
            check_forms(one, asked.rows, lo, hi)
        model_lo = shaped(returned[best_lo, np.arange(k)])
        model_hi = shaped(returned[best_hi, np.arange(k)])
    status = found.status
    if status == "exact":
        loose = np.concatenate([seen_lo - lo, hi - seen_hi]) > 2 * found.tolerance + 1e-300
        far = relative(np.maximum(seen_lo - lo, hi - seen_hi), seen_lo, seen_hi) > 2 * tol + 1e-12
        status = "rounding" if loose.any() or far.any() else status
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
        tol=float(tol),
        status=status,
        warrant=found.warrant,
        cost=Cost(float(found.seconds), int(found.boxes)),
        methods=tuple(found.methods),
    )


def _seen(asked: Target, points: np.ndarray):
    """For each form the best of all named points at either end, on the safe side."""
    k = len(asked.rows)
    least, most = enclose(asked.formed, points)
    unknown = np.isnan(points).any(axis=1, keepdims=True)  # no input of the set is known
    least, most = np.where(unknown, -np.inf, least), np.where(unknown, np.inf, most)
    own = np.arange(k)
    best_lo = _better(most, own, own + k)
    best_hi = _better(-least, own + k, own)
    return best_lo, most[best_lo, own], best_hi, least[best_hi, own]


def _better(values: np.ndarray, mine: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Row of the smallest value of each column; row `mine`, then `other`, unless one is smaller."""
    column = np.arange(values.shape[1])
    best = np.argmin(values, axis=0)
    for row in (other, mine):
        best = np.where(values[row, column] <= values[best, column], row, best)
    return best


def split_inputs(network: NetworkLike, points: np.ndarray, shape: tuple[int, ...]):
    """Flat points `(k, inputs)` in the inputs' own shapes, `shape` in front; a dict if several."""
    parts, start = {}, 0
    for slot in network.graph.inputs:
        part = points[:, start : start + slot.size]
        parts[slot.name] = part.reshape(shape + slot.shape)
        start += slot.size
    return parts if len(parts) > 1 else next(iter(parts.values()))
