"""How steep can a network be?"""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from typing import Any

import numpy as np

from ..answers import Cost, Range, RangeProgress
from ..answers.range import relative
from ..search.slope_bounds import SlopeEngine
from ..search.slope_search import slope_ranges
from .entries import chosen
from .input_set import input_box
from .limits import check_hooks, check_limits
from .network import NetworkLike
from .output_range import split_inputs
from .target import target


def gradient_range(
    network: NetworkLike, box: Any, *, inputs: Any = None, outputs: Any = None,
    layer: str | None = None, tol: float = 1e-6, time: float | None = None, seed: int = 0,
    progress: Callable[[RangeProgress], None] | None = None,
) -> Range:
    """The range of every partial derivative; see `outrange.gradient_range`."""
    check_limits(tol, time)
    check_hooks(progress, seed)
    began = clock.perf_counter()
    asked = target(network.graph, None, layer)
    graph, where = asked.graph, input_box(network.graph.inputs, box)
    rows, columns = chosen(graph.outputs, outputs, "outputs"), chosen(graph.inputs, inputs,
                                                                      "inputs")
    form, along = (g.ravel() for g in np.meshgrid(rows, columns, indexing="ij"))
    k = form.size

    def report(now) -> None:
        if progress is not None:
            lo, hi = now.lower[:k], -now.lower[k:]
            seen = now.seen[:k], -now.seen[k:]
            progress(RangeProgress(now.seconds, now.boxes, lo, hi, *seen, now.open))

    found = slope_ranges(
        graph, where, form, along, tol=tol, time_limit=time, progress=report, seed=seed
    )
    points = np.clip(found.at, where.lo, where.hi)
    least, most = _at_points(SlopeEngine(graph, where, form, along, np.ones(k)), points)
    own = np.arange(k)
    best_lo, best_hi = most.argmin(axis=0), least.argmax(axis=0)
    lo, hi = found.lower[:k] + 0.0, 0.0 - found.lower[k:]
    seen_lo = np.clip(most[best_lo, own], lo, hi)
    seen_hi = np.clip(least[best_hi, own], lo, hi)
    status = found.status
    off = relative(np.maximum(seen_lo - lo, hi - seen_hi), seen_lo, seen_hi)
    if status == "exact" and (off > 2 * tol + 1e-12).any():
        status = "rounding"
    shape = _shape(graph, outputs, inputs, rows, columns)

    def shaped(values: np.ndarray) -> np.ndarray:
        return values.reshape(shape)

    return Range(
        model=network.name,
        inputs={slot.name: slot.shape for slot in graph.inputs},
        outputs={"gradient": shape},
        lo=shaped(lo),
        hi=shaped(hi),
        seen_lo=shaped(seen_lo),
        seen_hi=shaped(seen_hi),
        at_lo=split_inputs(network, points[best_lo], shape),
        at_hi=split_inputs(network, points[best_hi], shape),
        model_lo=None,
        model_hi=None,
        tol=float(tol),
        status=status,
        warrant=found.warrant,
        cost=Cost(clock.perf_counter() - began, int(found.boxes)),
        methods=found.methods,
    )


def _at_points(engine: SlopeEngine, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`(points, k)` enclosures of the slopes at points; on a kink, of those to all sides."""
    least, most = [], []
    both = SlopeEngine(
        engine.graph, engine.box, np.tile(engine.form, 2), np.tile(engine.direction, 2),
        np.repeat([1.0, -1.0], engine.objectives),
    )  # fmt: skip
    for i in range(0, len(points), both.chunk):
        part = points[i : i + both.chunk]
        found = both.bound(part, part).least
        least.append(found[:, : engine.objectives])
        most.append(-found[:, engine.objectives :])
    return np.concatenate(least), np.concatenate(most)


def _shape(graph, outputs, inputs, rows, columns) -> tuple[int, ...]:
    """Outputs' own axes, then inputs' own axes; a flat axis where some are left out."""
    front = (rows.size,)
    if outputs is None and len(graph.outputs) == 1:
        front = graph.outputs[0].shape
    back = (columns.size,)
    if inputs is None and len(graph.inputs) == 1:
        back = graph.inputs[0].shape
    return (*front, *back)
