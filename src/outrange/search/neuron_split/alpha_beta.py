"""Ascent on slopes and multipliers of many sub-problems at once.

A step is one back-substitution and one forward pass of the lines in use at the minimizing corner
`x*`. A line used with coefficient `a` that turns about `pivot` changes the bound by
`a (z(x*) - pivot)` per unit of slope, a multiplier by `-(z(x*) - p)` per unit.

Reference: K. Xu et al., *Fast and Complete* (alpha-CROWN), ICLR 2021; S. Wang et al.
(beta-CROWN), NeurIPS 2021; D. Kingma, J. Ba, *Adam*, ICLR 2015.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .ascent_backend import chosen
from .relaxed_net import PhaseNet, Walked
from .split_constraints import Cuts


THETA_PACE = 0.2
BETA_PACE = 0.3
GAMMA_PACE = 0.3
DECAY = 0.97


@dataclass(eq=False)
class Climb:
    """Rows to bound, and the best found.

    Args:
        start: Rows `(P, n)` per value; their sum is what is bounded.
        cuts: Of each sub-problem.
        theta: `(P, s)`; moves.
        beta: `(P, s)`; moves. None: no multipliers.
        least: `(P,)` the best bound, rounding not paid.
        below: Only points where `row . output < cutoff` count: its multipliers move too.
    """

    start: Mapping[int, np.ndarray]
    cuts: Cuts
    theta: np.ndarray
    beta: np.ndarray | None
    least: np.ndarray
    below: Below | None = None

    @staticmethod
    def of(start, cuts: Cuts, theta, beta, below: Below | None = None) -> Climb:
        """Nothing known yet."""
        return Climb(start, cuts, theta, beta, np.full(len(theta), -np.inf), below)

    def whole(self, net: PhaseNet) -> tuple[dict[int, np.ndarray], np.ndarray | float]:
        """All rows, and what is to be subtracted from their bound."""
        return _whole(net, dict(self.start), self.below)


@dataclass(eq=False)
class Below:
    """`row . output < cutoff`, and its multipliers `gamma >= 0`, `(P,)`, of size `scale`."""

    row: np.ndarray
    cutoff: float
    gamma: np.ndarray
    scale: np.ndarray

    def take(self, index) -> Below:
        return Below(self.row, self.cutoff, self.gamma[index], self.scale[index])


def _whole(net: PhaseNet, start: dict[int, np.ndarray], below: Below | None):
    if below is None:
        return start, 0.0
    out, rows = net.graph.output, below.gamma[:, None] * below.row
    start[out] = start[out] + rows if out in start else rows
    return start, below.gamma * below.cutoff


def climb(net: PhaseNet, task: Climb, steps: int, target: np.ndarray) -> None:
    """Improve `theta` and `beta` in place for up to `steps`, until every bound is at its target.

    Args:
        net: The graph over its box.
        task: What to bound.
        steps: Of ascent; 0 bounds once.
        target: `(P,)`: bounds at or above it are good enough.
    """
    elsewhere = chosen()
    if elsewhere is not None and elsewhere(net, task, steps, target):
        return
    count = len(task.theta)
    over = net.over(task.cuts)
    active = np.arange(count)
    start, cuts, theta = dict(task.start), task.cuts, task.theta.copy()
    beta = None if task.beta is None else task.beta.copy()
    below = None if task.below is None else task.below.take(active)
    cut = None if beta is None else (np.isfinite(cuts.low), np.isfinite(cuts.high))
    moments = [_Moments(theta.shape), _Moments(theta.shape), _Moments(count)]
    for step in range(steps + 1):
        drawn = net.draw(over, theta)
        rows, less = _whole(net, dict(start), below)
        walked = net.walk(rows, drawn, beta, cuts)
        walked.least -= less
        better = walked.least > task.least[active]
        whom = active[better]
        task.least[whom] = walked.least[better]
        task.theta[whom] = theta[better]
        if beta is not None and task.beta is not None:
            task.beta[whom] = beta[better]
        if below is not None and task.below is not None:
            task.below.gamma[whom] = below.gamma[better]
        if step == steps:
            break
        going = task.least[active] < target[active]
        if not going.any():
            break
        z, values = net.forward(walked, net.corner(walked.form), max(rows))
        far = np.where(np.isfinite(target[active]), target[active] - walked.least, 0.0)
        _move(net, drawn, walked, z, (theta, beta), (cuts, cut, far), moments, step)
        if below is not None:
            push = values[net.graph.output] @ below.row - below.cutoff
            below.gamma += GAMMA_PACE * DECAY**step * below.scale * moments[2].step(push)
            np.maximum(below.gamma, 0.0, out=below.gamma)
        if going.mean() < 0.75:
            active = active[going]
            theta, cuts = theta[going], cuts.take(going)
            start = {v: rows[going] for v, rows in start.items()}
            over = {v: part.take(going) for v, part in over.items()}
            below = None if below is None else below.take(going)
            if beta is not None and cut is not None:
                beta, cut = beta[going], (cut[0][going], cut[1][going])
            for part in moments:
                part.keep(going)


def _move(net: PhaseNet, drawn, walked: Walked, z, now, cutting, moments, step: int) -> None:
    """One step of Adam on `theta` and `beta`, in place."""
    theta, beta = now
    pace = DECAY**step
    slope = np.zeros_like(theta)
    for b in net.bends:
        if b.value not in walked.slopes:
            continue
        lines, a = drawn[b.value], walked.rows[:, b.place]
        gain = np.where(a > 0, lines.gain[0], 0.0 if lines.gain[1] is None else lines.gain[1])
        distance = z[:, b.place]
        if lines.pivot[0] is not None:
            distance = distance - np.where(a > 0, lines.pivot[0], lines.pivot[1])
        slope[:, b.place] = a * gain * distance
    theta += THETA_PACE * pace * moments[0].step(slope)
    np.clip(theta, 0.0, 1.0, out=theta)
    if beta is None:
        return
    cuts, (has_low, has_high), far = cutting
    point = np.where((beta > 0) | ~has_high, cuts.low, cuts.high)
    some = has_low | has_high
    push = np.where(some, np.where(some, point, 0.0) - z, 0.0)
    size = np.abs(walked.rows).sum(axis=1) / np.maximum((walked.rows != 0).sum(axis=1), 1)
    # Where no coefficient is left, what is missing says how far to go (Polyak's step).
    short = np.maximum(far, 0.0)[:, None] * np.abs(push)
    short /= (push * push).sum(axis=1, keepdims=True) + 1e-300
    beta += pace * np.maximum(BETA_PACE * size[:, None], short) * moments[1].step(push)
    np.clip(beta, np.where(has_high, -np.inf, 0.0), np.where(has_low, np.inf, 0.0), out=beta)


class _Moments:
    """Adam's running means."""

    def __init__(self, shape):
        self.first, self.second = np.zeros(shape), np.zeros(shape)
        self.steps = 0

    def step(self, gradient: np.ndarray) -> np.ndarray:
        self.steps += 1
        self.first *= 0.9
        self.first += 0.1 * gradient
        self.second *= 0.99
        self.second += 0.01 * gradient * gradient
        mean = self.first / (1 - 0.9**self.steps)
        spread = np.sqrt(self.second / (1 - 0.99**self.steps))
        spread += 1e-12
        mean /= spread
        return mean

    def keep(self, going) -> None:
        self.first, self.second = self.first[going], self.second[going]
