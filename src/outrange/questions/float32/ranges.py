"""Range of every output of the float32 network, with its sums evaluated in any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...answers.progress import RangeProgress
from ...answers.range import Range, relative
from ...core import Clock, Region
from ...core.arrays import linear_forms
from ...core.progress import begin_phase
from ...domains.float32 import plan_of_rows
from ..common.network import NetworkLike
from ..common.target import Target, target
from ..evidence.budget import EvidenceBudget
from ..evidence.check_point import contains, nearby
from ..evidence.evaluate import enclose, run_model
from ..inputs.sets import regions
from ..output_range import output_range, split_inputs
from .described import check_casts, check_described
from .splits import Float32Ends, float32_ends


GOAL = 3e-5
"""Splitting stops once rounding widens each bound by at most this fraction of the observed
range."""

SHARE = 0.6
"""Fraction of the time limit spent on the search in real arithmetic."""

SPLITS = 0.8
"""Fraction of the remaining time that is spent on splits; the time reserved for evidence does not
count."""

LEAST_SECONDS = 2.0
"""Minimum time in seconds spent on splits if there is no time limit."""

PER_SECOND = 10.0
"""Seconds spent on splits per second of the search in real arithmetic, if there is no time
limit."""

METHOD = "float32 rounding errors over boxes, back-substituted (Higham 2002, Zhang et al. 2018)"


def float32_range(
    network: NetworkLike,
    box: Any,
    *,
    tol: float | None = None,
    time_limit: float | None = None,
    rows: Any = None,
    solver: bool = True,
    progress: Callable[[RangeProgress], None] | None = None,
) -> Range:
    """Compute the range of the deployed float32 network; see `outrange.output_range`.

    The bounds contain the proved range of the real-valued network, widened by proved bounds on the
    rounding errors of float32.

    Args:
        network: The network under study.
        box: The input set; the float32 points in it are the possible inputs.
        tol: Tolerance of the search in real arithmetic.
        time_limit: Limit in seconds for the whole computation; None for no limit.
        rows: Linear forms of the outputs, computed in real arithmetic from float32 outputs.
        solver: Whether a mixed-integer solver may be used.
        progress: Callback for progress records, called a few times a second.
    """
    check_described(network)
    clock = Clock(time_limit)
    wanted = target(network.graph, rows)
    plan = plan_of_rows(network.written, wanted.rows)
    sets = regions(network.graph.inputs, box)
    check_casts(network, sets)
    real = output_range(
        network, box, tol=tol, time_limit=None if time_limit is None else SHARE * time_limit,
        rows=rows, solver=solver, progress=progress,
    )  # fmt: skip
    lo, hi = np.ravel(real.lo), np.ravel(real.hi)
    seen = np.ravel(real.seen_lo), np.ravel(real.seen_hi)
    scale = np.maximum(seen[1] - seen[0], 1e-6 * np.maximum(np.abs(seen[0]), np.abs(seen[1])))
    budget = EvidenceBudget.of(wanted.formed, sets[0].box, 2 * lo.size, clock)
    seconds = max(LEAST_SECONDS, PER_SECOND * real.cost.seconds)
    if time_limit is not None:
        seconds = max(SPLITS * (clock.left - budget.seconds), 1e-3)
    corners = np.stack([r.box.lo for r in sets]), np.stack([r.box.hi for r in sets])
    points = np.concatenate([_flat(real.at_lo, lo.size), _flat(real.at_hi, lo.size)])
    begin_phase("bounding float32 rounding")
    float32_bounds = float32_ends(
        plan, corners, (lo, hi), GOAL * np.nan_to_num(scale), seconds, points
    )
    begin_phase("computing evidence")
    return _answer(network, wanted, real, float32_bounds, sets, clock, budget)


def _answer(
    network: NetworkLike,
    wanted: Target,
    real: Range,
    float32_bounds: Float32Ends,
    sets: Sequence[Region],
    clock: Clock,
    budget: EvidenceBudget,
) -> Range:
    shape, k = real.lo.shape, real.lo.size
    lo, hi = (
        np.minimum(float32_bounds.lo, np.ravel(real.lo)),
        np.maximum(float32_bounds.hi, np.ravel(real.hi)),
    )
    points = np.concatenate([_flat(real.at_lo, k), _flat(real.at_hi, k)])
    points = np.stack([_float32_point(x, sets) for x in points])
    with np.errstate(invalid="ignore"):
        off = np.maximum(np.ravel(real.lo) - lo, hi - np.ravel(real.hi))
    # If both are infinite, the deviation at a bound is unknown.
    off = np.where(np.isnan(off), np.inf, off)
    tried = np.isin(np.arange(2 * k), budget.spread(2 * k))
    low, high = _bound_at_points(network, wanted, points, tried, off, clock.left)
    forms = np.arange(k)
    seen_lo, seen_hi = high[forms, forms], low[k + forms, forms]
    seen_lo, seen_hi = np.clip(seen_lo, lo, hi), np.clip(seen_hi, lo, hi)
    gap = np.maximum(seen_lo - lo, hi - seen_hi)
    exact = bool((relative(gap, seen_lo, seen_hi) <= real.tol).all())
    status = "exact" if exact else ("float32" if real.status == "exact" else real.status)
    cost = replace(real.cost, seconds=clock.seconds, boxes=real.cost.boxes + float32_bounds.boxes)
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
    """Return a float32 point of the input set that is equal or close to `x`.

    The result is `x` itself if no such point is found.
    """
    for near in nearby(x, sets):
        single = np.array_equal(near, near.astype(np.float32).astype(np.float64))
        if single and any(contains(region, near) for region in sets):
            return near
    return x


def _bound_at_points(
    network: NetworkLike,
    wanted: Target,
    points: np.ndarray,
    tried: np.ndarray,
    off: np.ndarray,
    left: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Bound the forms in float32 at each point.

    Where the model can be run, both bounds are the model's own value.

    Returns lower and upper bounds, each `(n, k)`.

    Args:
        network: The network under study.
        wanted: The forms, `k` of them.
        points: Inputs to run, `(n, inputs)`.
        tried: `(n,)` bool: which points to evaluate; the bounds at all others are infinite.
        off: `(k,)` bounds on the deviation of the forms in float32.
        left: Time limit in seconds.
    """
    finite = tried & ~np.isnan(points).any(axis=1)
    low = np.full((len(points), len(wanted.rows)), -np.inf)
    high = -low
    single = np.all(points == points.astype(np.float32), axis=1)
    if finite.any():
        ends = enclose(wanted.formed, points[finite], seconds=left)
        with np.errstate(invalid="ignore"):
            below, above = ends[0] - off, ends[1] + off
        low[finite] = np.where(np.isnan(below), -np.inf, below)
        high[finite] = np.where(np.isnan(above), np.inf, above)
    ran = finite & single
    if network.predict is not None and ran.any():
        values = linear_forms(wanted.rows, run_model(network, network.predict, points[ran]).y)
        values = np.where(np.isfinite(values), values, np.nan)
        low[ran], high[ran] = np.fmax(values, low[ran]), np.fmin(values, high[ran])
        low[ran] = np.where(np.isnan(values), low[ran], values)
        high[ran] = np.where(np.isnan(values), high[ran], values)
    return low, high
