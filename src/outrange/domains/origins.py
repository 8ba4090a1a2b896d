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
        """Follow every entry of `value` back."""
        node = graph.nodes[value - 1] if value else None
        if node is not None and isinstance(node.op, Curve):
            found = Origins.of(graph, node.inputs[0])
            return Origins(found.value, found.entry, np.full(node.size, True))
        if node is not None and isinstance(node.op, Rearrange):
            before = [Origins.of(graph, j) for j in node.inputs]
            parts = [
                np.concatenate([getattr(o, name) for o in before])
                for name in ("value", "entry", "bent")
            ]
            at, constant = np.maximum(node.op.index, 0), node.op.index < 0
            return Origins(np.where(constant, -1, parts[0][at]), parts[1][at], parts[2][at])
        size = graph.value_size(value)
        return Origins(np.full(size, value), np.arange(size), np.zeros(size, bool))
