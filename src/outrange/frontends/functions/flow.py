"""A closed loop in continuous time as graphs: the control that is held, and the derivative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import UnsupportedError
from ...graph import Builder, Graph, Slot, Value
from ...graph.composites.splice import splice
from ...ops import Step
from .step import StepParts, actuated, before_graph, plant_value


@dataclass(frozen=True, eq=False)
class FlowGraphs:
    """A loop whose controls are held over each period.

    Args:
        before: From the state to what the controller sees.
        after: From what the controller returns to the control.
        controller: From the state, what stays the same, to the control.
        plant: From `x` (the state, and what stays the same), `u`, `t` and `w` to the derivative of
            `x`.
    """

    before: Graph
    after: Graph
    controller: Graph
    plant: Graph


def flow_graphs(parts: StepParts, varies: bool) -> FlowGraphs:
    """The graphs of a loop in continuous time.

    Parameters, and a disturbance that stays the same, are states whose derivative is 0: they
    follow the states in `x`.

    Args:
        parts: What it is made of; without choices and modes.
        varies: Whether the disturbance varies.

    Raises:
        InputError: Sizes do not fit each other.
        UnsupportedError: A function computes something that is not described, or what a plant in
            continuous time cannot.
    """
    n, net = len(parts.states), parts.controllers[0]
    fixed = ["p"] if parts.sizes["p"] else []
    fixed += ["w"] if parts.sizes["w"] and not varies else []
    more = sum(parts.sizes[k] for k in fixed)
    before = before_graph(parts, n, net.size)
    b = Builder([Slot("raw", (net.value_size(net.output),))])
    (raw,) = b.input_values()
    after = b.finish([actuated(b, parts, raw)], ["u"])
    b = Builder([Slot("x", (n + more,))], source="controller")
    (x,) = b.input_values()
    seen = splice(b, before, _part(b, x, 0, n))
    controller = b.finish([splice(b, after, splice(b, net, seen))], ["u"])
    slots = [Slot("x", (n + more,)), Slot("u", (after.value_size(after.output),))]
    slots += [Slot("t", (1,))] if parts.uses_time else []
    slots += [Slot("w", (parts.sizes["w"],))] if parts.sizes["w"] and varies else []
    b = Builder(slots, source="plant")
    given = dict(zip((slot.name for slot in slots), b.input_values(), strict=True))
    whole, start = given["x"], n
    given["x"] = _part(b, whole, 0, n)
    for word in fixed:
        given[word] = _part(b, whole, start, start + parts.sizes[word])
        start += parts.sizes[word]
    slope = plant_value(b, parts, given, given.pop("t", 0.0))
    if more:
        slope = b.concat([slope, np.zeros((1, more))], axis=1)
    # Curves that are put together have no Taylor coefficients: they stay as they were written.
    last = b.reshape(slope, (1, slope.size))
    if not isinstance(last, Value):
        last = b.constant_value(last)
    graph = Graph(tuple(b.inputs), tuple(b.nodes), last.index, (Slot("slope", (slope.size,)),))
    ops = [node.op for node in graph.nodes]
    # A staircase states no jumps, for it has infinitely many.
    jumps = [op.name for op in ops if isinstance(op, Step) or getattr(op, "jumps", False)]
    if jumps:
        raise UnsupportedError(
            "A plant in continuous time must be continuous: steps, comparisons and roundings are "
            "for what the controller sees or for plants in discrete time. What bends without a "
            "jump is written with `np.maximum`, `np.minimum`, `np.clip` or `abs`. "
            f"Received: a plant that computes `{jumps[0]}`."
        )
    return FlowGraphs(before, after, controller, graph)


def _part(b: Builder, x: Value, start: int, stop: int) -> Value:
    return b.structural(lambda a: a[0][:, start:stop], [x])  # pyright: ignore[reportReturnType]
