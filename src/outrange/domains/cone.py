"""The cone of some entries of a value: the part of the graph that they depend on.

What a few neighboring entries of an image layer depend on is a small window of each layer before.
Back-substitution in that part alone is the same computation without its zeros.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..graph import Graph, Node, Slot
from ..ops import Curve, Rearrange
from .backward import Cells, Relaxed
from .lines import Lines, Picks
from .noise import Payment


@dataclass(frozen=True, eq=False)
class Cone:
    """A part of a graph, as a graph.

    Args:
        graph: The part; its last value holds the entries asked for, and perhaps more.
        values: For each value of `graph`, the value of the whole that it is some entries of; -1
            where it only moves entries about.
        entries: For each value of `graph`, those entries, increasing.
        work: The length of all its values: what one row costs.
        widest: The length of the longest: what one row holds at a time.
    """

    graph: Graph
    values: tuple[int, ...]
    entries: tuple[np.ndarray, ...]
    work: int
    widest: int

    def relaxed(self, net: Relaxed) -> Relaxed:
        """The lines and the payments of this part of `net`.

        Payments are those of the whole: sums of fewer terms lose no more.
        """
        lines: dict[int, Lines | Picks] = {}
        payments: list[Payment | None] = []
        for k, (value, some) in enumerate(zip(self.values, self.entries, strict=True)):
            due = None if value < 0 else net.payments[value]
            payments.append(None if due is None else due.entries(some))
            if value > 0 and value in net.lines:
                found = net.lines[value]
                if isinstance(found, Picks):
                    source = self.entries[self.graph.nodes[k - 1].inputs[0]]
                    lines[k] = found.entries(some, source)
                else:
                    lines[k] = found.entries(some)
        return Relaxed(self.graph, lines, payments, net.drain)

    def cells(self, cells: Cells) -> Cells:
        """The boxes of the inputs that this part reads."""
        some = self.entries[0]
        return Cells(
            cells.lo[:, some], cells.hi[:, some], cells.center[:, some], cells.reach[:, some]
        )

    def units(self, wanted: np.ndarray) -> np.ndarray:
        """Where entries of the value asked for are in the last value of the part."""
        return np.searchsorted(self.entries[-1], wanted)


def cone(graph: Graph, value: int, wanted: np.ndarray) -> Cone:
    """The cone of the entries `wanted` (increasing) of one value.

    Cost: one pass over the nodes before `value`, and index arrays as long as the part's values.
    """
    needed: dict[int, list[np.ndarray]] = {value: [wanted]}
    found: dict[int, tuple[Node, np.ndarray, tuple[np.ndarray, ...]]] = {}
    for v in range(value, 0, -1):
        if v in needed:
            node, outputs, inputs = _restricted(graph.nodes[v - 1], _union(needed[v]))
            found[v] = node, outputs, inputs
            for j, entries in zip(node.inputs, inputs, strict=True):
                needed.setdefault(j, []).append(entries)
    nodes: list[Node] = []
    values, entries = [0], [_union(needed.get(0, [np.zeros(0, np.int64)]))]
    place = {0: 0}

    def append(node: Node, whole: int, some: np.ndarray) -> int:
        nodes.append(node)
        values.append(whole)
        entries.append(some)
        return len(nodes)

    for v in sorted(found):
        node, outputs, inputs = found[v]
        sources = []
        for j, read in zip(node.inputs, inputs, strict=True):
            at = place[j]
            if read.size != entries[at].size:
                # Another reader needs more of this value.
                index = np.searchsorted(entries[at], read)
                op = Rearrange("part", index, (entries[at].size,), np.zeros(read.size))
                at = append(Node(op, (at,), read.size, (1, read.size)), -1, read)
            sources.append(at)
        node = replace(node, inputs=tuple(sources), size=outputs.size, shape=(1, outputs.size))
        place[v] = append(node, v, outputs)
    sizes = [some.size for some in entries]
    part = Graph((Slot("cone", (sizes[0],)),), tuple(nodes), len(nodes), ())
    return Cone(part, tuple(values), tuple(entries), sum(sizes), max(sizes))


def _union(parts: list[np.ndarray]) -> np.ndarray:
    first = parts[0]
    if all(part is first for part in parts):
        return first
    return np.unique(np.concatenate(parts))


def _restricted(node: Node, wanted: np.ndarray):
    """The node cut down, the entries it computes, and the entries it reads of each input."""
    op = node.op
    if isinstance(op, Curve):
        return node, wanted, (wanted,)
    part = op.restricted(wanted)
    kept = [i for i, entries in enumerate(part.inputs) if entries.size]
    if isinstance(part.op, Rearrange) and len(kept) < len(part.inputs):
        small = replace(part.op, sizes=tuple(part.op.sizes[i] for i in kept))
        node = replace(node, op=small, inputs=tuple(node.inputs[i] for i in kept))
        return node, part.outputs, tuple(part.inputs[i] for i in kept)
    return replace(node, op=part.op), part.outputs, part.inputs


@dataclass(frozen=True, eq=False)
class Tiles:
    """Splits entries into groups whose cones are small.

    Args:
        graph: The graph.
        value: Whose entries they are.
        room: Numbers that the rows of one group may hold in its widest value.
    """

    graph: Graph
    value: int
    room: int

    def of(self, entries: np.ndarray) -> list[tuple[np.ndarray, Cone]]:
        """Groups of `entries` (increasing), each with its cone."""
        whole = cone(self.graph, self.value, entries)
        if not self.value:
            return [(entries, whole)]
        shape = self.graph.nodes[self.value - 1].shape
        at = np.stack(np.unravel_index(entries, shape))
        axes = [a for a in range(len(shape)) if shape[a] > 1]
        useful = [a for a in axes if self._gains(entries, at[a], whole)]
        return self._split(entries, at, whole, useful)

    def _gains(self, entries, along, whole: Cone) -> bool:
        """Whether half of the entries, divided along an axis, have a smaller cone."""
        half = along <= (along.min() + along.max()) // 2
        if half.all():
            return False
        return cone(self.graph, self.value, entries[half]).work < GAIN * whole.work

    def _split(self, entries, at, whole: Cone, useful) -> list[tuple[np.ndarray, Cone]]:
        extents = [at[a].max() - at[a].min() for a in useful]
        if entries.size * whole.work <= SMALL or not extents or max(extents) == 0:
            return self._in_chunks(entries, whole)
        along = at[useful[int(np.argmax(extents))]]
        half = along <= (along.min() + along.max()) // 2
        parts = [
            (entries[some], at[:, some], cone(self.graph, self.value, entries[some]))
            for some in (half, ~half)
        ]
        if sum(some.size * own.work for some, _, own in parts) > GAIN * entries.size * whole.work:
            return self._in_chunks(entries, whole)
        return [group for some, place, own in parts
                for group in self._split(some, place, own, useful)]  # fmt: skip

    def _in_chunks(self, entries, whole: Cone) -> list[tuple[np.ndarray, Cone]]:
        """Fewer rows at once where all would not fit."""
        step = max(1, self.room // (2 * whole.widest))
        return [(entries[i : i + step], whole) for i in range(0, entries.size, step)]


GAIN = 0.85
"""A division is worth its cones if it leaves this part of the work, or less."""

SMALL = 1 << 17
"""Work, in numbers of all rows, below which a group is not divided."""
