"""What can each output be?"""

import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..answers import Cost, Range, RangeProgress
from ..answers.range import relative
from ..core import Box, InputError, Warrant
from ..domains import bounds
from ..search import solve as search
from .evidence import enclose, model_values
from .input_set import input_box
from .network import NetworkLike
from .target import Target, target


@dataclass(frozen=True, eq=False)
class _Stopped:
    """A solution put together where the search could not: see `Solution` for the fields."""

    lower: np.ndarray
    at: np.ndarray
    status: str
    boxes: int
    seconds: float
    methods: tuple[str, ...] = ("interval arithmetic",)


def output_range(
    network: NetworkLike, box: Any, *, tol: float = 1e-6, time: float | None = None,
    rows: Any = None, layer: str | None = None,
    progress: Callable[[RangeProgress], None] | None = None,
) -> Range:
    """The exact range of every output of a loaded network; see `outrange.output_range`."""
    _check_limits(tol, time)
    graph = network.graph
    asked = target(graph, rows, layer)
    where = input_box(graph.inputs, box)
    found = _search(asked, where, tol, time, progress)
    return _answer(network, asked, found, tol)


def _check_limits(tol, time) -> None:
    for name, value, allowed in (("tol", tol, 0.0), ("time", time, None)):
        if value is None and name == "time":
            continue
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not number or not (value > 0 or value == allowed) or value == np.inf:
            rule = "a finite number >= 0, relative to the range seen" if name == "tol" else (
                "a finite number of seconds > 0, or None for no limit"
            )
            raise InputError(f"`{name}` must be {rule}. Received: {name}={value!r}.")


def _search(asked: Target, where: Box, tol, time, progress):
    """The search's solution for `[rows; -rows]`, or what is known if it was interrupted early."""
    k = len(asked.rows)
    rows = np.concatenate([asked.rows, -asked.rows])
    last = []

    def report(now):
        last[:] = [now]
        if progress is not None:
            progress(RangeProgress(
                now.seconds, now.boxes, now.lower[:k], -now.lower[k:], now.seen[:k],
                -now.seen[k:], now.open,
            ))

    start = clock.perf_counter()
    try:
        return search.solve(
            asked.graph, where, rows, np.zeros(2 * k), tol=tol, time_limit=time, progress=report
        )
    except KeyboardInterrupt:
        least, most = bounds(asked.formed, where.lo, where.hi, "intervals")[asked.formed.output]
        lower = np.concatenate([least[0], -most[0]])
        lower = np.maximum(lower, last[0].lower) if last else lower
        at = np.repeat((0.5 * where.lo + 0.5 * where.hi)[None], 2 * k, axis=0)
        boxes = last[0].boxes if last else 1
        return _Stopped(lower, at, "interrupted", boxes, clock.perf_counter() - start)


def _answer(network: NetworkLike, asked: Target, found, tol: float) -> Range:
    k = len(asked.rows)
    lo, hi = found.lower[:k] + 0.0, 0.0 - found.lower[k:]
    points = np.asarray(found.at, np.float64)
    best_lo, seen_lo, best_hi, seen_hi = _seen(asked, points)
    # The least value is at most `hi` too, and the largest at least `lo`: both ends stay ordered.
    seen_lo, seen_hi = np.minimum(seen_lo, hi), np.maximum(seen_hi, lo)
    model_lo = model_hi = None
    if network.predict is not None and asked.is_output:
        returned = model_values(network.graph, network.predict, points) @ asked.rows.T
        model_lo = returned[best_lo, np.arange(k)]
        model_hi = returned[best_hi, np.arange(k)]
    status = found.status
    if status == "exact":
        gap = np.maximum(seen_lo - lo, hi - seen_hi)
        loose = relative(gap, seen_lo, seen_hi) > 2 * tol
        status = "rounding" if loose.any() else status
    shape = next(iter(asked.outputs.values())) if len(asked.outputs) == 1 else (k,)

    def shaped(values):
        return None if values is None else values.reshape(shape)

    return Range(
        model=network.name,
        inputs={slot.name: slot.shape for slot in network.graph.inputs},
        outputs=asked.outputs,
        lo=shaped(lo), hi=shaped(hi), seen_lo=shaped(seen_lo), seen_hi=shaped(seen_hi),
        at_lo=split_inputs(network, points[best_lo], shape),
        at_hi=split_inputs(network, points[best_hi], shape),
        model_lo=shaped(model_lo), model_hi=shaped(model_hi),
        tol=float(tol), status=status, warrant=Warrant.FLOAT64_ROUNDED,
        cost=Cost(float(found.seconds), int(found.boxes)), methods=tuple(found.methods),
    )


def _seen(asked: Target, points: np.ndarray):
    """For each form the best of all named points at either end, on the safe side."""
    k = len(asked.rows)
    least, most = enclose(asked.formed, points)
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
