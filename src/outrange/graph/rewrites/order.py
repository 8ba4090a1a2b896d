"""Order-preserving simplification: a softmax has the order of its logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...ops import Rearrange
from ..graph import Graph, Node, Slot
from .rewrite import extract_subgraph


def reduce_to_logits(graph: Graph, groups: Sequence[Sequence[int]]) -> Graph:
    """Build a graph whose output entries have, in each group, the same order as those of `graph`.

    Each group lists flat output entries.

    The output entries of each group are traced back through ops that only move them. If all of them
    belong to one group of a softmax, its logits replace them: the difference of two logits has the
    same sign as the difference of the two softmax outputs, and it is affine in the logits.

    Returns:
        A graph with one output `"order"`: the groups' entries, one group after the other.
    """
    entries: list[tuple[int, int]] = []
    for group in groups:
        traced = [origin(graph, graph.output, i) for i in group]
        swapped = _logits(graph, traced)
        entries += swapped if swapped is not None else [(graph.output, i) for i in group]
    values = sorted({v for v, _ in entries})
    sizes = tuple(graph.value_size(v) for v in values)
    starts = dict(zip(values, np.cumsum((0, *sizes[:-1])), strict=True))
    index = np.array([starts[v] + i for v, i in entries], np.int64)
    op = Rearrange("order", index, sizes, np.zeros(index.size))
    node = Node(op, tuple(values), index.size, (1, index.size), "order")
    nodes = (*graph.nodes, node)
    slot = Slot("order", (index.size,))
    return extract_subgraph(
        replace(graph, nodes=nodes, output=len(nodes), outputs=(slot,)), [len(nodes)], [slot]
    )


def origin(graph: Graph, value: int, entry: int) -> tuple[int, int]:
    """Trace an entry back through rearrangements.

    Return the value from which it is copied, and its index in that value.
    """
    while value:
        node = graph.nodes[value - 1]
        if not isinstance(node.op, Rearrange) or node.op.index[entry] < 0:
            break
        entry = int(node.op.index[entry])
        for source, size in zip(node.inputs, node.op.sizes, strict=True):
            if entry < size:
                value = source
                break
            entry -= size
    return value, entry


def _logits(graph: Graph, traced: list[tuple[int, int]]) -> list[tuple[int, int]] | None:
    ranking = graph.rankings.get(traced[0][0])
    if ranking is None or any(v != traced[0][0] for v, _ in traced):
        return None
    if len({int(ranking.groups[i]) for _, i in traced}) != 1:
        return None
    return [origin(graph, ranking.source, i) for _, i in traced]
