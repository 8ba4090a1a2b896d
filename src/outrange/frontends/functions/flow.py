"""Graphs of a closed loop in continuous time: its sampled controller and its derivative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import UnsupportedError
from ...graph import Builder, Graph, Slot, Value
from ...graph.composites.splice import splice
from ...ops import Step
from .actuation import apply_delay, next_memory
from .parts import StepParts
from .plants import part_of, plant_value
from .step import before_graph, controller_value


@dataclass(frozen=True, eq=False)
class FlowGraphs:
    """Graphs of a loop whose controls are held constant over each sampling period.

    `x` contains the states (the last of which may be memory), then the parameters, then a constant
    disturbance, then the pending controls. The graphs `before`, `after` and `controller` also have
    an input `t` if `observe` or `memory` uses the time.

    Args:
        before: Graph from `x` to the controller's observation.
        after: Graph from `x` and the controller's output to the controls, the next memory, and the
            next pending controls.
        controller: Graph from `x` to the outputs of `after`, including the controller itself.
        memory: Indices in `x` of the memory and the pending controls.
        plant: Graph from `x` and `u` to the derivative of `x`. It also has an input `t` if the
            plant uses the time, and an input `w` if there is a disturbance.
    """

    before: Graph
    after: Graph
    controller: Graph
    memory: np.ndarray
    plant: Graph


def flow_graphs(parts: StepParts) -> FlowGraphs:
    """Build the graphs of a closed loop in continuous time.

    Parameters become additional entries of `x` after the states; their derivative is 0. The
    controller's memory and the pending controls also have the derivative 0, because they change at
    sampling instants only.

    Args:
        parts: Parts of the loop, without choices.

    Raises:
        InputError: Sizes do not match.
        UnsupportedError: A function computes something unsupported, or the plant looks up a table
            at integer indices, which is unsupported in continuous time.
    """
    n = len(parts.states)
    pending = len(parts.pending)
    more = parts.sizes["p"] + pending
    before = before_graph(parts, n + more, None)
    after = _after_graph(parts, n, more)
    b = Builder([Slot("x", (n + more,)), *_clock(parts)], source="controller")
    x, *clock = b.input_values()
    raw = controller_value(b, parts, x, splice(b, before, _concat(b, x, *clock)), near=True)
    controller = b.finish([splice(b, after, _concat(b, x, raw, *clock))], ["u"])
    memory = np.concatenate(
        [np.arange(n - parts.memory_size, n), np.arange(n + more - pending, n + more)]
    )
    return FlowGraphs(before, after, controller, memory, _plant_graph(parts, pending))


def _clock(parts: StepParts) -> list[Slot]:
    return [Slot("t", (1,))] if parts.uses_clock else []


def _concat(b: Builder, first: Value, *more: Value) -> Value:
    return b.concat([first, *more], axis=1) if more else first  # pyright: ignore[reportReturnType]


def _after_graph(parts: StepParts, n: int, more: int) -> Graph:
    """Build `FlowGraphs.after`; `x` has `n` states and `more` further entries."""
    net = parts.controllers[0]
    raw_slot = Slot("raw", (net.value_size(net.output),))
    b = Builder([Slot("x", (n + more,)), raw_slot, *_clock(parts)])
    whole, raw, *clock = b.input_values()
    u, later = apply_delay(b, parts, whole, raw)
    columns = [b.reshape(u, (1, u.size))]
    if parts.memory_size:
        x = part_of(b, whole, 0, n)
        columns.append(next_memory(b, parts, x, raw, next(iter(clock), None), parts.memory_size))
    return b.finish([_concat(b, *columns, *later)], ["u"])  # pyright: ignore[reportArgumentType]


def _plant_graph(parts: StepParts, pending: int) -> Graph:
    """Build `FlowGraphs.plant`, the graph of the derivative of `x`.

    Args:
        parts: Parts of the loop.
        pending: Number of pending controls in `x`.
    """
    n, fixed = len(parts.states), parts.sizes["p"]
    constant = parts.memory_size + pending + fixed
    more = constant - parts.memory_size
    slots = [Slot("x", (n + more,)), Slot("u", (parts.control_count,))]
    slots += [Slot("t", (1,))] if parts.uses_time else []
    slots += [Slot("w", (parts.sizes["w"],))] if parts.sizes["w"] else []
    b = Builder(slots, source="plant")
    arguments = dict(zip((slot.name for slot in slots), b.input_values(), strict=True))
    whole = arguments["x"]
    arguments["x"] = part_of(b, whole, 0, n)
    if fixed:
        arguments["p"] = part_of(b, whole, n, n + fixed)
    slope = plant_value(b, parts, arguments, arguments.pop("t", 0.0))
    if constant:
        slope = b.concat([slope, np.zeros((1, constant))], axis=1)
    # Fused curves have no Taylor coefficients, so the graph stays as the plant is written.
    last = b.reshape(slope, (1, slope.size))
    if not isinstance(last, Value):
        last = b.constant_value(last)
    graph = Graph(tuple(b.inputs), tuple(b.nodes), last.index, (Slot("slope", (slope.size,)),))
    for node in graph.nodes:
        if isinstance(node.op, Step) and node.op.rows is not None:
            raise UnsupportedError(
                "In continuous time, a plant must not look up a table at integers, because its "
                "variables also take the values in between: use `np.interp(x, places, values)`, or "
                f"`np.where` with comparisons. Received: a plant that looks up `{node.op.name}` at "
                "integers."
            )
    return graph
