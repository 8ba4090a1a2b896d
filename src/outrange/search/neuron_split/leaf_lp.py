"""Linear programs for sub-problems without unstable units.

The solver's answer is not trusted: its multipliers give a bound that accounts for every rounding
error, and its point is only used as a candidate for the minimizer.

Reference: A. Neumaier, O. Shcherbina, *Safe bounds in linear and mixed-integer linear
programming*, Mathematical Programming 99 (2004).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..milp.highs import least_linear
from .alpha_beta import BoundProblem
from .relaxed_net import RelaxedNet


SCALES = (1.0, *(10.0 ** np.arange(-3, 7)))
"""Factors by which the multipliers are scaled, one after another, until the bound reaches the
cutoff. Factors other than 1 serve infeasibility certificates."""


def bound_by_lp(net: RelaxedNet, task: BoundProblem, cutoff: float) -> tuple[float, np.ndarray]:
    """Return a proved bound for one sub-problem, and a candidate point `(d,)`.

    If the linear program is not solved, return `-inf` and the center of the box.

    Args:
        net: The relaxed graph over its box.
        task: One sub-problem; its `start` is the objective's row.
        cutoff: Bound at which the sub-problem is closed.
    """
    low, high = task.splits.low[0], task.splits.high[0]
    cut = np.flatnonzero(np.isfinite(low) | np.isfinite(high))
    cost, _ = _form(net, task.start, task)
    forms, heights = [], []
    for unit in cut:
        b = next(b for b in net.activations if b.place.start <= unit < b.place.stop)
        start = np.zeros((1, net.ends[b.source][0].size))
        start[0, unit - b.place.start] = 1.0
        form, height = _form(net, {b.source: start}, task)
        forms.append(form)
        heights.append(height)
    rows, height = np.array(forms).reshape(-1, net.box.size), np.array(heights)
    solution = least_linear(
        cost, net.box.lo, net.box.hi, rows, low[cut] - height, high[cut] - height
    )
    if solution is None:
        return -np.inf, net.cells.center[0]
    at, dual = solution
    least = -np.inf
    for scale in SCALES:
        beta = np.zeros((1, net.units))
        held = np.where(dual > 0, np.isfinite(low[cut]), np.isfinite(high[cut]))
        beta[0, cut] = np.where(held, scale * dual, 0.0)
        least = max(least, float(net.proof(task.start, task.alpha, beta, task.splits).least[0]))
        if least >= cutoff:
            break
    return least, at


def _form(
    net: RelaxedNet, start: Mapping[int, np.ndarray], task: BoundProblem
) -> tuple[np.ndarray, float]:
    """Return `(form, height)` such that `form . x + height` approximates the row `start`.

    The sub-problem `task` has no unstable units, so the two sides differ only because of rounding
    errors and very thin ranges.
    """
    splits = task.splits.first(net.units_before(max(start)))
    relaxed = net.relax(net.prepare(splits), task.alpha)
    result = net.backward(start, relaxed, None, None)
    corner = net.corner(result.form)
    return result.form[0], float(result.least[0] - result.form[0] @ corner[0])
