"""Parallel composition of several networks with separate inputs into one graph.

A relation between networks, or between two runs of one network, becomes a property of the
composed network. For two runs of one network, this is self-composition (Barthe, D'Argenio, Rezk,
CSFW 2004).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ...core import InputError
from ...ops import Rearrange
from ..graph import Graph, Node, Slot


def composition(graphs: Mapping[str, Graph], index: np.ndarray | None = None) -> Graph:
    """Build one graph that evaluates all networks, each at its own inputs.

    Args:
        graphs: Maps names to graphs. The names become prefixes of inputs and outputs.
        index: `(inputs,)`: for each input of each graph in turn, its position in the common flat
            input. Identical inputs share a position; positions first occur in ascending order. None
            if all inputs differ.

    Returns:
        A graph whose flat input consists of the inputs of the first graph, then the new inputs of
        the second, and so on. Its flat output concatenates the outputs of all graphs.
    """
    if index is None:
        index = np.arange(sum(graph.size for graph in graphs.values()))
    total = int(index.max(initial=-1)) + 1
    nodes: list[Node] = []
    ends: list[int] = []
    start = 0
    for name, graph in graphs.items():
        places = index[start : start + graph.size]
        nodes.append(_part(f"inputs of {name}", places, (total,), (0,), name))
        base = len(nodes)
        for node in graph.nodes:
            read = tuple(base + value for value in node.inputs)
            nodes.append(replace(node, inputs=read, source=f"{name}/{node.source}"))
        ends.append(base + graph.output)
        start += graph.size
    sizes = tuple(graph.value_size(graph.output) for graph in graphs.values())
    nodes.append(_part("outputs", np.arange(sum(sizes)), sizes, tuple(ends), ""))
    inputs = _inputs(graphs, index)
    outputs = tuple(
        _add_prefix(name, slot) for name, graph in graphs.items() for slot in graph.outputs
    )
    return Graph(inputs, tuple(nodes), len(nodes), outputs)


def _inputs(graphs: Mapping[str, Graph], index: np.ndarray) -> tuple[Slot, ...]:
    """Return the input slots of the composed graph.

    An entry is new if it equals neither an entry of an earlier input nor an earlier entry of the
    same input. An input with both new and repeated entries is split: each new entry becomes an
    input with the entry's name. An input without new entries is dropped.

    Raises:
        InputError: Two identified inputs have different types (integer or real) or limits.
    """
    slots = [_add_prefix(name, slot) for name, graph in graphs.items() for slot in graph.inputs]
    remaining: list[Slot] = []
    owner: dict[int, Slot] = {}
    start = 0
    for slot in slots:
        places = index[start : start + slot.size].tolist()
        start += slot.size
        for place in places:
            first = owner.setdefault(place, slot)
            if (first.whole, first.limits) != (slot.whole, slot.limits):
                raise InputError(
                    "Two inputs that a property equates must have the same type and limits. "
                    f"Received: `{first.name}` and `{slot.name}`."
                )
        new: dict[int, tuple[int, ...]] = {}
        for entry, place in zip(np.ndindex(*slot.shape), places, strict=True):
            if owner[place] is slot:
                new.setdefault(place, entry)
        if len(new) == slot.size:
            remaining.append(slot)
            continue
        for entry in new.values():
            name = f"{slot.name}[{', '.join(map(str, entry))}]"
            remaining.append(replace(slot, name=name, shape=(), column_of=""))
    return tuple(remaining)


def _part(
    name: str, index: np.ndarray, sizes: tuple[int, ...], read: tuple[int, ...], source: str
) -> Node:
    op = Rearrange(name, index, sizes, np.zeros(index.size))
    return Node(op, read, index.size, (1, index.size), source)


def _add_prefix(network: str, slot: Slot) -> Slot:
    column_of = f"{network}.{slot.column_of}" if slot.column_of else ""
    return replace(slot, name=f"{network}.{slot.name}", column_of=column_of)
