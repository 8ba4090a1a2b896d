"""Ranges of partial derivatives, and local Lipschitz constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...answers.answer import Cost
from ...answers.progress import RangeProgress
from ...answers.range import Range, relative
from ...core import Bounds, Clock, InputError, down, gamma
from ...core.arrays import distinct_rows
from ...core.box import Box
from ...core.clock import read_clock
from ...core.progress import begin_phase
from ...graph import Graph
from ...search.common.solution import SearchProgress, Solution, Status
from ...search.gradients.objectives import LipschitzObjective, Objectives, Partials
from ...search.gradients.search import minimize_derivatives
from ..common.arguments import check_hooks, check_limits
from ..common.entries import entry_labels, select_entries
from ..common.network import NetworkLike
from ..common.progress import range_reporter
from ..common.provenance import input_domain
from ..common.remedies import cost_of_tolerance, reserved_seconds, smaller_sets
from ..common.target import target
from ..inputs.parse_box import slope_box
from ..output_range import split_inputs
from .slope_evidence import Best, SlopeEvidence, both_ends, check_count


NORMS = {"inf": "inf", np.inf: "inf", 1: "1", "1": "1", 2: "2", "2": "2"}
"""Dict from each accepted value of the argument `norm` to the name of the selected norm."""


def gradient_range(
    network: NetworkLike,
    box: Any,
    *,
    inputs: Any = None,
    outputs: Any = None,
    tol: float | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    progress: Callable[[RangeProgress], None] | None = None,
) -> Range:
    """Compute the range of every partial derivative; see `outrange.gradient_range`."""
    check_limits(tol, time_limit)
    check_hooks(progress, seed)
    began = read_clock()
    wanted = target(network.graph)
    graph, where = wanted.graph, slope_box(network.graph.inputs, box)
    rows, columns = (
        select_entries(graph.outputs, outputs, "outputs"),
        select_entries(graph.inputs, inputs, "inputs"),
    )
    check_count(rows.size * columns.size, graph.size)
    partials = _all_partials(graph, rows, columns)
    k = partials.form.size

    clock, both = Clock(time_limit, began), both_ends(partials)
    evidence = SlopeEvidence(graph, where, partials, clock)
    reserved = evidence.reserve(2 * k, clock) + reserved_seconds(clock.limit)
    options = {"tol": tol, "progress": range_reporter(progress, k), "seed": seed}
    begin_phase("searching")
    solution = minimize_derivatives(graph, where, both, time_limit=clock.left - reserved, **options)
    begin_phase("computing evidence")
    points, which = distinct_rows(np.clip(solution.at, where.lo, where.hi))
    # Points that attain most slopes come first, because there may not be time for all.
    often = np.argsort(-np.bincount(which), kind="stable")
    points = points[often]
    low, high = Best(k), Best(k)
    for at, (least, most) in evidence.chunks(points, clock):
        low.take(-most, at)
        high.take(least, at)
    remedies_found = _remedies(graph, where, both, solution, tol, clock)
    best_lo, best_hi = low.at, high.at
    lo, hi = solution.lower[:k] + 0.0, 0.0 - solution.lower[k:]
    seen_lo, seen_hi = np.clip(-low.value, lo, hi), np.clip(high.value, lo, hi)
    status = str(solution.status)
    off = relative(np.maximum(seen_lo - lo, hi - seen_hi), seen_lo, seen_hi)
    if status == "exact" and (off > 2 * solution.tol + 1e-12).any():
        status = "rounding" if evidence.complete else "time"
    shape = _shape(graph, outputs, inputs, rows, columns)

    def reshape(values: np.ndarray) -> np.ndarray:
        return values.reshape(shape)

    return Range(
        model=network.name,
        inputs={slot.name: slot.shape for slot in graph.inputs},
        outputs={"gradient": shape},
        lo=reshape(lo),
        hi=reshape(hi),
        seen_lo=reshape(seen_lo),
        seen_hi=reshape(seen_hi),
        at_lo=split_inputs(network, points[best_lo], shape),
        at_hi=split_inputs(network, points[best_hi], shape),
        model_lo=None, model_hi=None, tol=float(solution.tol), status=status,
        warrant=solution.warrant,
        cost=Cost(read_clock() - began, int(solution.boxes)), methods=solution.methods,
        remedies=remedies_found, subject="gradient", labels=_labels(graph, partials),
        over=input_domain(network.graph.inputs, where),
    )  # fmt: skip


def lipschitz(
    network: NetworkLike,
    box: Any,
    *,
    norm: str = "inf",
    outputs: Any = None,
    tol: float | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    progress: Callable[[RangeProgress], None] | None = None,
) -> Range:
    """Compute the local Lipschitz constant of every output; see `outrange.lipschitz`."""
    check_limits(tol, time_limit)
    check_hooks(progress, seed)
    if not isinstance(norm, int | float | str) or norm not in NORMS:
        raise InputError(f'`norm` must be "inf", 1 or 2. Received: norm={norm!r}.')
    began = read_clock()
    wanted = target(network.graph)
    graph, where = wanted.graph, slope_box(network.graph.inputs, box)
    rows = select_entries(graph.outputs, outputs, "outputs")
    moving = np.flatnonzero(where.lo < where.hi)
    steep = LipschitzObjective(rows, moving if moving.size else np.zeros(1, np.int64), NORMS[norm])

    def report(now: SearchProgress) -> None:
        if progress is not None:
            seen = -now.seen
            progress(RangeProgress(now.seconds, now.boxes, seen, -now.lower, seen, seen, now.open))

    clock = Clock(time_limit, began)
    evidence = SlopeEvidence(graph, where, _all_partials(graph, rows, steep.directions), clock)
    left = clock.left - evidence.reserve(rows.size, clock) - reserved_seconds(clock.limit)
    solution = minimize_derivatives(
        graph, where, steep, tol=tol, time_limit=left, progress=report, seed=seed
    )
    points = np.clip(solution.at, where.lo, where.hi)
    steepest = Best(rows.size)
    for at, ends in evidence.chunks(points, clock):
        steepest.take(_norms(steep, rows.size, ends), at)
    remedies_found = _remedies(graph, where, steep, solution, tol, clock)
    best = steepest.at
    hi = 0.0 - solution.lower if moving.size else np.zeros(rows.size)
    seen = np.minimum(np.maximum(steepest.value, 0.0), hi)
    shape = graph.outputs[0].shape if outputs is None and len(graph.outputs) == 1 else (rows.size,)
    status = str(solution.status) if moving.size else "exact"
    if status == "exact" and (hi - seen > 2 * solution.tol * np.maximum(hi, 1e-300)).any():
        status = "rounding" if evidence.complete else "time"
    at, names = split_inputs(network, points[best], shape), entry_labels(graph.outputs)
    return Range(
        model=network.name, inputs={slot.name: slot.shape for slot in network.graph.inputs},
        outputs={"lipschitz": shape}, lo=seen.reshape(shape), hi=hi.reshape(shape),
        seen_lo=seen.reshape(shape), seen_hi=seen.reshape(shape), at_lo=at, at_hi=at,
        model_lo=None, model_hi=None, tol=float(solution.tol), status=status,
        warrant=solution.warrant,
        cost=Cost(read_clock() - began, int(solution.boxes)), methods=solution.methods,
        subject="lipschitz", labels=tuple(names[i] for i in rows), remedies=remedies_found,
        over=input_domain(network.graph.inputs, where),
    )  # fmt: skip


def _norms(objective: LipschitzObjective, outputs: int, ends: Bounds) -> np.ndarray:
    """Bound gradient norms from below, `(points, outputs)`, given bounds on the gradients."""
    low, high = (end.reshape(len(end), outputs, -1) for end in ends)
    inner = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
    inner = np.ascontiguousarray(inner.transpose(0, 2, 1))
    whole = LipschitzObjective(np.arange(outputs), objective.directions, objective.norm)
    shrunk = 1.0 - 8.0 * gamma(objective.directions.size + 8)
    return np.maximum(down(-whole.least(inner, inner) * shrunk) - 1e-149, 0.0)


def _remedies(
    graph: Graph,
    where: Box,
    objectives: Objectives,
    solution: Solution,
    tol: float | None,
    clock: Clock,
) -> tuple[str, ...]:
    """Return sentences that suggest larger tolerances or smaller sets, if some gap is open."""
    if solution.status is Status.EXACT:
        return ()
    remedies_found = cost_of_tolerance(solution.reached, solution.tol)
    if solution.status is not Status.TIME or not reserved_seconds(clock.limit):
        return remedies_found

    def ask(smaller: Box, seconds: float) -> bool:
        smaller_solution = minimize_derivatives(
            graph, smaller, objectives, tol=tol, time_limit=seconds
        )
        return smaller_solution.status is Status.EXACT

    quickest = 2 * solution.seconds / max(1, solution.boxes)
    return remedies_found + smaller_sets(
        ask, graph, where, entry_labels(graph.inputs), clock, quickest=quickest
    )


def _labels(graph: Graph, partials: Partials) -> tuple[str, ...]:
    """Return the label of each derivative, such as `d y[0] / d x[1]`."""
    outputs, inputs = entry_labels(graph.outputs), entry_labels(graph.inputs)
    pairs = zip(partials.form, partials.direction, strict=True)
    return tuple(f"d {outputs[i]} / d {inputs[j]}" for i, j in pairs)


def _all_partials(graph: Graph, rows: np.ndarray, columns: np.ndarray) -> Partials:
    form, along = (g.ravel() for g in np.meshgrid(rows, columns, indexing="ij"))
    return Partials(form, along, np.ones(form.size))


def _shape(
    graph: Graph, outputs: Any, inputs: Any, rows: np.ndarray, columns: np.ndarray
) -> tuple[int, ...]:
    """Return the shape of the array of derivatives: the outputs' axes, then the inputs' axes.

    If some outputs are selected, or if the model has several output arrays, the outputs have a
    single flat axis. The same rule holds for the inputs.
    """
    front = (rows.size,)
    if outputs is None and len(graph.outputs) == 1:
        front = graph.outputs[0].shape
    back = (columns.size,)
    if inputs is None and len(graph.inputs) == 1:
        back = graph.inputs[0].shape
    return (*front, *back)
