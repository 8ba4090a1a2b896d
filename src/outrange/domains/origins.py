"""Origins: the earlier entry that each entry of a value is a function of."""

from dataclasses import dataclass

import numpy as np

from ..graph import Graph
from ..ops import Curve, Rearrange


@dataclass(frozen=True, eq=False)
class Origins:
    """For each entry of a value, the entry it is a function of.

    Args:
        value: `(n,)`: the value that holds it; -1 for a constant.
        entry: `(n,)`: where in it.
        bent: `(n,)`: whether a curve lies between. Back-substitution then knows nothing of the
            entry that the curve's range over its refined input does not.
    """

    value: np.ndarray
    entry: np.ndarray
    bent: np.ndarray

    @staticmethod
    def of(graph: Graph, value: int) -> "Origins":
        """Follow every entry of `value` back.

        The values on the way wait in a list, as a graph may be deeper than Python's stack.
        """
        known: dict[int, Origins] = {}
        waiting = [value]
        while waiting:
            v = waiting.pop()
            passed = graph.nodes[v - 1].inputs if _passes(graph, v) else ()
            missing = [j for j in passed if j not in known]
            if missing:
                waiting += [v, *missing]
            elif v not in known:
                known[v] = Origins._of_one(graph, v, [known[j] for j in passed])
        return known[value]

    @staticmethod
    def _of_one(graph: Graph, value: int, before: "list[Origins]") -> "Origins":
        """Return the origins of a value from those of what it passes on; itself without any."""
        op = graph.nodes[value - 1].op if before else None
        if isinstance(op, Curve):
            (found,) = before
            return Origins(found.value, found.entry, np.full(found.value.size, True))
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
    """Return whether every entry of a value is a function of one entry of an input of its op."""
    return value > 0 and isinstance(graph.nodes[value - 1].op, Curve | Rearrange)
