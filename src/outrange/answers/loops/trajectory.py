"""A trajectory of a closed loop that breaks its specification."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class LoopTrajectory:
    """Enclosure of a violating trajectory, which lies in `[lo, hi]` at every step.

    In continuous time, there is one row for each entry of `times`, up to the violation, and `step`
    is the index of the row at the violation.

    Args:
        x: `(states,)`, initial state in float64.
        lo: `(steps + 1, states)`, lower bounds.
        hi: `(steps + 1, states)`, upper bounds.
        controls: `(steps, controls)`, controls in float64, computed without an enclosure.
        disturbance: `(steps, disturbances)`, disturbances at every step, or one row if they are
            constant; may be empty.
        parameters: `(parameters,)`, values of the plant's parameters; may be empty.
        choice: `(steps, choices)`, index of the alternative that each discrete choice of the plant
            takes at every step; may be empty.
        step: First step after which the specification can no longer be satisfied.
        model: `(steps + 1, states)`, the trajectory with the user's own controller in its own
            arithmetic; None if the controller could not be run.
        reproduced: Whether `model` breaks the specification too; None if `model` is None.
        times: `(steps + 1,)`, times of the rows; None in discrete time, where row `k` is step `k`.
    """

    x: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    controls: np.ndarray
    disturbance: np.ndarray
    parameters: np.ndarray
    choice: np.ndarray
    step: int
    model: np.ndarray | None
    reproduced: bool | None
    times: np.ndarray | None = field(default=None, kw_only=True)

    @property
    def time(self) -> float:
        """Time (or step, in discrete time) after which the specification cannot be satisfied."""
        return float(self.step if self.times is None else self.times[self.step])

    @property
    def states(self) -> np.ndarray:
        """Midpoints of the bounds on each state at every step, `(steps + 1, states)`."""
        return 0.5 * self.lo + 0.5 * self.hi

    def __repr__(self) -> str:
        runs = {None: "the model was not run", True: "reproduced", False: "rounding decides it"}
        start = ", ".join(f"{v:.6g}" for v in self.x)
        when = f"step {self.step}" if self.times is None else f"t = {self.time:g}"
        return f"LoopTrajectory(from [{start}], broken at {when}, {runs[self.reproduced]})"


@dataclass(frozen=True, eq=False)
class LoopZone:
    """Box of states that a specification mentions.

    Args:
        bad: Whether the box is to be avoided; otherwise it is a goal.
        lo: `(states,)`, lower bounds; minus infinity where there is none.
        hi: `(states,)`, upper bounds; infinity where there is none.
        start: First time at which the specification refers to the box.
        stop: Last time at which the specification refers to the box.
    """

    bad: bool
    lo: np.ndarray
    hi: np.ndarray
    start: float
    stop: float
