"""A closed loop in continuous time, and simulations of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from ...core import Bounds, Box, Region, check_deadline
from ...graph import Graph
from ..flow import SampledControl


@dataclass(frozen=True, eq=False)
class FlowSystem:
    """A plant in continuous time whose controls are held over each period.

    Args:
        plant: The derivative of `x`, from `x`, `u`, and `t` and `w` where it takes them; `x` is
            the state, then what stays the same.
        controller: From `x`, and `t` where it takes it, to the controls; then to what is
            remembered, and the controls that are under way, from then on.
        dt: The period, exactly.
        horizon: How many periods.
        initial: Initial states; a union.
        states: Names of the states.
        controls: Names of the controls.
        fixed: Bounds of what stays the same: parameters, then a constant disturbance; and of the
            controls that are under way at the beginning.
        parameters: How many of those are parameters.
        noise: Bounds of a disturbance that varies in any way; empty without one.
        name: The controller's name.
        model_control: From the time and `x` to what `controller` returns with the user's own
            controller in its own arithmetic. None where there is none.
        memory: Places in `x` of what the controller says at instants, beside the controls.
        late: How many of `fixed` are controls under way: the last.
    """

    plant: Graph
    controller: Graph
    dt: Fraction
    horizon: int
    initial: tuple[Region, ...]
    states: tuple[str, ...]
    controls: tuple[str, ...]
    fixed: Box
    parameters: int
    noise: Box
    name: str = "loop"
    model_control: Callable[[float, np.ndarray], np.ndarray] | None = None
    memory: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    late: int = 0

    @property
    def end(self) -> Fraction:
        """The last time."""
        return self.horizon * self.dt

    @property
    def disturbance(self) -> Bounds | None:
        """Ends of what varies."""
        return (self.noise.lo, self.noise.hi) if self.noise.size else None

    @property
    def sampled(self) -> SampledControl:
        """The controller, as flows ask it."""
        return SampledControl(self.controller, self.memory)

    def told(self, t: float, x: np.ndarray) -> np.ndarray:
        """What the controller says at an instant in float64, `(batch, controls + memory)`."""
        clock = [np.full((len(x), 1), t)] * (len(self.controller.inputs) > 1)
        return self.controller.run(np.concatenate([x, *clock], axis=1))

    def boxes(self) -> Bounds:
        """Boxes that hold the initial set, with what stays the same."""
        return tuple(
            np.stack([
                np.concatenate([getattr(region.box, end), getattr(self.fixed, end)])
                for region in self.initial
            ])
            for end in ("lo", "hi")
        )  # fmt: skip  # pyright: ignore[reportReturnType]

    def slope(self, t: float, x: np.ndarray, u: np.ndarray, w: np.ndarray) -> np.ndarray:
        """The derivative in float64, `(batch, x)`."""
        given = {"x": x, "u": u, "w": w, "t": np.full((len(x), 1), t)}
        return self.plant.run(np.concatenate([given[s.name] for s in self.plant.inputs], axis=1))


def simulated(
    system: FlowSystem, points: np.ndarray, times: Sequence[Fraction], by_model: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Trajectories by the rule of Runge and Kutta, a step from each time to the next.

    Args:
        system: The loop.
        points: `(batch, x + w)`: initial states, what stays the same, and a disturbance that is
            held for good.
        times: Rising from 0, the beginnings of all periods among them.
        by_model: Whether the user's own controller runs, in its own arithmetic.

    Returns:
        States `(batch, times, n)`, and the controls from then on `(batch, times, m)`.

    Raises:
        OutOfTime: The deadline has passed.
    """
    size, n = system.fixed.size + len(system.states), len(system.states)
    x, w = points[:, :size], points[:, size:]
    states, controls = [], []
    m = len(system.controls)
    u = np.zeros((len(points), m + system.memory.size))
    with np.errstate(all="ignore"):
        for k, time in enumerate(times):
            check_deadline()
            if (time / system.dt).denominator == 1 and time < system.end:
                if by_model and system.model_control is not None:
                    u = system.model_control(float(time), x)
                else:
                    u = system.told(float(time), x)
            states.append(x[:, :n])
            controls.append(u[:, :m])
            if system.memory.size:
                x = x.copy()
                x[:, system.memory] = u[:, m:]
            if k + 1 < len(times):
                x = _next(system, float(time), float(times[k + 1] - time), x, u[:, :m], w)
    return np.stack(states, axis=1), np.stack(controls, axis=1)


def _next(
    system: FlowSystem, t: float, h: float, x: np.ndarray, u: np.ndarray, w: np.ndarray
) -> np.ndarray:
    a = system.slope(t, x, u, w)
    b = system.slope(t + h / 2, x + h / 2 * a, u, w)
    c = system.slope(t + h / 2, x + h / 2 * b, u, w)
    d = system.slope(t + h, x + h * c, u, w)
    return x + h / 6 * (a + 2 * b + 2 * c + d)
