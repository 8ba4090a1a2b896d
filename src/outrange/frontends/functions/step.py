"""Graphs of one step of a closed loop and of its parts.

The inputs of the whole step are the state and, if the loop has them, the disturbance, the
parameters and the choice. Its outputs are the next state and the control that leads to it. The
controller's graph is spliced in, so the steps of a loop share one copy of its weights.
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
from .actuation import apply_actuation, apply_delay, next_memory, trace_callback
from .arguments import OBSERVE_ARGUMENTS
from .choices import choice_values
from .parts import StepParts
from .plants import part_of, plant_value


def with_counts(parts: StepParts) -> StepParts:
    """Return the parts with `control_count` and `memory_size` computed.

    Raises:
        InputError: The memory has more entries than there are states.
    """
    net, n = parts.controllers[0], len(parts.states)
    raw = Slot("raw", (net.value_size(net.output),))
    b = Builder([raw])
    control_count = apply_actuation(b, parts, b.input_values()[0]).size
    if parts.memory is None:
        return replace(parts, control_count=control_count)
    b = Builder([Slot("x", (n,)), raw])
    x, y = b.input_values()
    memory_size = next_memory(b, parts, x, y, 0.0, None).size
    if memory_size > n:
        raise InputError(
            "`memory` must return the next values of the last states of the loop, so it must not "
            f"return more numbers than the loop has states. Received: {memory_size} numbers, {n} "
            "states."
        )
    return replace(parts, control_count=control_count, memory_size=memory_size)


@dataclass(frozen=True, eq=False)
class StepGraphs:
    """Graphs of a step before and after the controller, and of the whole step.

    In each graph the state includes the pending controls, as its last entries.

    Args:
        before: Graph from the state to the controller's observation.
        after: Graph from state, disturbance, parameters, choice and the controller's output to the
            next state and the control.
        whole: Graph from state, disturbance, parameters and choice to the next state and the
            control.
        modes: Map from the value of each mode to a graph like `whole` that contains only this
            mode's controller.
    """

    before: Graph
    after: Graph
    whole: Graph
    modes: Mapping[float, Graph]


def step_graphs(parts: StepParts, t: float = 0.0) -> StepGraphs:
    """Build the graphs of one step of a closed loop.

    Args:
        parts: Parts of the loop.
        t: Index of the step.

    Raises:
        InputError: Sizes do not match.
        UnsupportedError: A function computes something unsupported.
    """
    n = len(parts.states) + len(parts.pending)
    slots = [Slot("x", (n,))]
    slots += [Slot(k, (parts.sizes[k],), whole=k == "c") for k in "wpc" if parts.sizes[k]]
    before = before_graph(parts, n, t)
    raw = parts.controllers[0].value_size(parts.controllers[0].output)
    b = Builder([*slots, Slot("raw", (raw,))])
    inputs = dict(zip((s.name for s in b.inputs), b.input_values(), strict=True))
    after = b.finish(_after(b, parts, inputs, t), ["next", "u"])
    whole = _whole(parts, slots, before, after)
    each = zip(parts.modes, parts.controllers, strict=True) if parts.modes else ()
    modes = {
        value: _whole(replace(parts, controllers=[controller], modes=()), slots, before, after)
        for value, controller in each
    }
    return StepGraphs(before, after, whole, modes)


def plain_after(parts: StepParts, t: float = 0.0) -> Graph:
    """Build a graph like `StepGraphs.after`, without simplifying it, to save time.

    Its single output contains the next state and then the control.
    """
    n, raw = len(parts.states), parts.controllers[0].value_size(parts.controllers[0].output)
    slots = [Slot("x", (n + len(parts.pending),))]
    slots += [Slot(k, (parts.sizes[k],), whole=k == "c") for k in "wpc" if parts.sizes[k]]
    b = Builder([*slots, Slot("raw", (raw,))])
    inputs = dict(zip((s.name for s in b.inputs), b.input_values(), strict=True))
    after, u = _after(b, parts, inputs, t)
    last = b.concat([after, u], axis=1)
    if not isinstance(last, Value):
        last = b.constant_value(last)
    return Graph(tuple(b.inputs), tuple(b.nodes), last.index, (Slot("next", (last.size,)),))


def _whole(parts: StepParts, slots: Sequence[Slot], before: Graph, after: Graph) -> Graph:
    b = Builder(slots)
    inputs = b.input_values()
    out = controller_value(b, parts, inputs[0], splice(b, before, inputs[0]))
    flat = b.concat([*inputs, b.reshape(out, (1, out.size))], axis=1)
    result = splice(b, after, flat)  # pyright: ignore[reportArgumentType]
    return b.finish([result], ["next and u"])


def controller_value(
    b: Builder, parts: StepParts, x: Value, observation: Value, near: bool = False
) -> Value:
    """Compute the output of the controller that the mode selects, by nested selections.

    Args:
        parts: Parts of the loop.
        x: The state, followed by the pending controls.
        near: Whether to use the mode with the nearest value, because the state may be inexact. By
            default, a mode is used only for its exact value, and the first mode for all other
            values.
    """
    output = splice(b, parts.controllers[0], observation)
    if not parts.modes:
        return output
    mode = part_of(b, x, parts.mode, parts.mode + 1)
    if near:
        order = np.argsort(parts.modes)
        output = splice(b, parts.controllers[order[0]], observation)
        for low, high in pairwise(order):
            middle = 0.5 * parts.modes[low] + 0.5 * parts.modes[high]
            here = logic.compare(b, "greater_equal", mode, middle)
            output = logic.select(b, here, splice(b, parts.controllers[high], observation), output)
        return output  # pyright: ignore[reportReturnType]
    for value, graph in zip(parts.modes[1:], parts.controllers[1:], strict=True):
        here = b.curve("is_zero", b.affine_map(mode, 1.0, -value))
        # `here` is 0 or 1, so the selected output is that of one of the two branches.
        output = logic.select(b, here, splice(b, graph, observation), output)
    return output  # pyright: ignore[reportReturnType]


def before_graph(parts: StepParts, size: int, t: float | None) -> Graph:
    """Build the graph from the state, followed by pending controls, to the observation.

    Args:
        parts: Parts of the loop.
        size: Number of entries of the state and the pending controls.
        t: Index of the step; None to make it an input `t`, if `observe` or `memory` uses the time.

    Raises:
        InputError: The observation does not have one entry per input of the controller.
    """
    n, needed = len(parts.states), parts.controllers[0].size
    clock = [Slot("t", (1,))] if t is None and parts.uses_clock else []
    b = Builder([Slot("x", (size,)), *clock], source="observe")
    x, *rest = b.input_values()
    x = part_of(b, x, 0, n) if size > n else x
    if parts.observe is not None:
        at = rest[0] if rest else t
        observation = trace_callback(
            b, parts.observe, OBSERVE_ARGUMENTS, {"x": x, "t": at}, needed, "`observe`"
        )
        return b.finish([observation], ["seen"])
    if n != needed:
        raise InputError(
            "The controller must have one input per state, unless `observe=` computes its inputs, "
            f"for example `observe=lambda x: [x[0] - 1, x[1]]`. Received: {n} states, {needed} "
            "inputs of the controller."
        )
    return b.finish([x], ["seen"])


def _after(b: Builder, parts: StepParts, inputs: dict[str, Value], t: float) -> list[Value]:
    """Compute the next state (with the memory and the pending controls) and the control."""
    raw: Value = inputs.pop("raw")
    if "c" in inputs:
        inputs["c"] = choice_values(b, inputs["c"], parts.choices)
    x, whole = part_of(b, inputs["x"], 0, len(parts.states)), inputs["x"]
    inputs["x"] = x
    u, later = apply_delay(b, parts, whole, raw)
    b.source = "plant"
    after = [plant_value(b, parts, {**inputs, "u": u}, t)]
    if parts.memory_size:
        after.append(next_memory(b, parts, x, raw, t, parts.memory_size))
    after = b.concat([*after, *later], axis=1) if len(after) + len(later) > 1 else after[0]
    return [after, b.reshape(u, (1, u.size))]  # pyright: ignore[reportReturnType]
