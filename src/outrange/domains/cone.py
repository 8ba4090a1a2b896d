"""The cone of some entries of a value: the part of the graph that they depend on.

What a few neighboring entries of an image layer depend on is a small window of each layer before.
Back-substitution in that part alone is the same computation without its zeros. A cone may end
before the input, at values whose ends are known: it costs less there, and bounds less tightly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core import Bounds
from ..graph import Graph, Node, Slot
from ..ops import Affine, Curve, Rearrange, without_zeros
from .backward import BoxBatch, RelaxedGraph
from .relaxations import CurveRelaxation, MaxRelaxation, ProductRelaxation
from .rounding import RoundingTerm


@dataclass(frozen=True, eq=False)
class Cone:
    """A part of a graph, as a graph.

    Args:
        graph: The part; its last value holds the entries asked for, and perhaps more.
        values: For each value of `graph`, the value of the whole that it is some entries of; -1
            where it only moves entries about.
        entries: For each value of `graph`, those entries, increasing. Value 0 is the leaves.
        leaves: Values of the whole, and the entries of them, that value 0 concatenates.
        floor: Up to which value of the whole all are leaves.
        work: The length of all its values: what one row costs.
        widest: The length of the longest: what one row holds at a time.
    """

    graph: Graph
    values: tuple[int, ...]
    entries: tuple[np.ndarray, ...]
    leaves: tuple[tuple[int, np.ndarray], ...]
    floor: int
    work: int
    widest: int

    def relaxed(self, net: RelaxedGraph) -> RelaxedGraph:
        """The lines and the rounding errors of this part of `net`.

        Rounding errors are those of the whole: sums of fewer terms lose no more.
        """
        lines: dict[int, CurveRelaxation | MaxRelaxation | ProductRelaxation] = {}
        rounding_terms: list[RoundingTerm | None] = []
        for k, (value, some) in enumerate(zip(self.values, self.entries, strict=True)):
            # A leaf has no rounding error: its bounds are known.
            due = net.rounding_terms[value] if k and value >= 0 else None
            rounding_terms.append(None if due is None else due.entries(some))
            if k and value in net.lines:
                found = net.lines[value]
                if isinstance(found, MaxRelaxation):
                    source = self.entries[self.graph.nodes[k - 1].inputs[0]]
                    lines[k] = found.entries(some, source)
                else:
                    lines[k] = found.entries(some)
        return RelaxedGraph(self.graph, lines, rounding_terms, net.underflow)

    def cells(self, ends: Sequence[Bounds], radii: bool) -> BoxBatch:
        """The boxes that the leaves lie in."""
        lo, hi = (
            np.concatenate([ends[v][side][:, some] for v, some in self.leaves], axis=1)
            for side in (0, 1)
        )
        return BoxBatch.of(lo, hi, radii)

    def units(self, wanted: np.ndarray) -> np.ndarray:
        """Where entries of the value asked for are in the last value of the part."""
        return np.searchsorted(self.entries[-1], wanted)


def cone(
    graph: Graph, value: int, wanted: np.ndarray, floor: int = 0, *, zeros: bool = False
) -> Cone:
    """The cone of the entries `wanted` (increasing) of one value.

    Values up to `floor` are its leaves. With `zeros`, a matrix does not read what only zeros
    multiply: every coefficient of a plain one is looked at. Cost: one pass over the nodes between,
    and index arrays as long as the part's values.
    """
    found = _reached(graph, value, wanted, floor, np.inf, zeros)
    assert found is not None
    return _together(found, floor)


def shaped(graph: Graph, part: Cone) -> Graph:
    """The graph of a cone, with the axes of the whole where what is left of a value has them.

    Cones of its own are looked for along them (`cone_tiles`).
    """
    nodes = list(part.graph.nodes)
    for k, value in enumerate(part.values):
        if k and value > 0:
            shape = _grid(part.entries[k], graph.nodes[value - 1].shape)
            nodes[k - 1] = replace(nodes[k - 1], shape=shape)
    return replace(part.graph, nodes=tuple(nodes))


def _grid(entries: np.ndarray, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Increasing entries as an array: by axes where they are all that some places have."""
    if not shape:
        return shape
    places = np.unravel_index(entries, shape)
    lengths = tuple(int(np.unique(along).size) for along in places)
    return lengths if math.prod(lengths) == entries.size else (1, entries.size)


def entries_needed(graph: Graph, value: int, wanted: np.ndarray) -> dict[int, np.ndarray]:
    """By value, the entries (increasing) that the entries `wanted` of one value depend on."""
    found = _reached(graph, value, wanted, 0, np.inf)
    assert found is not None
    return dict(found.leaves) | {v: outputs for v, (_, outputs, _) in found.nodes.items()}


