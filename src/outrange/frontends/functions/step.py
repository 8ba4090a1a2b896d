"""One step of a closed loop as a graph: from state, parameters and disturbance to the next state.

Its output is the next state, then the control that led there. The controller is spliced in: all
steps of all loops share one copy of its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from ...core import InputError, UnsupportedError
from ...graph import Builder, Graph, Slot, Value
from ...graph.composites import logic
from ...graph.composites.splice import splice
from .actuation import actuated, asked_of, delivered, remembered
from .arguments import OBSERVED, REMEMBERED, called_with, taken
from .choices import chosen
from .formulas import names_time
from .plants import part_of, plant_value


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

    @cached_property
    def pushed(self) -> int:
        """How many controls there are."""
        b = Builder([Slot("raw", (self.controllers[0].value_size(self.controllers[0].output),))])
        return actuated(b, self, b.input_values()[0]).size

    @cached_property
    def kept(self) -> int:
        """How many states are what the controller remembers: the last."""
        if self.memory is None:
            return 0
        net = self.controllers[0]
        b = Builder([Slot("x", (len(self.states),)), Slot("raw", (net.value_size(net.output),))])
        found = remembered(b, self, *b.input_values(), 0.0, None).size
        if found > len(self.states):
            raise InputError(
                "`memory` returns what the last of the states are next. "
                f"Received: {found} numbers, {len(self.states)} states in all."
            )
        return found

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


@dataclass(frozen=True, eq=False)
class StepGraphs:
    """A step before and after the controller, and as a whole.

    Args:
        before: From the state to what the controller sees.
        after: From state, disturbance, parameters, choice and what the controller returned to the
            next state and the control.
        whole: From state, disturbance, parameters and choice to the next state and the control.
        modes: The same with the controller of one mode, where there are several.
    """

    before: Graph
    after: Graph
    whole: Graph
    modes: Mapping[float, Graph]


def step_graphs(parts: StepParts, t: float = 0.0) -> StepGraphs:
    """The graphs of one step.

    Args:
        parts: What it is made of.
        t: The number of the step.

    Raises:
        InputError: Sizes do not fit each other.
        UnsupportedError: A function computes something that is not described.
    """
    n = len(parts.states) + len(parts.hidden)
    slots = [Slot("x", (n,))]
    slots += [Slot(k, (parts.sizes[k],), whole=k == "c") for k in "wpc" if parts.sizes[k]]
    before = before_graph(parts, n, t)
    raw = parts.controllers[0].value_size(parts.controllers[0].output)
    b = Builder([*slots, Slot("raw", (raw,))])
    given = dict(zip((s.name for s in b.inputs), b.input_values(), strict=True))
    after = b.finish(_after(b, parts, given, t), ["next", "u"])
    whole = _whole(parts, slots, before, after)
    each = zip(parts.modes, parts.controllers, strict=True) if parts.modes else ()
    modes = {
        value: _whole(replace(parts, controllers=[one], modes=()), slots, before, after)
        for value, one in each
    }
    return StepGraphs(before, after, whole, modes)


def plain_after(parts: StepParts, t: float = 0.0) -> Graph:
    """`StepGraphs.after` as the plant wrote it, curves not put together: quickly there."""
    n, raw = len(parts.states), parts.controllers[0].value_size(parts.controllers[0].output)
    slots = [Slot("x", (n + len(parts.hidden),))]
    slots += [Slot(k, (parts.sizes[k],), whole=k == "c") for k in "wpc" if parts.sizes[k]]
    b = Builder([*slots, Slot("raw", (raw,))])
    given = dict(zip((s.name for s in b.inputs), b.input_values(), strict=True))
    after, u = _after(b, parts, given, t)
    last = b.concat([after, u], axis=1)
    if not isinstance(last, Value):
        last = b.constant_value(last)
    return Graph(tuple(b.inputs), tuple(b.nodes), last.index, (Slot("next", (last.size,)),))


def _whole(parts: StepParts, slots: Sequence[Slot], before: Graph, after: Graph) -> Graph:
    b = Builder(slots)
    inputs = b.input_values()
    out = controlled(b, parts, inputs[0], splice(b, before, inputs[0]))
    flat = b.concat([*inputs, b.reshape(out, (1, out.size))], axis=1)
    found = splice(b, after, flat)  # pyright: ignore[reportArgumentType]
    return b.finish([found], ["next and u"])


def controlled(b: Builder, parts: StepParts, x: Value, seen: Value, near: bool = False) -> Value:
    """What the controller of the mode returns: one choice within the other.

    Args:
        b: The builder.
        parts: What the loop is made of.
        x: The state, and what stands behind it.
        seen: What the controller sees.
        near: Whether the mode is the nearest value, for it is not known to the last bit.
    """
    found = splice(b, parts.controllers[0], seen)
    if not parts.modes:
        return found
    mode = part_of(b, x, parts.mode, parts.mode + 1)
    if near:
        order = np.argsort(parts.modes)
        found = splice(b, parts.controllers[order[0]], seen)
        for low, high in pairwise(order):
            middle = 0.5 * parts.modes[low] + 0.5 * parts.modes[high]
            here = logic.compare(b, "greater_equal", mode, middle)
            found = logic.select(b, here, splice(b, parts.controllers[high], seen), found)
        return found  # pyright: ignore[reportReturnType]
    for value, graph in zip(parts.modes[1:], parts.controllers[1:], strict=True):
        here = b.curve("is_zero", b.affine_map(mode, 1.0, -value))
        # Between 0 and 1: whatever reads this knows that it lies between both branches.
        found = logic.select(b, here, splice(b, graph, seen), found)
    return found  # pyright: ignore[reportReturnType]


def before_graph(parts: StepParts, size: int, t: float | None) -> Graph:
    """From the state, and what stands behind it, to what the controller sees.

    Args:
        parts: What the loop is made of.
        size: Of the state, and what stands behind it.
        t: The number of the step; None for an input of that name, if it is asked for.
    """
    n, wanted = len(parts.states), parts.controllers[0].size
    clock = [Slot("t", (1,))] if t is None and parts.uses_clock else []
    b = Builder([Slot("x", (size,)), *clock], source="observe")
    x, *rest = b.input_values()
    x = part_of(b, x, 0, n) if size > n else x
    if parts.observe is not None:
        at = rest[0] if rest else t
        seen = asked_of(b, parts.observe, OBSERVED, {"x": x, "t": at}, wanted, "`observe`")
        return b.finish([seen], ["seen"])
    if n != wanted:
        raise InputError(
            "The controller takes the whole state, unless `observe=` says what it sees: "
            f"`observe=lambda x: [x[0] - 1, x[1]]`. Received: {n} states, {wanted} inputs of the "
            "controller."
        )
    return b.finish([x], ["seen"])


def _after(b: Builder, parts: StepParts, given: dict[str, Value], t: float) -> list[Value]:
    """The next state, and the control."""
    raw: Value = given.pop("raw")
    if "c" in given:
        given["c"] = chosen(b, given["c"], parts.choices)
    x, whole = part_of(b, given["x"], 0, len(parts.states)), given["x"]
    given["x"] = x
    u, later = delivered(b, parts, whole, raw)
    b.source = "plant"
    after = [plant_value(b, parts, {**given, "u": u}, t)]
    if parts.kept:
        after.append(remembered(b, parts, x, raw, t, parts.kept))
    after = b.concat([*after, *later], axis=1) if len(after) + len(later) > 1 else after[0]
    return [after, b.reshape(u, (1, u.size))]  # pyright: ignore[reportReturnType]
