"""Origins: for each entry of a value, the earlier entry that it is a function of."""

from dataclasses import dataclass

import numpy as np

from ..graph import Graph
from ..ops import Curve, Rearrange


@dataclass(frozen=True, eq=False)
class Origins:
    """The earlier entry (the origin) that each entry of a value is a function of.

    Args:
        value: `(n,)`: the value that contains the origin; -1 for a constant.
        entry: `(n,)`: the position of the origin in that value.
        bent: `(n,)`: whether a curve lies in between. Back-substitution then bounds the entry no
            better than the curve's range over its refined input does.
    """

    value: np.ndarray
    entry: np.ndarray
    bent: np.ndarray

    @staticmethod
    def of(graph: Graph, value: int) -> "Origins":
        """Trace every entry of `value` back to its origin.

        The search keeps its own stack, because a graph may be deeper than Python's call stack.
        """
        origins: dict[int, Origins] = {}
        waiting = [value]
        while waiting:
            v = waiting.pop()
            passed = graph.nodes[v - 1].inputs if _passes(graph, v) else ()
            missing = [j for j in passed if j not in origins]
            if missing:
                waiting += [v, *missing]
            elif v not in origins:
                origins[v] = Origins._of_one(graph, v, [origins[j] for j in passed])
        return origins[value]

    @staticmethod
    def _of_one(graph: Graph, value: int, before: "list[Origins]") -> "Origins":
        """Return the origins of a value from those of its inputs.

        If `before` is empty, every entry is its own origin.
        """
        op = graph.nodes[value - 1].op if before else None
        if isinstance(op, Curve):
            (origin,) = before
            return Origins(origin.value, origin.entry, np.full(origin.value.size, True))
        if isinstance(op, Rearrange):
            parts = [
                np.concatenate([getattr(o, name) for o in before])
                for name in ("value", "entry", "bent")
            ]
            at, constant = np.maximum(op.index, 0), op.index < 0
            return Origins(np.where(constant, -1, parts[0][at]), parts[1][at], parts[2][at])
        size = graph.value_size(value)
        return Origins(np.full(size, value), np.arange(size), np.zeros(size, bool))


def _passes(graph: Graph, value: int) -> bool:
    """Return whether a value is the result of a curve or a rearrangement."""
    return value > 0 and isinstance(graph.nodes[value - 1].op, Curve | Rearrange)
