"""One step of a closed loop as a graph: from state, parameters and disturbance to the next state.

Its output is the next state, then the control that led there. The controller is spliced in: all
steps of all loops share one copy of its weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ...core import InputError
from ...graph import Builder, Graph, Slot, Value
from ...graph.composites import logic
from ...graph.composites.splice import splice
from .actuation import actuated, asked_of, delivered, remembered
from .arguments import OBSERVED
from .choices import chosen
from .parts import StepParts
from .plants import part_of, plant_value


def completed(parts: StepParts) -> StepParts:
    """The same, and how many controls and remembered states there are.

    Raises:
        InputError: The controller remembers more than there are states.
    """
    net, n = parts.controllers[0], len(parts.states)
    raw = Slot("raw", (net.value_size(net.output),))
    b = Builder([raw])
    pushed = actuated(b, parts, b.input_values()[0]).size
    if parts.memory is None:
        return replace(parts, pushed=pushed)
    b = Builder([Slot("x", (n,)), raw])
    x, y = b.input_values()
    kept = remembered(b, parts, x, y, 0.0, None).size
    if kept > n:
        raise InputError(
            "`memory` returns what the last of the states are next. "
            f"Received: {kept} numbers, {n} states in all."
        )
    return replace(parts, pushed=pushed, kept=kept)


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
