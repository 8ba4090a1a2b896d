"""Rewrites of a graph into another that computes the same function.

They never combine coefficients: an affine op keeps its weights, so that every rounding stays where
the domains account for it. Ops that only move entries are exact and are merged freely.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from ...core import InputError
from ...ops import Affine, Largest, Rearrange, combine, curve, gather_sum
from ..graph import Graph, Node, Op, Slot


def extract_subgraph(graph: Graph, values: Sequence[int], slots: Sequence[Slot]) -> Graph:
    """Return the part of the graph that computes `values`, which become its outputs.

    Args:
        graph: The graph to cut.
        values: One or more values of `graph`; value 0 is the input.
        slots: Name and shape of each value.

    Returns:
        A graph with the same inputs whose output concatenates `values` in that order. Its `layers`
        are the layers whose values it still computes.

    Raises:
        InputError: A value does not exist, its slot has another size, there are no values, or the
            number of slots differs.
    """
    if not values or len(values) != len(slots):
        raise InputError(
            "A subgraph needs one or more values, and one slot for each. "
            f"Received: values {list(values)} and {len(slots)} slots."
        )
    for value, slot in zip(values, slots, strict=True):
        if not 0 <= value <= len(graph.nodes) or graph.value_size(value) != slot.size:
            raise InputError(
                f"Slot `{slot.name}` must name a value of the graph (0 to {len(graph.nodes)}) that "
                f"has the slot's size. Received: value {value} for shape {slot.shape}."
            )
    nodes, moved = _keep_needed(graph, values)
    last = moved[values[0]]
    if len(values) > 1:
        sizes = tuple(graph.value_size(v) for v in values)
        total = sum(sizes)
        op = Rearrange("concat", np.arange(total), sizes, np.zeros(total))
        nodes.append(Node(op, tuple(moved[v] for v in values), total, (1, total), "outputs"))
        last = len(nodes)
    rankings = {
        moved[v]: replace(ranking, source=moved[ranking.source])
        for v, ranking in graph.rankings.items()
        if v in moved and ranking.source in moved
    }
    return Graph(graph.inputs, tuple(nodes), last, tuple(slots), _layers(graph, moved), rankings)


def fold(graph: Graph) -> Graph:
    """Drop nodes without effect, and merge nodes that only move entries.

    Identities are dropped. A rearrangement of rearrangements becomes a single rearrangement. A
    shift (the mean of a batch normalization) becomes the bias of the affine op before it, if that
    op has no bias and no other reader. Nodes that the output does not need are dropped. Values are
    unchanged to the last bit. A layer whose value is merged away is removed from `layers`.
    """
    nodes: list[Node] = []
    moved: dict[int, int] = {0: 0}
    merged = Counter([0])
    """For each new value, the number of old values mapped to it."""
    readers = graph.readers()
    for k, node in enumerate(graph.nodes, 1):
        before = node.inputs[0]
        alone = len(readers[before]) == 1 and before != graph.output
        node = node.renumber_inputs(moved)
        if isinstance(node.op, Rearrange):
            node = _merge_rearrangements(node, node.op, nodes)
        if alone and merged[moved[before]] == 1 and _absorb_shift(nodes, node):
            moved[k] = moved.pop(before)
            continue
        if _is_identity(node):
            moved[k] = node.inputs[0]
        else:
            nodes.append(node)
            moved[k] = len(nodes)
        merged[moved[k]] += 1
    slim = Graph(graph.inputs, tuple(nodes), moved[graph.output], graph.outputs)
    needed, renumbered = _keep_needed(slim, [slim.output])
    names = {k: renumbered[v] for k, v in moved.items() if v in renumbered}
    return replace(
        slim, nodes=tuple(needed), output=renumbered[slim.output], layers=_layers(graph, names)
    )


def piecewise_to_pairs(graph: Graph) -> Graph:
    """Replace every `Largest` by a tournament of pairs, `max(a, b) = b + relu(a - b)`.

    A window of `k` entries takes `ceil(log2(k))` rounds. Each round compares the pairs of all
    windows in one step. A pair that several windows share is compared only once. The result is
    equal to the original in real arithmetic.
    """
    nodes: list[Node] = []
    moved: dict[int, int] = {0: 0}
    for k, node in enumerate(graph.nodes, 1):
        node = node.renumber_inputs(moved)
        if isinstance(node.op, Largest):
            size = graph.value_size(graph.nodes[k - 1].inputs[0])
            moved[k] = _tournament(nodes, node, node.op, size)
        else:
            nodes.append(node)
            moved[k] = len(nodes)
    return replace(
        graph,
        nodes=tuple(nodes),
        output=moved[graph.output],
        layers=_layers(graph, moved),
        rankings={},
    )


def _keep_needed(graph: Graph, values: Iterable[int]) -> tuple[list[Node], dict[int, int]]:
    """Return the nodes that `values` need, renumbered, and a map from old to new value indices."""
    needed = set(values)
    for k in range(len(graph.nodes), 0, -1):
        if k in needed:
            needed.update(graph.nodes[k - 1].inputs)
    nodes: list[Node] = []
    moved = {0: 0}
    for k, node in enumerate(graph.nodes, 1):
        if k in needed:
            nodes.append(node.renumber_inputs(moved))
            moved[k] = len(nodes)
    return nodes, moved


def _layers(graph: Graph, moved: dict[int, int]) -> dict[str, tuple[int, ...]]:
    """Return the layers whose values all remain, with the new indices of these values."""
    return {
        path: tuple(moved[v] for v in values)
        for path, values in graph.layers.items()
        if all(v in moved for v in values)
    }


def _is_identity(node: Node) -> bool:
    op = node.op
    if len(node.inputs) != 1:
        return False
    if isinstance(op, Rearrange):
        return op.index.size == op.sizes[0] and np.array_equal(op.index, np.arange(op.index.size))
    if not isinstance(op, Affine) or op.terms != 1 or op.sizes != (op.size,) or op.bias.any():
        return False
    # Each entry has one product: two random vectors that stay unchanged prove an identity.
    probes = np.random.default_rng(0).uniform(1.0, 2.0, (2, op.size))
    return np.array_equal(op.apply((probes,), False), probes)


def _absorb_shift(nodes: list[Node], node: Node) -> bool:
    """Store the constant that a node adds as the bias of the affine op before it.

    This is done if the node only adds a constant, and the op before it has no bias yet.

    Returns:
        Whether the constant was stored as a bias.
    """
    op, value = node.op, node.inputs[0]
    if not isinstance(op, Affine) or op.factor is None or op.ulps or value == 0:
        return False
    before = nodes[value - 1]
    if not isinstance(before.op, Affine) or before.op.bias.any() or (op.factor != 1.0).any():
        return False
    nodes[value - 1] = replace(before, op=replace(before.op, bias=op.bias))
    return True


def _merge_rearrangements(node: Node, op: Rearrange, nodes: list[Node]) -> Node:
    """Return `node` with its rearrangement `op` merged with the rearrangements that it reads."""
    sources: list[int] = []
    starts: dict[int, int] = {}
    size_of: dict[int, int] = {}
    total = 0

    def start_of(value: int, size: int) -> int:
        nonlocal total
        if value not in starts:
            sources.append(value)
            starts[value], size_of[value] = total, size
            total += size
        return starts[value]

    places, fills = [], []
    for value, size in zip(node.inputs, op.sizes, strict=True):
        inner = nodes[value - 1] if value else node
        through = inner.op
        if inner is node or not isinstance(through, Rearrange):
            places.append(start_of(value, size) + np.arange(size))
            fills.append(np.zeros(size))
            continue
        ends = np.cumsum((0, *through.sizes))
        shift = np.empty(ends[-1], np.int64)
        for read, a, b in zip(inner.inputs, ends[:-1], ends[1:], strict=True):
            shift[a:b] = start_of(read, int(b - a)) + np.arange(b - a)
        index = through.index
        places.append(np.where(index < 0, -1, shift[np.maximum(index, 0)]))
        fills.append(through.fill)
    source = np.maximum(op.index, 0)
    index = np.where(op.index < 0, -1, np.concatenate(places)[source])
    fill = np.where(op.index < 0, op.fill, np.concatenate(fills)[source])
    return _drop_unread_inputs(replace(node, inputs=tuple(sources)), index, fill, size_of)


def _drop_unread_inputs(
    node: Node, index: np.ndarray, fill: np.ndarray, size_of: dict[int, int]
) -> Node:
    """Return `node` as a rearrangement by `index`, without unread inputs, but with at least one."""
    sizes = [size_of[v] for v in node.inputs]
    ends = np.cumsum((0, *sizes))
    which = np.searchsorted(ends, index, side="right") - 1
    read = [i for i in range(len(sizes)) if np.any((which == i) & (index >= 0))] or [0]
    new_ends = np.cumsum((0, *(sizes[i] for i in read)))
    shift = np.zeros(len(sizes), np.int64)
    for j, i in enumerate(read):
        shift[i] = new_ends[j] - ends[i]
    index = np.where(index < 0, -1, index + shift[np.maximum(which, 0)])
    op = Rearrange(node.op.name, index, tuple(sizes[i] for i in read), fill)
    return replace(node, op=op, inputs=tuple(node.inputs[i] for i in read))


def _tournament(nodes: list[Node], node: Node, op: Largest, size: int) -> int:
    """Append the rounds that replace `node`; return the value that consists of the winners."""

    def append(
        op: Op, inputs: Sequence[int], count: int, shape: tuple[int, ...] | None = None
    ) -> int:
        nodes.append(Node(op, tuple(inputs), count, shape or (1, count), node.source))
        return len(nodes)

    # Sort in descending order: `-1` marks an absent entry and must come last.
    windows = -np.sort(-np.asarray(op.windows), axis=1)
    windows = windows[:, : int((windows >= 0).sum(axis=1).max(initial=1))]
    value = node.inputs[0]
    while windows.shape[1] > 1:
        windows, value, size = _round(append, windows, value, size)
    winners = windows[:, 0]
    last = Rearrange("winners", winners, (size,), np.zeros(len(winners)))
    return append(last, [value], node.size, node.shape)


def _round(
    append: Callable[..., int], windows: np.ndarray, value: int, size: int
) -> tuple[np.ndarray, int, int]:
    """Append one round of the tournament.

    Return the windows of the next round, which are half as wide, the value that they index, and the
    size of this value.
    """
    half = windows.shape[1] // 2
    first, second = windows[:, : 2 * half : 2].ravel(), windows[:, 1 : 2 * half : 2].ravel()
    played = second >= 0
    pairs, match = np.unique(
        np.stack([first[played], second[played]], axis=1), axis=0, return_inverse=True
    )
    count = len(pairs)
    weight = np.array([[1.0, -1.0]])
    gap = append(gather_sum(pairs, weight, size, name="subtract"), [value], count)
    lead = append(curve("relu"), [gap], count)
    loser = append(Rearrange("pick", pairs[:, 1], (size,), np.zeros(count)), [value], count)
    won = append(combine((1, 1), count), [loser, lead], count)
    # Winners come first in the next value; entries that sat out follow.
    after = np.full(first.shape, -1, np.int64)
    after[played] = match.ravel()
    idle = (first >= 0) & ~played
    after[idle] = first[idle] + count
    after = after.reshape(len(windows), half)
    if windows.shape[1] % 2:
        rest = windows[:, -1:]
        after = np.concatenate([after, np.where(rest >= 0, rest + count, -1)], axis=1)
    return _compact(append, after, won, value, count, size)


def _compact(
    append: Callable[..., int], windows: np.ndarray, won: int, value: int, count: int, size: int
) -> tuple[np.ndarray, int, int]:
    """Reduce the concatenation of `won` and `value` to the entries that the next round reads.

    The result has the same form as that of `_round`.
    """
    if windows.max() < count:
        return windows, won, count
    used = np.unique(windows[windows >= 0])
    op = Rearrange("next round", used, (count, size), np.zeros(used.size))
    compact = append(op, [won, value], used.size)
    compacted = np.where(windows < 0, -1, np.searchsorted(used, windows))
    return compacted, compact, used.size
