"""What can each output be?"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..answers import Cost, Range, RangeProgress
from ..answers.range import relative
from ..core import Box
from ..search.common.solution import SearchProgress, Solution
from ..search.solve import solve
from .common.arguments import check_hooks, check_limits
from .common.network import NetworkLike
from .common.target import Target, target
from .evidence.evaluate import enclose, model_values
from .inputs.sets import regions
from .optimize.range_of_set import range_over


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
        return _answer(network, asked, range_over(asked.formed, sets, tol=tol, time=time), tol)
    found = _search(asked, sets[0].box, tol, time, solver, progress)
    ends = sets[0].box
    return _answer(network, asked, replace(found, at=np.clip(found.at, ends.lo, ends.hi)), tol)


def _search(asked: Target, where: Box, tol, time, solver: bool, progress) -> Solution:
    """The least values of `[rows; -rows]`."""
    k = len(asked.rows)

    def report(now: SearchProgress) -> None:
        ends = (now.lower[:k], -now.lower[k:], now.seen[:k], -now.seen[k:])
        progress(RangeProgress(now.seconds, now.boxes, *ends, now.open))

    return solve(
        asked.graph,
        where,
        np.concatenate([asked.rows, -asked.rows]),
        tol=tol,
        time_limit=time,
        solver=solver,
        progress=None if progress is None else report,
    )


def _answer(network: NetworkLike, asked: Target, found: Solution, tol: float) -> Range:
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
            returned = model_values(network, network.predict, points) @ asked.rows.T
        model_lo = shaped(returned[best_lo, np.arange(k)])
        model_hi = shaped(returned[best_hi, np.arange(k)])
    status = str(found.status)
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
