"""Ascent on the slopes and multipliers of many sub-problems together.

Each step consists of a back-substitution and a forward pass, which evaluates the active lines at
the minimizing corner `x*`. If a line with coefficient `a` turns about `pivot`, the bound changes by
`a (z(x*) - pivot)` per unit of slope, where `z` is the input of the line's neuron. The bound
changes by `-(z(x*) - p)` per unit of the multiplier of a split at `p`.

Reference: K. Xu et al., *Fast and Complete* (alpha-CROWN), ICLR 2021; S. Wang et al.
(beta-CROWN), NeurIPS 2021.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...core.arrays import Numbers
from ..common.adam import AdamMoments
from .ascent_backend import selected_ascent
from .node import Cuts, Splits
from .relaxations import Relaxation
from .relaxed_net import BackwardPass, RelaxedNet
from .settings import SETTINGS


@dataclass(eq=False)
class BoundProblem:
    """Rows to bound, and the best bounds and multipliers found so far.

    Args:
        start: Rows `(P, n)` per value; the sum of the resulting forms is bounded.
        splits: The split constraints of each sub-problem.
        alpha: `(P, s)` line parameters, which the ascent changes.
        beta: `(P, s)` multipliers of the splits, which the ascent changes; None if there are none.
        least: `(P,)` the best bounds, rounding errors not included.
        below: Output constraint `row . output < cutoff`, whose multipliers are optimized too; None
            if there is none.
    """

    start: Mapping[int, np.ndarray]
    splits: Splits
    alpha: np.ndarray
    beta: np.ndarray | None
    least: np.ndarray
    below: OutputConstraint | None = None

    @staticmethod
    def of(
        start: dict[int, np.ndarray],
        splits: Splits,
        alpha: np.ndarray,
        beta: np.ndarray | None,
        below: OutputConstraint | None = None,
    ) -> BoundProblem:
        """Create a problem that has no bounds yet."""
        return BoundProblem(start, splits, alpha, beta, np.full(len(alpha), -np.inf), below)

    def whole(self, net: RelaxedNet) -> tuple[dict[int, np.ndarray], np.ndarray | float]:
        """Add the output constraint to the rows; return all rows and the constants to subtract."""
        return _with_output_constraint(net, dict(self.start), self.below)


@dataclass(eq=False)
class OutputConstraint:
    """The constraint `row . output < cutoff`, with a multiplier per sub-problem.

    The multipliers `gamma >= 0` are of typical size `scale`. The shape of `gamma` and of `scale` is
    `(P,)`.
    """

    row: np.ndarray
    cutoff: float
    gamma: np.ndarray
    scale: np.ndarray

    def take(self, index: np.ndarray) -> OutputConstraint:
        """Return a copy with only the sub-problems at `index`."""
        return OutputConstraint(self.row, self.cutoff, self.gamma[index], self.scale[index])


def _with_output_constraint(
    net: RelaxedNet, start: dict[int, np.ndarray], below: OutputConstraint | None
) -> tuple[dict[int, np.ndarray], Numbers]:
    """Add the output constraint to the rows; return all rows and the constant to subtract."""
    if below is None:
        return start, 0.0
    out, rows = net.graph.output, below.gamma[:, None] * below.row
    start[out] = start[out] + rows if out in start else rows
    return start, below.gamma * below.cutoff


def optimize_bounds(net: RelaxedNet, task: BoundProblem, steps: int, target: np.ndarray) -> None:
    """Improve the bounds of a problem by ascent, until all reach their targets or no step is left.

    The best bounds, line parameters and multipliers are stored in `task`. The bounds are not proved
    yet; see `RelaxedNet.proof`.

    Args:
        net: The relaxed graph over its box.
        steps: Maximum number of ascent steps; 0 computes the bounds once.
        target: `(P,)` bounds at or above which a row is finished.
    """
    backend = selected_ascent()
    if backend is not None and backend(net, task, steps, target):
        return
    count = len(task.alpha)
    prepared = net.prepare(task.splits)
    active = np.arange(count)
    start, splits, alpha = dict(task.start), task.splits, task.alpha.copy()
    beta = None if task.beta is None else task.beta.copy()
    below = None if task.below is None else task.below.take(active)
    cuts = None if beta is None else Cuts.of(splits)
    shapes = (alpha.shape, (count, 0 if cuts is None else cuts.columns.size), count)
    moments = [AdamMoments(np.zeros(shape), np.zeros(shape)) for shape in shapes]
    for step in range(steps + 1):
        relaxed = net.relax(prepared, alpha)
        rows, less = _with_output_constraint(net, dict(start), below)
        result = net.backward(rows, relaxed, beta, cuts)
        result.least -= less
        better = result.least > task.least[active]
        improved = active[better]
        task.least[improved] = result.least[better]
        task.alpha[improved] = alpha[better]
        if beta is not None and task.beta is not None:
            task.beta[improved] = beta[better]
        if below is not None and task.below is not None:
            task.below.gamma[improved] = below.gamma[better]
        if step == steps:
            break
        going = task.least[active] < target[active]
        if not going.any():
            break
        z, values = net.forward(result, net.corner(result.form), max(rows))
        far = np.where(np.isfinite(target[active]), target[active] - result.least, 0.0)
        _move(net, relaxed, result, z, (alpha, beta), (cuts, far), moments, step)
        if below is not None:
            push = values[net.graph.output] @ below.row - below.cutoff
            below.gamma += (
                SETTINGS.gamma_pace * SETTINGS.decay**step * below.scale * moments[2].step(push)
            )
            np.maximum(below.gamma, 0.0, out=below.gamma)
        if going.mean() < 0.75:
            active = active[going]
            alpha = alpha[going]
            start = {v: rows[going] for v, rows in start.items()}
            prepared = {v: part.take(going) for v, part in prepared.items()}
            below = None if below is None else below.take(going)
            if beta is not None and cuts is not None:
                beta, cuts = beta[going], cuts.take(going)
            for part in moments:
                part.keep(going)


def _move(
    net: RelaxedNet,
    relaxed: dict[int, Relaxation],
    result: BackwardPass,
    z: np.ndarray,
    now: tuple[np.ndarray, np.ndarray | None],
    cutting: tuple[Cuts | None, np.ndarray],
    moments: list[AdamMoments],
    step: int,
) -> None:
    """Take one step of Adam on `alpha` and `beta`, in place."""
    alpha, beta = now
    pace = SETTINGS.decay**step
    slope = np.zeros_like(alpha)
    for b in net.activations:
        if b.value not in result.slopes:
            continue
        lines, a = relaxed[b.value], result.rows[:, b.place]
        gain = np.where(a > 0, lines.gain[0], 0.0 if lines.gain[1] is None else lines.gain[1])
        distance = z[:, b.place]
        first, second = lines.pivot
        if first is not None and second is not None:
            distance = distance - np.where(a > 0, first, second)
        slope[:, b.place] = a * gain * distance
    alpha += SETTINGS.slope_pace * pace * moments[0].step(slope)
    np.clip(alpha, 0.0, 1.0, out=alpha)
    cuts, far = cutting
    if beta is None or cuts is None or not cuts.columns.size:
        return
    has_low, has_high = np.isfinite(cuts.low), np.isfinite(cuts.high)
    multipliers, some = beta[:, cuts.columns], has_low | has_high
    point = np.where((multipliers > 0) | ~has_high, cuts.low, cuts.high)
    push = np.where(some, np.where(some, point, 0.0) - z[:, cuts.columns], 0.0)
    size = np.abs(result.rows).sum(axis=1) / np.maximum((result.rows != 0).sum(axis=1), 1)
    # If the coefficients are 0, the missing bound gives the step size (Polyak's step).
    short = np.maximum(far, 0.0)[:, None] * np.abs(push)
    short /= (push * push).sum(axis=1, keepdims=True) + 1e-300
    multipliers += (
        pace * np.maximum(SETTINGS.beta_pace * size[:, None], short) * moments[1].step(push)
    )
    beta[:, cuts.columns] = np.clip(
        multipliers, np.where(has_high, -np.inf, 0.0), np.where(has_low, np.inf, 0.0)
    )
