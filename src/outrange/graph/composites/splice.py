"""One graph as a part of another under construction."""

from __future__ import annotations

from dataclasses import replace

from ..builder import Builder
from ..graph import Graph, Node
from ..values import Value


def splice(b: Builder, graph: Graph, x: Value) -> Value:
    """The output of a graph whose flat input is a value of a builder.

    Its ops, and with them its weights, are those of the graph: nothing is copied.

    Args:
        b: The builder.
        graph: What is computed.
        x: As many entries as the graph has inputs.

    Returns:
        Of shape `(1, outputs)`.
    """
    values = [x]
    for node in graph.nodes:
        read = [values[j] for j in node.inputs]
        b.source, b.operation = node.source, node.operation
        values.append(b.add_node(node.op, read, node.shape))
    found = values[graph.output]
    return Value(b, found.index, (1, found.size))


def moved(graph: Graph, start: int, base: int, source: str) -> list[Node]:
    """The nodes of a graph, to stand in a longer list of nodes.

    Args:
        graph: What is computed.
        start: The value there that is its input.
        base: How many values there are before its nodes, less one.
        source: Goes before the names of layers.
    """
    return [
        replace(
            node,
            inputs=tuple(start if j == 0 else base + j for j in node.inputs),
            source=f"{source}{node.source}",
        )
        for node in graph.nodes
    ]
