"""Several networks of inputs of their own as one graph: their parallel composition.

What relates networks, or two runs of one network, becomes a property of one network (for two runs
of one it is self-composition, Barthe, D'Argenio, Rezk, CSFW 2004).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ...core import InputError
from ...ops import Rearrange
from ..graph import Graph, Node, Slot


def composition(graphs: Mapping[str, Graph], index: np.ndarray | None = None) -> Graph:
    """The graph of all of them, side by side.

    Args:
        graphs: Name to graph. The names go before those of the inputs and outputs.
        index: `(inputs,)` the place in the flat input of each input of all graphs, one after the
            other, where some are one and the same; every place is first met in rising order. None
            where all differ.

    Returns:
        A graph whose flat input is that of the first, then what is new in that of the second, and
        so on; its flat output is theirs one after the other.
    """
    if index is None:
        index = np.arange(sum(graph.size for graph in graphs.values()))
    total = int(index.max(initial=-1)) + 1
    nodes: list[Node] = []
    ends: list[int] = []
    start = 0
    for name, graph in graphs.items():
        own = index[start : start + graph.size]
        nodes.append(_part(f"inputs of {name}", own, (total,), (0,), name))
        base = len(nodes)
        for node in graph.nodes:
            read = tuple(base + value for value in node.inputs)
            nodes.append(replace(node, inputs=read, source=f"{name}/{node.source}"))
        ends.append(base + graph.output)
        start += graph.size
    sizes = tuple(graph.value_size(graph.output) for graph in graphs.values())
    nodes.append(_part("outputs", np.arange(sum(sizes)), sizes, tuple(ends), ""))
    inputs = _inputs(graphs, index)
    outputs = tuple(_named(name, slot) for name, graph in graphs.items() for slot in graph.outputs)
    return Graph(inputs, tuple(nodes), len(nodes), outputs)


def _inputs(graphs: Mapping[str, Graph], index: np.ndarray) -> tuple[Slot, ...]:
    """The inputs that are left: one of which some entries are another's is a vector of the rest.

    Raises:
        InputError: Whole numbers are the same as real ones; that would be a condition more.
    """
    slots = [_named(name, slot) for name, graph in graphs.items() for slot in graph.inputs]
    found: list[Slot] = []
    owner: dict[int, Slot] = {}
    start = 0
    for slot in slots:
        places = index[start : start + slot.size].tolist()
        start += slot.size
        for place in places:
            first = owner.setdefault(place, slot)
            if (first.whole, first.limits) != (slot.whole, slot.limits):
                raise InputError(
                    "Two inputs that a property calls equal are of one kind. "
                    f"Received: `{first.name}` and `{slot.name}`."
                )
        own = sum(owner[place] is slot for place in set(places))
        if own == slot.size:
            found.append(slot)
        elif own:
            found.append(replace(slot, shape=(own,), column_of=""))
    return tuple(found)


def _part(
    name: str, index: np.ndarray, sizes: tuple[int, ...], read: tuple[int, ...], source: str
) -> Node:
    op = Rearrange(name, index, sizes, np.zeros(index.size))
    return Node(op, read, index.size, (1, index.size), source)


def _named(network: str, slot: Slot) -> Slot:
    column_of = f"{network}.{slot.column_of}" if slot.column_of else ""
    return replace(slot, name=f"{network}.{slot.name}", column_of=column_of)
