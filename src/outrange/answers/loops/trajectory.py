"""One run of a closed loop that breaks its specification."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class LoopTrajectory:
    """A trajectory, enclosed: the exact one lies in `[lo, hi]` at every step.

    In continuous time there is a row for each of `times`, up to the one when it is broken, and
    `step` is the place of that one.

    Args:
        x: `(states,)` where it begins, float64.
        lo: `(steps + 1, states)`.
        hi: `(steps + 1, states)`.
        controls: `(steps, controls)` in float64, not enclosed.
        disturbance: `(steps, disturbances)`, or empty.
        parameters: `(parameters,)`, or empty.
        choice: `(steps, choices)`, or empty.
        step: The first step after which it cannot satisfy the specification any more.
        model: `(steps + 1, states)` the same with the user's own controller in its own arithmetic;
            None where it could not be run.
        reproduced: Whether that one breaks the specification too; None if it was not run.
        times: `(steps + 1,)` of the rows; None in discrete time, where they count from 0.
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
        """When it cannot satisfy the specification any more; in discrete time the step."""
        return float(self.step if self.times is None else self.times[self.step])

    @property
    def states(self) -> np.ndarray:
        """`(steps + 1, states)`: the middle of the enclosure, which is narrow."""
        return 0.5 * self.lo + 0.5 * self.hi

    def __repr__(self) -> str:
        told = {None: "the model was not run", True: "reproduced", False: "rounding decides it"}
        start = ", ".join(f"{v:.6g}" for v in self.x)
        when = f"step {self.step}" if self.times is None else f"t = {self.time:g}"
        return f"LoopTrajectory(from [{start}], broken at {when}, {told[self.reproduced]})"


@dataclass(frozen=True, eq=False)
class LoopZone:
    """A box of states that a specification names.

    Args:
        bad: Whether it is to be avoided; else it is a goal.
        lo: `(states,)`, infinite where there is no bound.
        hi: `(states,)`.
        start: The first time that it counts.
        stop: The last.
    """

    bad: bool
    lo: np.ndarray
    hi: np.ndarray
    start: float
    stop: float
