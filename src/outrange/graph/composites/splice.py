"""Insertion of a finished graph into a graph under construction."""

from __future__ import annotations

from dataclasses import replace

from ..builder import Builder
from ..graph import Graph, Node
from ..values import Value


def splice(b: Builder, graph: Graph, x: Value) -> Value:
    """Append a graph whose flat input is a value of a builder, and return its output.

    The ops are shared with the graph, so no weights are copied.

    Args:
        b: The graph under construction.
        graph: The graph to append.
        x: The flat input of the appended graph, a value of `b`.

    Returns:
        The output, of shape `(1, outputs)`.
    """
    values = [x]
    for node in graph.nodes:
        read = [values[j] for j in node.inputs]
        b.source, b.operation = node.source, node.operation
        values.append(b.add_node(node.op, read, node.shape))
    output = values[graph.output]
    return Value(b, output.index, (1, output.size))


def renumber_nodes(graph: Graph, start: int, base: int, source: str) -> list[Node]:
    """Return the nodes of a graph, renumbered for a longer list of nodes.

    Args:
        graph: The graph to insert.
        start: The value of the longer list that is the input of `graph`.
        base: The number that is added to the indices of its other values.
        source: Prefix for the names of layers.
    """
    return [
        replace(
            node,
            inputs=tuple(start if j == 0 else base + j for j in node.inputs),
            source=f"{source}{node.source}",
        )
        for node in graph.nodes
    ]
