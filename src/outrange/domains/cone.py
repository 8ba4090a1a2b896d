"""Cones of influence: parts of a graph that some entries of a value depend on.

In a convolutional network, any small group of neighboring entries depends on a small window of each
earlier layer. Back-substitution within such a part is the same computation without its zeros. A
cone may end before the input, at values with known bounds: it then costs less, and its bounds may
be looser.
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
    """The part of a graph that the requested entries of one value depend on, stored as a graph.

    Args:
        graph: The subgraph; its last value contains the requested entries, and perhaps others.
        values: For each value of `graph`, the value of the whole graph whose entries it contains;
            -1 if it only moves entries or joins the leaves.
        entries: For each value of `graph`, the indices of those entries, increasing. Value 0
            consists of the leaves.
        leaves: The values of the whole graph, each with its entries, that value 0 concatenates.
        floor: The last value of the whole graph at which the cone may end: values up to it are
            leaves.
        work: The total length of all values of `graph`: the cost of back-substituting one row.
        widest: The length of the longest value: the most coefficients of one row over a value.
    """

    graph: Graph
    values: tuple[int, ...]
    entries: tuple[np.ndarray, ...]
    leaves: tuple[tuple[int, np.ndarray], ...]
    floor: int
    work: int
    widest: int

    def restrict_lines(self, net: RelaxedGraph) -> RelaxedGraph:
        """Restrict the lines and the rounding errors of `net` to this cone.

        The error bounds of the whole graph remain valid, because those of sums of fewer terms are
        no larger.
        """
        lines: dict[int, CurveRelaxation | MaxRelaxation | ProductRelaxation] = {}
        rounding_terms: list[RoundingTerm | None] = []
        for k, (value, entries) in enumerate(zip(self.values, self.entries, strict=True)):
            # A leaf has no rounding error: its bounds are known.
            term = net.rounding_terms[value] if k and value >= 0 else None
            rounding_terms.append(None if term is None else term.entries(entries))
            if k and value in net.lines:
                relaxation = net.lines[value]
                if isinstance(relaxation, MaxRelaxation):
                    source = self.entries[self.graph.nodes[k - 1].inputs[0]]
                    lines[k] = relaxation.entries(entries, source)
                else:
                    lines[k] = relaxation.entries(entries)
        return RelaxedGraph(self.graph, lines, rounding_terms, net.underflow)

    def leaf_boxes(self, ends: Sequence[Bounds], radii: bool) -> BoxBatch:
        """Return the boxes of the leaves, from the bounds of all values."""
        lo, hi = (
            np.concatenate([ends[v][side][:, some] for v, some in self.leaves], axis=1)
            for side in (0, 1)
        )
        return BoxBatch.of(lo, hi, radii)

    def units(self, wanted: np.ndarray) -> np.ndarray:
        """Return the positions of the requested value's entries `wanted` in the last value."""
        return np.searchsorted(self.entries[-1], wanted)


def cone(
    graph: Graph, value: int, wanted: np.ndarray, floor: int = 0, *, zeros: bool = False
) -> Cone:
    """Return the cone of influence of the entries `wanted` (increasing) of one value.

    Values up to `floor` are its leaves. With `zeros`, the cone omits entries that a matrix stored
    as an array multiplies only by zeros. This requires reading every coefficient. Cost: one pass
    over the nodes after the leaves, and index arrays as long as the cone's values.
    """
    dependencies = _find_dependencies(graph, value, wanted, floor, np.inf, zeros)
    assert dependencies is not None
    return _build_cone(dependencies, floor)


def restore_axes(graph: Graph, part: Cone) -> Graph:
    """Return the graph of a cone, with the original axes where the remaining entries form a grid.

    Smaller cones within this one are then divided along these axes (`cone_tiles`).
    """
    nodes = list(part.graph.nodes)
    for k, value in enumerate(part.values):
        if k and value > 0:
            shape = _grid(part.entries[k], graph.nodes[value - 1].shape)
            nodes[k - 1] = replace(nodes[k - 1], shape=shape)
    return replace(part.graph, nodes=tuple(nodes))


