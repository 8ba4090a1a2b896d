"""A closed loop in continuous time as graphs: the control that is held, and the derivative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core import UnsupportedError
from ...graph import Builder, Graph, Slot, Value
from ...graph.composites.splice import splice
from ...ops import Step
from .actuation import delivered, remembered
from .parts import StepParts
from .plants import part_of, plant_value
from .step import before_graph, controlled


@dataclass(frozen=True, eq=False)
class FlowGraphs:
    """A loop whose controls are held over each period.

    What stands in `x`: the states, of which the last are remembered; what stays the same; and the
    controls that are under way. A graph of the controller also takes `t` where it is asked for.

    Args:
        before: From `x` to what the controller sees.
        after: From `x` and what the controller returns to the controls, then what is remembered and
            under way next.
        controller: The same from `x` alone.
        memory: The places in `x` of what is remembered and under way.
        plant: From `x`, `u`, `t` and `w` to the derivative of `x`.
    """

    before: Graph
    after: Graph
    controller: Graph
    memory: np.ndarray
    plant: Graph


def flow_graphs(parts: StepParts, varies: bool) -> FlowGraphs:
    """The graphs of a loop in continuous time.

    Parameters, and a disturbance that stays the same, are states whose derivative is 0: they
    follow the states in `x`. So are what the controller remembers and controls under way, which
    change at instants.

    Args:
        parts: What it is made of; without choices.
        varies: Whether the disturbance varies.

    Raises:
        InputError: Sizes do not fit each other.
        UnsupportedError: A function computes something that is not described, or what a plant in
            continuous time cannot.
    """
    n = len(parts.states)
    fixed = ["p"] if parts.sizes["p"] else []
    fixed += ["w"] if parts.sizes["w"] and not varies else []
    late = len(parts.hidden)
    more = sum(parts.sizes[k] for k in fixed) + late
    before = before_graph(parts, n + more, None)
    after = _after_graph(parts, n, more)
    b = Builder([Slot("x", (n + more,)), *_clock(parts)], source="controller")
    x, *clock = b.input_values()
    raw = controlled(b, parts, x, splice(b, before, _beside(b, x, *clock)), near=True)
    controller = b.finish([splice(b, after, _beside(b, x, raw, *clock))], ["u"])
    memory = np.concatenate([np.arange(n - parts.kept, n), np.arange(n + more - late, n + more)])
    return FlowGraphs(before, after, controller, memory, _plant_graph(parts, varies, fixed, late))


def _clock(parts: StepParts) -> list[Slot]:
    return [Slot("t", (1,))] if parts.uses_clock else []


def _beside(b: Builder, first: Value, *more: Value) -> Value:
    return b.concat([first, *more], axis=1) if more else first  # pyright: ignore[reportReturnType]


def _after_graph(parts: StepParts, n: int, more: int) -> Graph:
    """See `FlowGraphs.after`."""
    net = parts.controllers[0]
    raw_slot = Slot("raw", (net.value_size(net.output),))
    b = Builder([Slot("x", (n + more,)), raw_slot, *_clock(parts)])
    whole, raw, *clock = b.input_values()
    u, late = delivered(b, parts, whole, raw)
    found = [b.reshape(u, (1, u.size))]
    if parts.kept:
        x = part_of(b, whole, 0, n)
        found.append(remembered(b, parts, x, raw, next(iter(clock), None), parts.kept))
    return b.finish([_beside(b, *found, *late)], ["u"])  # pyright: ignore[reportArgumentType]


def _plant_graph(parts: StepParts, varies: bool, fixed: Sequence[str], late: int) -> Graph:
    """See `FlowGraphs.plant`."""
    n, still = len(parts.states), parts.kept + late + sum(parts.sizes[k] for k in fixed)
    more = still - parts.kept
    slots = [Slot("x", (n + more,)), Slot("u", (parts.pushed,))]
    slots += [Slot("t", (1,))] if parts.uses_time else []
    slots += [Slot("w", (parts.sizes["w"],))] if parts.sizes["w"] and varies else []
    b = Builder(slots, source="plant")
    given = dict(zip((slot.name for slot in slots), b.input_values(), strict=True))
    whole, start = given["x"], n
    given["x"] = part_of(b, whole, 0, n)
    for word in fixed:
        given[word] = part_of(b, whole, start, start + parts.sizes[word])
        start += parts.sizes[word]
    slope = plant_value(b, parts, given, given.pop("t", 0.0))
    if still:
        slope = b.concat([slope, np.zeros((1, still))], axis=1)
    # Curves that are put together have no Taylor coefficients: they stay as they were written.
    last = b.reshape(slope, (1, slope.size))
    if not isinstance(last, Value):
        last = b.constant_value(last)
    graph = Graph(tuple(b.inputs), tuple(b.nodes), last.index, (Slot("slope", (slope.size,)),))
    for node in graph.nodes:
        if isinstance(node.op, Step) and node.op.rows is not None:
            raise UnsupportedError(
                "In continuous time a table is read between its entries, too: write "
                "`np.interp(x, places, values)`, or `np.where` on comparisons. "
                f"Received: a plant that reads `{node.op.name}` at whole numbers."
            )
    return graph
