"""The ascent of `alpha_beta` on PyTorch tensors, on the CPU or a GPU.

The ascent finds slopes and multipliers; NumPy computes the resulting bounds in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from ...common.adam import AdamMoments
from ..alpha_beta import BoundProblem
from ..relaxations import PreparedActivation, PreparedKink
from ..relaxed_net import RelaxedNet
from ..settings import SETTINGS
from .relaxed_net import Tensor, TensorPlacement, TorchRelaxedNet


FLOAT32_SHORT = 1e-5
"""Relative margin by which a float32 bound must exceed its target, so that the bound in float64
reaches the target too."""


class TorchBackend:
    """An `ascent_backend.Ascent` on PyTorch, which keeps a copy of each net on the device."""

    def __init__(self, place: TensorPlacement) -> None:
        self.place = place
        self._nets: WeakKeyDictionary[RelaxedNet, TorchRelaxedNet | None] = WeakKeyDictionary()

    def __call__(self, net: RelaxedNet, task: BoundProblem, steps: int, target: np.ndarray) -> bool:
        if net not in self._nets:
            self._nets[net] = TorchRelaxedNet.of(net, self.place)
        placed = self._nets[net]
        if placed is None:
            return False
        if self.place.dtype != self.place.t.float64:
            target = target + FLOAT32_SHORT * (1.0 + np.abs(target))
        with self.place.t.inference_mode():
            return _TorchAscent(placed, task, target).ascend(steps)


@dataclass(eq=False)
class _PreparedKink:
    """A kink activation on given ranges, like `relaxations.PreparedKink`, but on the device."""

    below: float
    turn: float
    settled: Tensor
    fixed: Tensor
    upper: Tensor
    height: Tensor

    def take(self, going: Tensor) -> _PreparedKink:
        parts = (self.settled, self.fixed, self.upper, self.height)
        return _PreparedKink(self.below, self.turn, *(part[going] for part in parts))


class _TorchAscent:
    """State of one ascent: its unfinished sub-problems, and every sub-problem's best results."""

    def __init__(self, placed: TorchRelaxedNet, task: BoundProblem, target: np.ndarray) -> None:
        self.placed, self.net, self.task = placed, placed.net, task
        self.t, on, splits = placed.on.t, placed.on, task.splits
        self.target = on.tensor(target)
        self.active = self.t.arange(len(task.alpha), device=on.device)
        self.start = {v: on.tensor(rows) for v, rows in task.start.items()}
        self.alpha = on.tensor(task.alpha)
        self.beta = None if task.beta is None else on.tensor(task.beta)
        self.low, self.high = on.tensor(splits.low), on.tensor(splits.high)
        self.prepared = {v: self._to_device(part) for v, part in self.net.prepare(splits).items()}
        self.below = task.below
        if self.below is not None:
            self.row = on.tensor(self.below.row)
            self.gamma, self.scale = on.tensor(self.below.gamma), on.tensor(self.below.scale)
        self.best = on.tensor(task.least)
        self.best_alpha = self.alpha.clone()
        self.best_beta = None if self.beta is None else self.beta.clone()
        self.best_gamma = None if self.below is None else self.gamma.clone()
        shapes = (self.alpha, self.alpha, self.best)
        zeros = self.t.zeros_like
        self.moments = [AdamMoments(zeros(like), zeros(like)) for like in shapes]
        self.at = {b.value: b for b in self.net.activations}

    def _to_device(self, part: PreparedActivation) -> _PreparedKink:
        """Copy a prepared kink to the device."""
        assert isinstance(part, PreparedKink)
        on = self.placed.on
        upper = (on.tensor(np.broadcast_to(a, part.settled.shape)) for a in part.upper)
        return _PreparedKink(
            part.below,
            part.above - part.below,
            on.tensor(part.settled, self.t.bool),
            on.tensor(np.nan_to_num(part.fixed)),
            *upper,
        )

    def ascend(self, steps: int) -> bool:
        """Run the ascent, and write the best results to the task.

        Return False, and write nothing, if a bound is not finite.
        """
        for step in range(steps + 1):
            self._backward()
            better = self.least > self.best[self.active]
            whom = self.active[better]
            self.best[whom] = self.least[better]
            self.best_alpha[whom] = self.alpha[better]
            if self.beta is not None and self.best_beta is not None:
                self.best_beta[whom] = self.beta[better]
            if self.best_gamma is not None:
                self.best_gamma[whom] = self.gamma[better]
            going = self.best[self.active] < self.target[self.active]
            if step == steps or not bool(going.any()):
                break
            self._move(step)
            if float(going.to(self.best.dtype).mean()) < 0.75:
                self._keep(going)
        if not bool(self.t.isfinite(self.best).all()):
            return False
        task = self.task
        task.least[:] = _to_numpy(self.best)
        task.alpha[:] = _to_numpy(self.best_alpha)
        if task.beta is not None and self.best_beta is not None:
            # Zeros and signs are preserved: clamping at 0 is exact in both types.
            task.beta[:] = _to_numpy(self.best_beta)
        if task.below is not None and self.best_gamma is not None:
            task.below.gamma[:] = _to_numpy(self.best_gamma)
        return True

    def _rows(self) -> dict[int, Tensor]:
        """Return the rows to bound, by value, with the output constraint's row added."""
        rows = dict(self.start)
        if self.below is not None:
            out = self.net.graph.output
            more = self.gamma[:, None] * self.row
            rows[out] = rows[out] + more if out in rows else more
        return rows

    def _backward(self) -> None:
        """Compute bounds, coefficients and active lines, as `RelaxedNet.backward` does."""
        placed = self.placed
        waiting, beta_rows = self._rows(), self._beta_rows()
        self.top = max(waiting)
        constant = self.alpha.new_zeros(len(self.alpha))
        self.units = self.t.zeros_like(self.alpha)
        self.slopes: dict[int, Tensor] = {}
        self.offsets: dict[int, Tensor] = {}
        for v in range(self.top, 0, -1):
            a, tilt = waiting.pop(v, None), beta_rows.get(v)
            if tilt is not None:
                a = -tilt if a is None else a - tilt
            if a is None:
                continue
            node = self.net.graph.nodes[v - 1]
            if v in self.at:
                place, prepared = self.at[v].place, self.prepared[v]
                self.units[:, place] = a
                free = prepared.below + prepared.turn * self.alpha[:, place]
                lower = self.t.where(prepared.settled, prepared.fixed, free)
                slope = self.t.where(a > 0, lower, prepared.upper)
                offset = self.t.where(a > 0, 0.0, prepared.height)
                constant += (a * offset).sum(dim=1)
                self.slopes[v], self.offsets[v] = slope, offset
                parts = [a * slope]
            else:
                op = placed.steps[v]
                parts = op.pull(a)
                constant += op.offset(a)
            for j, part in zip(node.inputs, parts, strict=True):
                waiting[j] = waiting[j] + part if j in waiting else part
        form = waiting.get(0, self.alpha.new_zeros(len(self.alpha), len(placed.center)))
        if 0 in beta_rows:
            form = form - beta_rows[0]
        if self.beta is not None:
            used = self.t.where(self.beta > 0, self.low, self.high)
            constant += self.t.where(self.beta == 0, 0.0, self.beta * used).sum(dim=1)
        self.form = form
        self.least = form @ placed.center - form.abs() @ placed.reach + constant
        if self.below is not None:
            self.least = self.least - self.gamma * self.below.cutoff

    def _beta_rows(self) -> dict[int, Tensor]:
        """Return the multipliers as rows of each value, summed over its activations."""
        beta_rows: dict[int, Tensor] = {}
        if self.beta is not None:
            for b in self.net.activations:
                if b.place.stop > self.beta.shape[1]:
                    continue
                part = self.beta[:, b.place]
                beta_rows[b.source] = beta_rows[b.source] + part if b.source in beta_rows else part
        return beta_rows

    def _forward(self) -> tuple[Tensor, list[Tensor]]:
        """Evaluate the active lines at the minimizing corners, like `RelaxedNet.forward`."""
        placed = self.placed
        values = [self.t.where(self.form > 0, placed.lo, placed.hi)]
        z = self.t.zeros_like(self.alpha)
        for v, node in enumerate(self.net.graph.nodes[: self.top], 1):
            xs = [values[j] for j in node.inputs]
            if v in self.at:
                place = self.at[v].place
                if place.stop <= z.shape[1]:
                    z[:, place] = xs[0]
                has_lines = v in self.slopes
                values.append(self.slopes[v] * xs[0] + self.offsets[v] if has_lines else xs[0])
            else:
                values.append(placed.steps[v].run(xs))
        return z, values

    def _move(self, step: int) -> None:
        """Take one step of Adam on slopes and multipliers, as in `alpha_beta`."""
        z, values = self._forward()
        pace = SETTINGS.decay**step
        gradient = self.t.zeros_like(self.alpha)
        for v in self.slopes:
            place, prepared = self.at[v].place, self.prepared[v]
            a = self.units[:, place]
            gain = self.t.where((a > 0) & ~prepared.settled, prepared.turn, 0.0)
            gradient[:, place] = a * gain * z[:, place]
        self.alpha = (
            self.alpha + SETTINGS.slope_pace * pace * self.moments[0].step(gradient)
        ).clamp(0, 1)
        if self.beta is not None:
            self._move_beta(z, pace)
        if self.below is not None:
            push = values[self.net.graph.output] @ self.row - self.below.cutoff
            moved = SETTINGS.gamma_pace * pace * self.scale * self.moments[2].step(push)
            self.gamma = (self.gamma + moved).clamp(min=0.0)

    def _move_beta(self, z: Tensor, pace: float) -> None:
        """Take one step of Adam on the multipliers of splits."""
        beta = self.beta
        assert beta is not None
        has_low, has_high = self.t.isfinite(self.low), self.t.isfinite(self.high)
        point = self.t.where((beta > 0) | ~has_high, self.low, self.high)
        some = has_low | has_high
        push = self.t.where(some, self.t.where(some, point, 0.0) - z, 0.0)
        size = self.units.abs().sum(dim=1) / (self.units != 0).sum(dim=1).clamp(min=1)
        goal = self.target[self.active]
        far = self.t.where(self.t.isfinite(goal), goal - self.least, 0.0)
        short = far.clamp(min=0.0)[:, None] * push.abs()
        short = short / ((push * push).sum(dim=1, keepdim=True) + 1e-30)
        step = self.t.maximum(SETTINGS.beta_pace * size[:, None], short) * self.moments[1].step(
            push
        )
        beta = beta + pace * step
        beta = self.t.where(has_high, beta, beta.clamp(min=0.0))
        self.beta = self.t.where(has_low, beta, beta.clamp(max=0.0))

    def _keep(self, going: Tensor) -> None:
        """Continue with only the sub-problems for which the mask `going` is True."""
        self.active = self.active[going]
        self.alpha = self.alpha[going]
        self.start = {v: rows[going] for v, rows in self.start.items()}
        self.prepared = {v: part.take(going) for v, part in self.prepared.items()}
        self.low, self.high = self.low[going], self.high[going]
        if self.beta is not None:
            self.beta = self.beta[going]
        if self.below is not None:
            self.gamma, self.scale = self.gamma[going], self.scale[going]
        for part in self.moments:
            part.keep(going)


def _to_numpy(tensor: Tensor) -> np.ndarray:
    """Copy a tensor to a float64 NumPy array."""
    return tensor.cpu().numpy().astype(np.float64)
