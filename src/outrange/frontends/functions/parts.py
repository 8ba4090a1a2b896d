"""Record of the functions and graphs that make up one step of a closed loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import InputError, UnsupportedError
from ...graph import Graph
from .arguments import MEMORY_ARGUMENTS, OBSERVE_ARGUMENTS, accepted_arguments, plant_arguments
from .formulas import mentions_time


@dataclass(frozen=True, eq=False)
class StepParts:
    """Functions, graphs and sizes that define one step of a closed loop.

    Args:
        controllers: The controller graph of each mode; a single graph if there are no modes.
        plant: A function, a `LinearPlant`, a list of formulas, or the graph of a model.
        observe: Function from the state (and the step `t`, if it has this argument) to the
            controller's observation; None for the state itself.
        actuate: Function from the controller's output to the control; None for the output itself.
        states: Names of the states.
        sizes: Number of entries of `w`, `p` and `c`; 0 for each that is absent.
        choices: The increasing values of each choice.
        controls: Names of the controls; empty for `u1`, `u2`, ...
        modes: The value of the mode for each controller; empty if there are no modes.
        mode: Index of the state that contains the mode.
        memory: Function from the state and the controller's output (and the step `t`, if it has
            this argument) to the next memory, which is stored in the last states; None if the loop
            has no memory.
        delay: Number of steps that a control takes to reach the plant.
        idle: The control before the first one arrives: one number, or one per control.
        control_count: Number of controls; 0 until `with_counts` computes it.
        memory_size: Number of states that contain the memory, always the last ones; 0 until
            `with_counts` computes it.
    """

    controllers: Sequence[Graph]
    plant: Any
    observe: Callable | None
    actuate: Callable | None
    states: tuple[str, ...]
    sizes: Mapping[str, int]
    choices: Sequence[np.ndarray]
    controls: tuple[str, ...] = ()
    modes: tuple[float, ...] = ()
    mode: int = 0
    memory: Callable | None = None
    delay: int = 0
    idle: tuple[float, ...] = (0.0,)
    control_count: int = 0
    memory_size: int = 0

    def __post_init__(self) -> None:
        if any(slot.whole for graph in self.controllers for slot in graph.inputs):
            raise UnsupportedError(
                "A controller in a closed loop must read real numbers. "
                "Received: a controller with integer inputs."
            )
        sizes = {(g.size, g.value_size(g.output)) for g in self.controllers}
        if len(sizes) > 1:
            raise InputError(
                "The controllers of all modes must have the same numbers of inputs and outputs. "
                "Received: controllers with (inputs, outputs) = "
                f"{', '.join(map(str, sorted(sizes)))}."
            )

    @property
    def uses_time(self) -> bool:
        """Whether the plant uses the time."""
        if isinstance(self.plant, Graph):
            return False
        if isinstance(self.plant, list | tuple):
            return any(map(mentions_time, self.plant)) and "t" not in {*self.states, *self.controls}
        return "t" in plant_arguments(self.plant, self.sizes)

    @property
    def uses_clock(self) -> bool:
        """Whether `observe` or `memory` uses the time."""
        return any("t" in accepted_arguments(*callback) for callback in self._callbacks)

    @property
    def _callbacks(self) -> list[tuple[Callable, tuple[str, ...], str]]:
        each = (
            (self.observe, OBSERVE_ARGUMENTS, "`observe`"),
            (self.memory, MEMORY_ARGUMENTS, "`memory`"),
        )
        return [(function, words, what) for function, words, what in each if function is not None]

    @property
    def pending(self) -> tuple[float, ...]:
        """The initially pending controls, as one flat tuple of `delay * control_count` numbers.

        Each of them is `idle`. The tuple is empty without a delay.
        """
        if not self.delay:
            return ()
        if len(self.idle) not in (1, self.control_count):
            raise InputError(
                "`delay=(steps, control)` must state the control that applies until the first "
                f"delayed control arrives: one number, or one for each of {self.control_count} "
                f"controls. Received: {list(self.idle)}."
            )
        return tuple(np.broadcast_to(self.idle, (self.delay, self.control_count)).ravel().tolist())
