"""Several networks of inputs of their own as one graph: their parallel composition.

What relates networks, or two runs of one network, becomes a property of one network (for two runs
of one it is self-composition, Barthe, D'Argenio, Rezk, CSFW 2004).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ...ops import Rearrange
from ..graph import Graph, Node, Slot


def composition(graphs: Mapping[str, Graph]) -> Graph:
    """The graph of all of them, side by side.

    Args:
        graphs: Name to graph. The names go before those of the inputs and outputs.

    Returns:
        A graph whose flat input is that of the first, then that of the second, and so on; so is
        its flat output.
    """
    total = sum(graph.size for graph in graphs.values())
    nodes: list[Node] = []
    ends: list[int] = []
    start = 0
    for name, graph in graphs.items():
        index = np.arange(start, start + graph.size)
        nodes.append(_part(f"inputs of {name}", index, (total,), (0,), name))
        base = len(nodes)
        for node in graph.nodes:
            read = tuple(base + value for value in node.inputs)
            nodes.append(replace(node, inputs=read, source=f"{name}/{node.source}"))
        ends.append(base + graph.output)
        start += graph.size
    sizes = tuple(graph.value_size(graph.output) for graph in graphs.values())
    nodes.append(_part("outputs", np.arange(sum(sizes)), sizes, tuple(ends), ""))
    inputs = tuple(_named(name, slot) for name, graph in graphs.items() for slot in graph.inputs)
    outputs = tuple(_named(name, slot) for name, graph in graphs.items() for slot in graph.outputs)
    return Graph(inputs, tuple(nodes), len(nodes), outputs)


def _part(
    name: str, index: np.ndarray, sizes: tuple[int, ...], read: tuple[int, ...], source: str
) -> Node:
    op = Rearrange(name, index, sizes, np.zeros(index.size))
    return Node(op, read, index.size, (1, index.size), source)


def _named(network: str, slot: Slot) -> Slot:
    column_of = f"{network}.{slot.column_of}" if slot.column_of else ""
    return replace(slot, name=f"{network}.{slot.name}", column_of=column_of)
