"""Bounds of every value of a graph that may hold inputs of which nothing is known."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..core import Bounds, InputError
from ..domains import bounds
from ..domains.intervals import RULES
from ..graph import Graph


@dataclass(eq=False)
class Ranges:
    """Ends of every value; `leaves` lists nodes whose inputs may leave their op's domain."""

    ends: list[Bounds]
    leaves: list[int] = field(default_factory=list)


def interval_ends(graph: Graph, lo: np.ndarray, hi: np.ndarray) -> Ranges:
    """Interval bounds over boxes, infinite ends allowed.

    Where an op is not defined on all its input may be, its result may be anything, and its value is
    listed in `leaves`. The result of an op without a rule (graphs as written have such ops) may be
    anything too.

    Sound: the rules are those of the domain `intervals`. Cost: one forward pass.

    Args:
        graph: What is computed.
        lo: `(boxes, graph.size)`, infinite where nothing is known.
        hi: The same.
    """
    found = Ranges([(lo, hi)])
    for value, node in enumerate(graph.nodes, 1):
        before = [found.ends[j] for j in node.inputs]
        rule: Callable | None = RULES.get(type(node.op))
        ends = None
        try:
            if rule is not None:
                ends = rule(node.op, tuple(e[0] for e in before), tuple(e[1] for e in before))
        except InputError:
            found.leaves.append(value)
        if ends is None:
            shape = (len(lo), node.size)
            ends = np.full(shape, -np.inf), np.full(shape, np.inf)
        low, high = ends
        # No rule returns NaN for boxes it is made for; with infinite ends, take it as no bound.
        found.ends.append(
            (np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high))
        )
    return found


def linear_ends(graph: Graph, lo: np.ndarray, hi: np.ndarray) -> list[Bounds] | None:
    """Tighter bounds over one finite box; None where an op has no rule or may leave its domain."""
    if any(type(node.op) not in RULES for node in graph.nodes):
        return None
    try:
        return bounds(graph, lo, hi, "linear")
    except InputError:
        return None