def _grid(entries: np.ndarray, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the grid that increasing entries form; one row if they form no grid."""
    if not shape:
        return shape
    places = np.unravel_index(entries, shape)
    lengths = tuple(int(np.unique(along).size) for along in places)
    return lengths if math.prod(lengths) == entries.size else (1, entries.size)


def entries_needed(graph: Graph, value: int, wanted: np.ndarray) -> dict[int, np.ndarray]:
    """Return, for each value, the entries (increasing) to compute for the entries `wanted`."""
    dependencies = _find_dependencies(graph, value, wanted, 0, np.inf)
    assert dependencies is not None
    return dict(dependencies.leaves) | {
        v: outputs for v, (_, outputs, _) in dependencies.nodes.items()
    }


def costs_at_most(graph: Graph, value: int, wanted: np.ndarray, floor: int, most: float) -> bool:
    """Return whether the `work` of the cone of the entries `wanted` is at most `most`.

    The search stops at more than `most` entries, so that its cost hardly depends on the depth of
    the graph.
    """
    dependencies = _find_dependencies(graph, value, wanted, floor, most)
    return dependencies is not None and _build_cone(dependencies, floor).work <= most


@dataclass(eq=False)
class _Dependencies:
    """The nodes and the leaves that the requested entries of a value depend on.

    Each node comes with the entries that it computes and those that it reads from each input.
    """

    nodes: dict[int, tuple[Node, np.ndarray, tuple[np.ndarray, ...]]]
    leaves: tuple[tuple[int, np.ndarray], ...]


def _find_dependencies(
    graph: Graph, value: int, wanted: np.ndarray, floor: int, most: float, zeros: bool = False
) -> _Dependencies | None:
    """Return the dependencies of `wanted`; None if their nodes compute more than `most` entries."""
    needed: dict[int, list[np.ndarray]] = {value: [wanted]}
    nodes = {}
    for v in range(value, floor, -1):
        if v in needed:
            nodes[v] = _restrict_node(graph.nodes[v - 1], _union(needed.pop(v)), zeros)
            node, outputs, inputs = nodes[v]
            most -= outputs.size
            if most < 0:
                return None
            for j, entries in zip(node.inputs, inputs, strict=True):
                needed.setdefault(j, []).append(entries)
    return _Dependencies(nodes, tuple((v, _union(needed[v])) for v in sorted(needed)))


def _build_cone(dependencies: _Dependencies, floor: int) -> Cone:
    leaves = dependencies.leaves
    plan = _Plan.from_leaves(leaves)
    for v in sorted(dependencies.nodes):
        node, outputs, inputs = dependencies.nodes[v]
        sources = [plan.read(j, some) for j, some in zip(node.inputs, inputs, strict=True)]
        node = replace(node, inputs=tuple(sources), size=outputs.size, shape=(1, outputs.size))
        plan.place[v] = plan.append(node, v, outputs)
    sizes = [sum(some.size for _, some in leaves), *(node.size for node in plan.nodes)]
    part = Graph((Slot("leaves", (sizes[0],)),), tuple(plan.nodes), len(plan.nodes), ())
    entries = tuple(plan.entries)
    return Cone(part, tuple(plan.values), entries, leaves, floor, sum(sizes), max(sizes))


@dataclass(eq=False)
class _Plan:
    """A cone under construction; `place` maps values of the whole graph to values of the cone."""

    nodes: list[Node]
    values: list[int]
    entries: list[np.ndarray]
    place: dict[int, int]

    @staticmethod
    def from_leaves(leaves: Sequence[tuple[int, np.ndarray]]) -> _Plan:
        """Start the construction of a cone, which first contains only its leaves."""
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

    def read(self, value: int, read: np.ndarray) -> int:
        """Return the value of the cone that consists of the entries `read` of `value`."""
        at = self.place[value]
        has = self.entries[at]
        if read.size == has.size:
            return at
        # The cone has more entries of this value.
        op = Rearrange("part", np.searchsorted(has, read), (has.size,), np.zeros(read.size))
        return self.append(Node(op, (at,), read.size, (1, read.size)), -1, read)


def _union(parts: list[np.ndarray]) -> np.ndarray:
    first = parts[0]
    if all(part is first for part in parts):
        return first
    return np.unique(np.concatenate(parts))


def _restrict_node(
    node: Node, wanted: np.ndarray, zeros: bool
) -> tuple[Node, np.ndarray, tuple[np.ndarray, ...]]:
    """Restrict a node; return it, the entries it computes, and those it reads from each input."""
    op = node.op
    if isinstance(op, Curve):
        return node, wanted, (wanted,)
    if zeros and isinstance(op, Affine) and op.part is None and op.plain:
        part = without_zeros(op, wanted)
    else:
        part = op.restrict(wanted)
    used = [i for i, entries in enumerate(part.inputs) if entries.size]
    if isinstance(part.op, Rearrange) and len(used) < len(part.inputs):
        small = replace(part.op, sizes=tuple(part.op.sizes[i] for i in used))
        node = replace(node, op=small, inputs=tuple(node.inputs[i] for i in used))
        return node, part.outputs, tuple(part.inputs[i] for i in used)
    return replace(node, op=part.op), part.outputs, part.inputs
