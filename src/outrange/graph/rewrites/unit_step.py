"""The change of a network's outputs when one integer input increases by 1, as a graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...ops import Curve, Rearrange, Step, combine
from ..difference import difference
from ..graph import Graph, Node


def unit_step_difference(graph: Graph, i: int) -> Graph:
    """Build the graph of `f(x + e_i) - f(x)`.

    Values that do not depend on input `i` are computed only once.

    Args:
        graph: The network `f`, whose input `i` accepts integers.
        i: Index of the flat input that increases.

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


def fix_inputs(graph: Graph, values: np.ndarray) -> Graph:
    """Return a graph in which some inputs are constants, so that tables need no lookup there.

    No arithmetic is done, so nothing is rounded: a row of a table is exact.

    Args:
        graph: The network whose inputs are fixed.
        values: `(inputs,)` the values of these inputs; NaN for the others.
    """
    size = graph.size
    constants, places = [np.asarray(values, np.float64)], {0: 0}
    nodes = [
        Node(_constants(np.arange(size), (size,), constants[0]), (0,), size, (1, size), "fixed")
    ]
    for v, node in enumerate(graph.nodes, 1):
        op, inputs = node.op, [constants[j] for j in node.inputs]
        result = np.full(node.size, np.nan)
        if isinstance(op, Rearrange):
            result = np.where(op.index < 0, op.fill, np.concatenate(inputs)[op.index])
        elif isinstance(op, Step) and op.rows is not None:
            result = op.rows.at(inputs[0])
        # Only a rearrangement of the inputs alone may read them without the constants.
        places[0] = 0 if isinstance(op, Rearrange) and set(node.inputs) == {0} else 1
        node = node.renumber_inputs(places)
        if not np.isnan(result).any():
            op = _constants(np.full(node.size, -1), (size,), result)
            node = replace(node, op=op, inputs=(0,))
        elif isinstance(op, Rearrange):
            node = replace(node, op=_constants(op.index, op.sizes, result))
        constants.append(result)
        nodes.append(node)
        places[v] = len(nodes)
    places[0] = 1
    return Graph(graph.inputs, tuple(nodes), places[graph.output], graph.outputs)


def _constants(index: np.ndarray, sizes: tuple[int, ...], constants: np.ndarray) -> Rearrange:
    """Return a rearrangement with constants at the positions where `constants` is not NaN."""
    is_free = np.isnan(constants)
    return Rearrange(
        "fixed", np.where(is_free, index, -1), sizes, np.where(is_free, 0.0, constants)
    )
