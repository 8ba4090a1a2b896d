"""A closed loop in continuous time, and its simulation."""

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
    """A plant in continuous time, with a controller that sets constant controls for each period.

    Args:
        plant: Graph from `x` and `u` (and `t` and `w` if it reads them) to the derivative of `x`,
            where `x` is the state followed by the constants.
        controller: Graph from `x` (and `t` if it reads it) to the controls, followed by the new
            values of the memory and of the delayed controls.
        initial: Sets whose union is the set of initial states.
        states: Names of the states.
        controls: Names of the controls.
        fixed: Bounds on the constants: parameters, a constant disturbance, and the delayed controls
            at the beginning.
        parameters: Number of the constants that are parameters.
        noise: Bounds on a disturbance that may vary arbitrarily in time; empty if there is none.
        model_control: Function that runs the user's own controller in its own arithmetic; it maps
            the time and `x` to the same outputs as `controller`. None if there is none.
        memory: Indices of the entries of `x` that the controller sets; their new values are the
            outputs that follow the controls.
        late: Number of delayed controls, which are the last entries of `fixed`.
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
        """The time at which the loop ends."""
        return self.horizon * self.dt

    @property
    def disturbance(self) -> Bounds | None:
        """Bounds on the varying disturbance; None if there is none."""
        return (self.noise.lo, self.noise.hi) if self.noise.size else None

    @property
    def sampled(self) -> SampledControl:
        """The controller's graph together with the indices of its memory."""
        return SampledControl(self.controller, self.memory)

    def control(self, t: float, x: np.ndarray) -> np.ndarray:
        """Return the controller's output at an instant in float64, `(batch, controls + memory)`."""
        clock = [np.full((len(x), 1), t)] * (len(self.controller.inputs) > 1)
        return self.controller.run(np.concatenate([x, *clock], axis=1))

    def boxes(self) -> Bounds:
        """Return boxes of initial states and constants whose union contains the initial set."""
        return tuple(
            np.stack([
                np.concatenate([getattr(region.box, end), getattr(self.fixed, end)])
                for region in self.initial
            ])
            for end in ("lo", "hi")
        )  # fmt: skip  # pyright: ignore[reportReturnType]

    def slope(self, t: float, x: np.ndarray, u: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return the time derivative of the states in float64, `(batch, x)`."""
        inputs = {"x": x, "u": u, "w": w, "t": np.full((len(x), 1), t)}
        return self.plant.run(np.concatenate([inputs[s.name] for s in self.plant.inputs], axis=1))


def simulate(
    system: FlowSystem, points: np.ndarray, times: Sequence[Fraction], by_model: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate by the classical Runge-Kutta method, one step from each time to the next.

    Args:
        points: `(batch, x + w)`: initial states, constants, and a constant disturbance.
        times: Ascending from 0, including the beginnings of all periods.
        by_model: Whether to run the user's own controller, in its own arithmetic.

    Returns:
        States `(batch, times, n)`, and the controls held from each time on, `(batch, times, m)`.

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
                    u = system.control(float(time), x)
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
