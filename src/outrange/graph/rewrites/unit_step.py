"""The change of a network's outputs when one integer input increases by 1, as a graph."""

from __future__ import annotations

import numpy as np

from ...ops import Curve, Rearrange, combine
from ..difference import difference
from ..graph import Graph, Node


def unit_step_difference(graph: Graph, i: int) -> Graph:
    """Build the graph of `f(x + e_i) - f(x)`.

    Values that do not depend on input `i` are computed only once.

    Args:
        graph: The network `f`.
        i: Index of a flat input that accepts integers.

    Returns:
        A graph with the inputs of `f` and their limits. It equals the difference only where
        `x + e_i` is within these limits, too.
    """
    unit = (np.arange(graph.size) == i).astype(np.float64)
    changes = [unit > 0]
    nodes = [Node(combine((1,), graph.size, unit), (0,), graph.size, (1, graph.size), "step")]
    places = {0: 0}
    for v, node in enumerate(graph.nodes, 1):
        changes.append(_changes(node, [changes[j] for j in node.inputs]))
        places[0] = 1 if changes[v].any() else 0
        nodes.append(node.renumber_inputs(places))
        places[v] = len(nodes)
    places[0] = 1
    stepped = Graph(graph.inputs, tuple(nodes), places[graph.output], graph.outputs)
    return difference(stepped, graph)


def _changes(node: Node, inputs: list[np.ndarray]) -> np.ndarray:
    """Return a mask of a node's entries that may depend on marked entries of its inputs."""
    if isinstance(node.op, Rearrange):
        return (node.op.index >= 0) & np.concatenate(inputs)[np.maximum(node.op.index, 0)]
    if isinstance(node.op, Curve):
        return inputs[0]
    return np.full(node.size, any(changed.any() for changed in inputs))
