"""What a step of a closed loop is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import InputError, UnsupportedError
from ...graph import Graph
from .arguments import OBSERVED, REMEMBERED, called_with, taken
from .formulas import names_time


@dataclass(frozen=True, eq=False)
class StepParts:
    """What a step is made of.

    Args:
        controllers: The graph of each mode; one without a mode.
        plant: A function, a `LinearPlant`, a list of formulas, or the graph of a model.
        observe: From the state to what the controller sees; None where that is the state.
        actuate: From what the controller returns to the control; None where that is the same.
        states: Names.
        sizes: Of `w`, `p` and `c`; 0 where there are none.
        choices: The values of each choice, rising.
        controls: Names; empty for `u1`, `u2`, ...
        modes: The value of each controller's mode.
        mode: The state that holds the mode.
        memory: From the state and what the controller returns to what the last states are next;
            None without.
        delay: How many steps a control takes to reach the plant.
        idle: The control before the first one arrives: a number, or one each.
        pushed: How many controls there are; see `completed`.
        kept: How many states are what the controller remembers: the last; see `completed`.
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
    pushed: int = 0
    kept: int = 0

    def __post_init__(self) -> None:
        if any(slot.whole for graph in self.controllers for slot in graph.inputs):
            raise UnsupportedError(
                "A controller in a closed loop reads real numbers. "
                "Received: one with inputs of whole numbers."
            )
        sizes = {(g.size, g.value_size(g.output)) for g in self.controllers}
        if len(sizes) > 1:
            raise InputError(
                "The controllers of all modes take and return as many numbers. "
                f"Received: inputs and outputs {sorted(sizes)}."
            )

    @property
    def uses_time(self) -> bool:
        """Whether the plant asks which step it is."""
        if isinstance(self.plant, Graph):
            return False
        if isinstance(self.plant, list | tuple):
            return any(map(names_time, self.plant)) and "t" not in {*self.states, *self.controls}
        return "t" in called_with(self.plant, self.sizes)

    @property
    def uses_clock(self) -> bool:
        """Whether the controller asks which step it is."""
        return any("t" in taken(*one) for one in self._asked)

    @property
    def _asked(self) -> list[tuple[Callable, tuple[str, ...], str]]:
        each = (self.observe, OBSERVED, "`observe`"), (self.memory, REMEMBERED, "`memory`")
        return [(one, words, what) for one, words, what in each if one is not None]

    @property
    def hidden(self) -> tuple[float, ...]:
        """The controls that are under way at the beginning, the oldest first."""
        if not self.delay:
            return ()
        if len(self.idle) not in (1, self.pushed):
            raise InputError(
                "`delay=(steps, control)` says what the plant receives before the first control "
                f"arrives: one number, or one for each of {self.pushed} controls. "
                f"Received: {list(self.idle)}."
            )
        return tuple(np.broadcast_to(self.idle, (self.delay, self.pushed)).ravel().tolist())
