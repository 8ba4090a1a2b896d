"""The product network of two networks with a common input: a graph of their output difference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core import InputError
from ..ops import Affine, Largest, Product, Rearrange, Step, combine
from .domain import restricted_functions
from .graph import Graph, Node, Op, Slot


MOST_ENTRIES = 1 << 22
"""Matrices with more entries than this are not compared but considered different."""


def difference(first: Graph, second: Graph, *, in_full: bool = False) -> Graph:
    """Build the graph of `first(x) - second(x)`; recognized common computations appear once.

    Args:
        first: The network to subtract from.
        second: Another network, whose inputs and outputs have the same sizes in the same order.
        in_full: Whether to subtract two identical outputs instead of returning a constant 0. The
            intermediate values can then explain why two runs differ: they may round differently, or
            overflow.

    Returns:
        A graph with the input and output names of `first`. Each input has the limits of both
        networks. An input that accepts only integers in one network accepts only integers in this
        graph.

    Raises:
        InputError: The networks have inputs or outputs of different sizes.
    """
    for what, a, b in (
        ("inputs", first.inputs, second.inputs),
        ("outputs", first.outputs, second.outputs),
    ):
        if [slot.size for slot in a] != [slot.size for slot in b]:
            raise InputError(
                f"The {what} of two models must have the same sizes in the same order. "
                f"Received: {_format_slots(a)} and {_format_slots(b)}."
            )
    nodes = list(first.nodes)
    candidates: dict[tuple, list[int]] = {}
    for v, node in enumerate(nodes, 1):
        candidates.setdefault((type(node.op), node.inputs, node.size), []).append(v)
    moved = {0: 0}
    for v, node in enumerate(second.nodes, 1):
        node = node.renumber_inputs(moved)
        similar = candidates.setdefault((type(node.op), node.inputs, node.size), [])
        same = next((w for w in similar if _same(nodes[w - 1].op, node.op)), None)
        if same is None:
            nodes.append(node)
            same = len(nodes)
            similar.append(same)
        moved[v] = same
    size = first.value_size(first.output)
    ends = (first.output, moved[second.output])
    if ends[0] == ends[1] and not in_full:
        # Read the outputs if they have a restricted domain: their difference has the same domain.
        has_domain = next(restricted_functions(first), None) is not None
        source, nodes = (ends[0], nodes) if has_domain else (0, [])
        op = Rearrange(
            "no difference", np.full(size, -1), (first.value_size(source),), np.zeros(size)
        )
        nodes.append(Node(op, (source,), size, (1, size), "difference"))
    else:
        nodes.append(Node(combine((1, -1), size), ends, size, (1, size), "difference"))
    inputs = tuple(map(_common, first.inputs, second.inputs))
    return Graph(inputs, tuple(nodes), len(nodes), first.outputs)


def _common(first: Slot, second: Slot) -> Slot:
    """Return the input `first`, limited to the numbers that `second` accepts, too."""
    least, most = (
        np.maximum(first.limits[0], second.limits[0]),
        np.minimum(first.limits[1], second.limits[1]),
    )
    return replace(first, whole=first.whole or second.whole, limits=(float(least), float(most)))


def _format_slots(slots: tuple[Slot, ...]) -> str:
    return ", ".join(f"`{slot.name}` {slot.shape}" for slot in slots)


def _same(a: Op, b: Op) -> bool:
    """Return whether two ops of one kind are recognized as the same function.

    Two curves are the same only if they are one object. A step with slack is never the same,
    because two networks may use the slack in different ways.
    """
    if isinstance(a, Step) and a.slack:
        return False
    if a is b:
        return True
    if isinstance(a, Affine) and isinstance(b, Affine):
        same = a.sizes == b.sizes and a.size == b.size and a.ulps == b.ulps
        if not same or not np.array_equal(a.bias, b.bias):
            return False
        if a.size * sum(a.sizes) > MOST_ENTRIES:
            return False
        unit = np.eye(a.size)
        pairs = zip(a.adjoint(unit), b.adjoint(unit), strict=True)
        return all(np.array_equal(p, q) for p, q in pairs)
    if isinstance(a, Rearrange) and isinstance(b, Rearrange):
        same = a.sizes == b.sizes and np.array_equal(a.index, b.index)
        return same and np.array_equal(a.fill[a.index < 0], b.fill[b.index < 0])
    if isinstance(a, Largest) and isinstance(b, Largest):
        return np.array_equal(a.windows, b.windows)
    if isinstance(a, Product) and isinstance(b, Product):
        same = np.array_equal(a.left, b.left) and np.array_equal(a.right, b.right)
        return same and a.limits == b.limits
    return False
