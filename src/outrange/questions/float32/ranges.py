"""The range of every output of the float32 network, in any order of its sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...answers.progress import RangeProgress
from ...answers.range import Range, relative
from ...core import Clock, InputError, Region
from ...core.arrays import linear_forms
from ...core.watch import begin_phase
from ...domains.float32 import Float32Plan, with_rows
from ..common.network import NetworkLike
from ..common.target import Target, target
from ..evidence.budget import EvidenceBudget
from ..evidence.check_point import contains, nearby
from ..evidence.evaluate import enclose, run_model
from ..inputs.sets import regions
from ..output_range import output_range, split_inputs
from .described import check_described
from .splits import Float32Ends, float32_ends


GOAL = 3e-5
"""Of the range seen: a widening that is small enough."""

SHARE = 0.6
"""Of the time goes to the search in real arithmetic."""

SPLITS = 0.8
"""Of what is then left goes to splits; the rest is for evidence."""

LEAST_SECONDS = 2.0
"""For splits, where there is no limit."""

PER_SECOND = 10.0
"""Seconds for splits a second of the search in real arithmetic, where there is no limit."""

METHOD = "float32 rounding errors over boxes, back-substituted (Higham 2002, Zhang et al. 2018)"


def float32_range(
    network: NetworkLike,
    box: Any,
    *,
    tol: float | None = None,
    time_limit: float | None = None,
    rows: Any = None,
    layer: str | None = None,
    solver: bool = True,
    progress: Callable[[RangeProgress], None] | None = None,
) -> Range:
    """The range of the deployed float32 network: see `outrange.output_range`.

    The range of the real network, each end moved outward by what float32 may stray from it there.

    Args:
        network: The model.
        box: The input set; float32 numbers in it are the inputs.
        tol: Of the search in real arithmetic.
        time_limit: Seconds, for both.
        rows: Forms of the outputs, formed in real arithmetic from float32 outputs.
        layer: A layer's name.
        solver: Whether a mixed-integer solver may help.
        progress: Called now and then.
    """
    check_described(network)
    clock = Clock(time_limit)
    asked = target(network.graph, rows, layer)
    plan = float32_plan(network, asked)
    sets = regions(network.graph.inputs, box)
    real = output_range(
        network, box, tol=tol, time_limit=None if time_limit is None else SHARE * time_limit,
        rows=rows, layer=layer, solver=solver, progress=progress,
    )  # fmt: skip
    lo, hi = np.ravel(real.lo), np.ravel(real.hi)
    seen = np.ravel(real.seen_lo), np.ravel(real.seen_hi)
    scale = np.maximum(seen[1] - seen[0], 1e-6 * np.maximum(np.abs(seen[0]), np.abs(seen[1])))
    budget = EvidenceBudget.of(asked.formed, sets[0].box, 2 * lo.size, clock)
    seconds = max(LEAST_SECONDS, PER_SECOND * real.cost.seconds)
    if time_limit is not None:
        seconds = max(SPLITS * (clock.left - budget.seconds), 1e-3)
    corners = np.stack([r.box.lo for r in sets]), np.stack([r.box.hi for r in sets])
    points = np.concatenate([_flat(real.at_lo, lo.size), _flat(real.at_hi, lo.size)])
    begin_phase("bounding float32 rounding")
    found = float32_ends(plan, corners, (lo, hi), GOAL * np.nan_to_num(scale), seconds, points)
    begin_phase("computing evidence")
    return _answer(network, asked, real, found, sets, clock, budget)


def float32_plan(network: NetworkLike, asked: Target) -> Float32Plan:
    """The analysis of forms of a network as it is written, operation by operation."""
    if asked.is_output:
        return with_rows(network.written, asked.rows)
    values = [v for name in asked.outputs for v in network.graph.layers.get(name, ())]
    if len(values) != 1:
        raise InputError(
            "arithmetic='float32' bounds the values of a layer that is called once, and no forms "
            f"of them. Received: {list(asked.outputs)}."
        )
    places = getattr(network, "places", {}) if getattr(network, "plain", None) else {}
    return with_rows(network.written, asked.rows, places.get(values[0], values[0]))


def _answer(
    network: NetworkLike,
    asked: Target,
    real: Range,
    found: Float32Ends,
    sets: Sequence[Region],
    clock: Clock,
    budget: EvidenceBudget,
) -> Range:
    shape, k = real.lo.shape, real.lo.size
    lo, hi = np.minimum(found.lo, np.ravel(real.lo)), np.maximum(found.hi, np.ravel(real.hi))
    points = np.concatenate([_flat(real.at_lo, k), _flat(real.at_hi, k)])
    points = np.stack([_float32_point(x, sets) for x in points])
    with np.errstate(invalid="ignore"):
        off = np.maximum(np.ravel(real.lo) - lo, hi - np.ravel(real.hi))
    # Where both are infinite, it is open how far float32 moves an end.
    off = np.where(np.isnan(off), np.inf, off)
    tried = np.isin(np.arange(2 * k), budget.spread(2 * k))
    low, high = _attained(network, asked, points, tried, off, clock.left)
    own = np.arange(k)
    seen_lo, seen_hi = high[own, own], low[k + own, own]
    seen_lo, seen_hi = np.clip(seen_lo, lo, hi), np.clip(seen_hi, lo, hi)
    gap = np.maximum(seen_lo - lo, hi - seen_hi)
    exact = bool((relative(gap, seen_lo, seen_hi) <= real.tol).all())
    status = "exact" if exact else ("float32" if real.status == "exact" else real.status)
    cost = replace(real.cost, seconds=clock.seconds, boxes=real.cost.boxes + found.boxes)
    return replace(
        real,
        lo=lo.reshape(shape), hi=hi.reshape(shape),
        seen_lo=seen_lo.reshape(shape), seen_hi=seen_hi.reshape(shape),
        at_lo=split_inputs(network, points[:k], shape),
        at_hi=split_inputs(network, points[k:], shape),
        status=status, cost=cost, methods=(*real.methods, METHOD),
        arithmetic="float32", real_lo=real.lo, real_hi=real.hi,
    )  # fmt: skip


def _flat(at: Any, k: int) -> np.ndarray:
    parts = at.values() if isinstance(at, dict) else [at]
    return np.concatenate([np.reshape(part, (k, -1)) for part in parts], axis=1)


def _float32_point(x: np.ndarray, sets: Sequence[Region]) -> np.ndarray:
    """The point as float32 numbers in the set; as it is where none are near."""
    for near in nearby(x, sets):
        single = np.array_equal(near, near.astype(np.float32).astype(np.float64))
        if single and any(contains(one, near) for one in sets):
            return near
    return x


def _attained(
    network: NetworkLike,
    asked: Target,
    points: np.ndarray,
    tried: np.ndarray,
    off: np.ndarray,
    left: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Bound the forms in float32 at each point; the model's own value where it ran.

    Args:
        network: The model.
        asked: The forms, `k` of them.
        points: `(n, inputs)`.
        tried: `(n,)` which points there is time for; nothing is known at the others.
        off: `(k,)` how far float32 may stray.
        left: Seconds that are left.
    """
    finite = tried & ~np.isnan(points).any(axis=1)
    low = np.full((len(points), len(asked.rows)), -np.inf)
    high = -low
    single = np.all(points == points.astype(np.float32), axis=1)
    if finite.any():
        ends = enclose(asked.formed, points[finite], seconds=left)
        with np.errstate(invalid="ignore"):
            below, above = ends[0] - off, ends[1] + off
        low[finite] = np.where(np.isnan(below), -np.inf, below)
        high[finite] = np.where(np.isnan(above), np.inf, above)
    ran = finite & single
    if network.predict is not None and asked.is_output and ran.any():
        values = linear_forms(asked.rows, run_model(network, network.predict, points[ran]).y)
        values = np.where(np.isfinite(values), values, np.nan)
        low[ran], high[ran] = np.fmax(values, low[ran]), np.fmin(values, high[ran])
        low[ran] = np.where(np.isnan(values), low[ran], values)
        high[ran] = np.where(np.isnan(values), high[ran], values)
    return low, high