def costs_at_most(graph: Graph, value: int, wanted: np.ndarray, floor: int, most: float) -> bool:
    """Whether the `work` of a cone is at most `most`.

    Cost: bounded by `most`, so that the test of a layer does not depend on the depth of the graph.
    """
    found = _reached(graph, value, wanted, floor, most)
    return found is not None and _together(found, floor).work <= most


@dataclass(eq=False)
class _Reached:
    """The restricted nodes that entries depend on, with what they compute and read; and leaves."""

    nodes: dict[int, tuple[Node, np.ndarray, tuple[np.ndarray, ...]]]
    leaves: tuple[tuple[int, np.ndarray], ...]


def _reached(
    graph: Graph, value: int, wanted: np.ndarray, floor: int, most: float, zeros: bool = False
) -> _Reached | None:
    """None where the nodes alone compute more than `most` entries."""
    needed: dict[int, list[np.ndarray]] = {value: [wanted]}
    nodes = {}
    for v in range(value, floor, -1):
        if v in needed:
            nodes[v] = _restricted(graph.nodes[v - 1], _union(needed.pop(v)), zeros)
            node, outputs, inputs = nodes[v]
            most -= outputs.size
            if most < 0:
                return None
            for j, entries in zip(node.inputs, inputs, strict=True):
                needed.setdefault(j, []).append(entries)
    return _Reached(nodes, tuple((v, _union(needed[v])) for v in sorted(needed)))


def _together(found: _Reached, floor: int) -> Cone:
    leaves = found.leaves
    plan = _Plan.starting(leaves)
    for v in sorted(found.nodes):
        node, outputs, inputs = found.nodes[v]
        sources = [plan.reading(j, some) for j, some in zip(node.inputs, inputs, strict=True)]
        node = replace(node, inputs=tuple(sources), size=outputs.size, shape=(1, outputs.size))
        plan.place[v] = plan.append(node, v, outputs)
    sizes = [sum(some.size for _, some in leaves), *(node.size for node in plan.nodes)]
    part = Graph((Slot("leaves", (sizes[0],)),), tuple(plan.nodes), len(plan.nodes), ())
    entries = tuple(plan.entries)
    return Cone(part, tuple(plan.values), entries, leaves, floor, sum(sizes), max(sizes))


@dataclass(eq=False)
class _Plan:
    """The nodes of a cone so far, and where values of the whole are in it."""

    nodes: list[Node]
    values: list[int]
    entries: list[np.ndarray]
    place: dict[int, int]

    @staticmethod
    def starting(leaves: Sequence[tuple[int, np.ndarray]]) -> _Plan:
        """The leaves alone."""
        if len(leaves) == 1:
            ((value, some),) = leaves
            return _Plan([], [value], [some], {value: 0})
        total = sum(some.size for _, some in leaves)
        plan = _Plan([], [-1], [np.arange(total)], {})
        start = 0
        for value, some in leaves:
            index = np.arange(start, start + some.size)
            start += some.size
            op = Rearrange("leaf", index, (total,), np.zeros(some.size))
            node = Node(op, (0,), some.size, (1, some.size))
            # A leaf has no line and no rounding error.
            plan.place[value] = plan.append(node, -1, some)
        return plan

    def append(self, node: Node, whole: int, some: np.ndarray) -> int:
        self.nodes.append(node)
        self.values.append(whole)
        self.entries.append(some)
        return len(self.nodes)

    def reading(self, value: int, read: np.ndarray) -> int:
        """Where the entries `read` of a value of the whole are."""
        at = self.place[value]
        has = self.entries[at]
        if read.size == has.size:
            return at
        # Another reader needs more of this value.
        op = Rearrange("part", np.searchsorted(has, read), (has.size,), np.zeros(read.size))
        return self.append(Node(op, (at,), read.size, (1, read.size)), -1, read)


def _union(parts: list[np.ndarray]) -> np.ndarray:
    first = parts[0]
    if all(part is first for part in parts):
        return first
    return np.unique(np.concatenate(parts))


def _restricted(
    node: Node, wanted: np.ndarray, zeros: bool
) -> tuple[Node, np.ndarray, tuple[np.ndarray, ...]]:
    """The restricted node, the entries it computes, and the entries it reads of each input."""
    op = node.op
    if isinstance(op, Curve):
        return node, wanted, (wanted,)
    if zeros and isinstance(op, Affine) and op.part is None and op.plain:
        part = without_zeros(op, wanted)
    else:
        part = op.restricted(wanted)
    kept = [i for i, entries in enumerate(part.inputs) if entries.size]
    if isinstance(part.op, Rearrange) and len(kept) < len(part.inputs):
        small = replace(part.op, sizes=tuple(part.op.sizes[i] for i in kept))
        node = replace(node, op=small, inputs=tuple(node.inputs[i] for i in kept))
        return node, part.outputs, tuple(part.inputs[i] for i in kept)
    return replace(node, op=part.op), part.outputs, part.inputs
