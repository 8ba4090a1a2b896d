"""Ranges of partial derivatives, and local Lipschitz constants."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from ...answers import Cost, Range, RangeProgress
from ...answers.range import relative
from ...core import Bounds, Clock, InputError, OutOfTime, deadline, down, gamma, no_deadline
from ...core.arrays import distinct_rows
from ...core.box import Box
from ...graph import Graph
from ...search.common.solution import SearchProgress, Solution, Status
from ...search.gradients.bounds import DerivativeEngine
from ...search.gradients.objectives import LipschitzObjective, Objectives, Partials
from ...search.gradients.search import minimize_derivatives
from ..common.arguments import check_hooks, check_limits
from ..common.entries import chosen, entry_labels
from ..common.network import NetworkLike
from ..common.progress import range_reporter
from ..common.remedies import cost_of_tolerance, kept_back, smaller_sets
from ..common.target import target
from ..inputs.parse_box import real_box
from ..output_range import split_inputs


MOST_SHARE, LATE = 0.3, 0.5
"""Of the time limit, kept for slopes at points; and seconds after it in which some may still be
evaluated."""

NORMS = {"inf": "inf", np.inf: "inf", 1: "1", "1": "1", 2: "2", "2": "2"}
"""The norms of steps."""


def gradient_range(
    network: NetworkLike,
    box: Any,
    *,
    inputs: Any = None,
    outputs: Any = None,
    layer: str | None = None,
    tol: float | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    progress: Callable[[RangeProgress], None] | None = None,
) -> Range:
    """Compute the range of every partial derivative; see `outrange.gradient_range`."""
    check_limits(tol, time_limit)
    check_hooks(progress, seed)
    began = time.perf_counter()
    asked = target(network.graph, None, layer)
    graph, where = asked.graph, real_box(network.graph.inputs, box, "A slope")
    rows, columns = (
        chosen(graph.outputs, outputs, "outputs"),
        chosen(graph.inputs, inputs, "inputs"),
    )
    partials = _all_partials(graph, rows, columns)
    k = partials.form.size

    report = range_reporter(progress, k)
    clock, both = Clock(time_limit, began), _both_ends(partials)
    evidence = _Evidence(graph, where, partials, clock)
    kept = evidence.reserve(2 * k, clock) + kept_back(clock.limit)
    options = {"tol": tol, "progress": report, "seed": seed}
    found = minimize_derivatives(graph, where, both, time_limit=clock.left - kept, **options)
    points, which = distinct_rows(np.clip(found.at, where.lo, where.hi))
    # Those that are the best of most slopes come first: there may not be time for all.
    often = np.argsort(-np.bincount(which), kind="stable")
    least, most = evidence.at(points[often], clock)
    points = points[often]
    helps = _remedies(graph, where, both, found, tol, clock)
    own = np.arange(k)
    best_lo, best_hi = most.argmin(axis=0), least.argmax(axis=0)
    lo, hi = found.lower[:k] + 0.0, 0.0 - found.lower[k:]
    seen_lo = np.clip(most[best_lo, own], lo, hi)
    seen_hi = np.clip(least[best_hi, own], lo, hi)
    status = str(found.status)
    off = relative(np.maximum(seen_lo - lo, hi - seen_hi), seen_lo, seen_hi)
    if status == "exact" and (off > 2 * found.tol + 1e-12).any():
        status = "rounding" if evidence.complete else "time"
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
        tol=float(found.tol),
        status=status,
        warrant=found.warrant,
        cost=Cost(time.perf_counter() - began, int(found.boxes)),
        methods=found.methods,
        remedies=helps,
        subject="gradient",
        labels=_labels(graph, partials),
    )


def lipschitz(
    network: NetworkLike,
    box: Any,
    *,
    norm: str = "inf",
    outputs: Any = None,
    layer: str | None = None,
    tol: float | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    progress: Callable[[RangeProgress], None] | None = None,
) -> Range:
    """Compute the local Lipschitz constant of every output; see `outrange.lipschitz`."""
    check_limits(tol, time_limit)
    check_hooks(progress, seed)
    if norm not in NORMS:
        raise InputError(f'`norm` is "inf", 1 or 2: how steps are measured. Received: {norm!r}.')
    began = time.perf_counter()
    asked = target(network.graph, None, layer)
    graph, where = asked.graph, real_box(network.graph.inputs, box, "A slope")
    rows = chosen(graph.outputs, outputs, "outputs")
    moving = np.flatnonzero(where.lo < where.hi)
    steep = LipschitzObjective(rows, moving if moving.size else np.zeros(1, np.int64), NORMS[norm])

    def report(now: SearchProgress) -> None:
        if progress is not None:
            seen = -now.seen
            progress(RangeProgress(now.seconds, now.boxes, seen, -now.lower, seen, seen, now.open))

    clock = Clock(time_limit, began)
    evidence = _Evidence(graph, where, _all_partials(graph, rows, steep.directions), clock)
    left = clock.left - evidence.reserve(rows.size, clock) - kept_back(clock.limit)
    found = minimize_derivatives(
        graph, where, steep, tol=tol, time_limit=left, progress=report, seed=seed
    )
    points = np.clip(found.at, where.lo, where.hi)
    ends = evidence.at(points, clock)
    helps = _remedies(graph, where, steep, found, tol, clock)
    sizes = [e.reshape(len(points), rows.size, -1) for e in ends]
    inner = np.where((sizes[0] <= 0) & (sizes[1] >= 0), 0.0, np.minimum(*map(np.abs, sizes)))
    inner = np.ascontiguousarray(inner.transpose(0, 2, 1))
    reached = down(
        -LipschitzObjective(np.arange(rows.size), steep.directions, steep.norm).least(inner, inner)
        * (1.0 - 8.0 * gamma(moving.size + 8))
    )
    reached = np.maximum(reached - 1e-149, 0.0)
    own = np.arange(rows.size)
    best = reached.argmax(axis=0)
    hi = 0.0 - found.lower if moving.size else np.zeros(rows.size)
    seen = np.minimum(reached[best, own], hi)
    shape = graph.outputs[0].shape if outputs is None and len(graph.outputs) == 1 else (rows.size,)
    status = found.status if moving.size else "exact"
    if status == "exact" and (hi - seen > 2 * found.tol * np.maximum(hi, 1e-300)).any():
        status = "rounding" if evidence.complete else "time"
    at = split_inputs(network, points[best], shape)
    return Range(
        model=network.name, inputs={slot.name: slot.shape for slot in network.graph.inputs},
        outputs={"lipschitz": shape}, lo=seen.reshape(shape), hi=hi.reshape(shape),
        seen_lo=seen.reshape(shape), seen_hi=seen.reshape(shape), at_lo=at, at_hi=at,
        model_lo=None, model_hi=None, tol=float(found.tol), status=status, warrant=found.warrant,
        cost=Cost(time.perf_counter() - began, int(found.boxes)), methods=found.methods,
        subject="lipschitz", labels=tuple(entry_labels(graph.outputs)[i] for i in rows),
        remedies=helps,
    )  # fmt: skip


def _remedies(
    graph: Graph, where: Box, asked: Objectives, found: Solution, tol: float | None, clock: Clock
) -> tuple[str, ...]:
    """What would close the gaps, if they are open."""
    if found.status is Status.EXACT:
        return ()
    helps = cost_of_tolerance(found.reached, found.tol)
    if found.status is not Status.TIME or not kept_back(clock.limit):
        return helps

    def ask(smaller: Box, seconds: float) -> bool:
        one = minimize_derivatives(graph, smaller, asked, tol=tol, time_limit=seconds)
        return one.status is Status.EXACT

    quickest = 2 * found.seconds / max(1, found.boxes)
    return helps + smaller_sets(
        ask, graph, where, entry_labels(graph.inputs), clock, quickest=quickest
    )


def _labels(graph: Graph, partials: Partials) -> tuple[str, ...]:
    """What each derivative is called: `d y[0] / d x[1]`."""
    outputs, inputs = entry_labels(graph.outputs), entry_labels(graph.inputs)
    pairs = zip(partials.form, partials.direction, strict=True)
    return tuple(f"d {outputs[i]} / d {inputs[j]}" for i, j in pairs)


def _all_partials(graph: Graph, rows: np.ndarray, columns: np.ndarray) -> Partials:
    form, along = (g.ravel() for g in np.meshgrid(rows, columns, indexing="ij"))
    return Partials(form, along, np.ones(form.size))


def _both_ends(asked: Partials) -> Partials:
    sign = np.concatenate([asked.sign, -asked.sign])
    return Partials(np.tile(asked.form, 2), np.tile(asked.direction, 2), sign)


class _Evidence:
    """Slopes at points, rigorous: on a kink, those to all sides.

    Args:
        graph: The network.
        where: The box.
        asked: The slopes.
        clock: Of the question.
    """

    def __init__(self, graph: Graph, where: Box, asked: Partials, clock: Clock) -> None:
        self._count, self._engine, self._seconds = asked.form.size, None, 0.0
        middle = 0.5 * where.lo[None] + 0.5 * where.hi[None]
        with suppress(OutOfTime), deadline(max(LATE, MOST_SHARE * clock.left)):
            engine = DerivativeEngine(graph, where, _both_ends(asked))
            began = time.perf_counter()
            engine.bound(middle, middle)
            self._seconds = time.perf_counter() - began
            self._engine = engine
        self.complete = self._engine is not None
        """Whether there was time for all points."""

    def reserve(self, points: int, clock: Clock) -> float:
        """Seconds to keep for so many points."""
        if clock.limit == np.inf or self._engine is None:
            return 0.0
        return min(MOST_SHARE * clock.limit, points * self._seconds)

    def at(self, points: np.ndarray, clock: Clock) -> Bounds:
        """`(points, k)` enclosures of the slopes; nothing of what there is no time for."""
        found = np.full((len(points), 2 * self._count), -np.inf)
        known = np.flatnonzero(~np.isnan(points).any(axis=1))
        if self._engine is not None:
            step = self._engine.chunk
            if clock.limit + LATE - clock.seconds < len(known) * self._seconds:
                step = 1
            with no_deadline():
                for i in range(0, len(known), step):
                    if clock.limit + LATE - clock.seconds < step * self._seconds:
                        self.complete = False
                        break
                    part = points[known[i : i + step]]
                    found[known[i : i + step]] = self._engine.bound(part, part).least
        return found[:, : self._count], -found[:, self._count :]


def _shape(
    graph: Graph, outputs: Any, inputs: Any, rows: np.ndarray, columns: np.ndarray
) -> tuple[int, ...]:
    """Outputs' own axes, then inputs' own axes; a flat axis where some are left out."""
    front = (rows.size,)
    if outputs is None and len(graph.outputs) == 1:
        front = graph.outputs[0].shape
    back = (columns.size,)
    if inputs is None and len(graph.inputs) == 1:
        back = graph.inputs[0].shape
    return (*front, *back)
