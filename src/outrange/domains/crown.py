"""CROWN: linear bounds on unstable units by back-substitution.

The pass runs forward over the graph. Each value gets intervals from the values before it, which are
already tightened. Some of its entries are inputs of a nonlinear op and are not stable in every box
of the chunk. They are bounded again by back-substitution, and the tighter bound is used. So the
bounds are no looser than those of interval arithmetic, apart from rounding.

Cost: one chain of matrix products per nonlinear layer, with two rows for each unstable unit. For
long values, a row covers only the cone that its unit depends on (`cone`), and rows are batched.
Reference: see `backward`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..core import Bounds, OutOfTime
from ..graph import Graph, Node
from ..ops import Curve, Largest, Product, Step
from . import intervals
from .backward import RULES, BoxBatch, LinearForm, RelaxedGraph, Rule, back_substitute
from .cone_tiles import ConeTiles, Each, rows_in_cones, units_of
from .origins import Origins
from .registry import register
from .relaxations import relax_curve, relax_max, relax_product
from .rounding import (
    OperationCounts,
    RoundingTerm,
    magnitude,
    radius,
    underflow,
    underflow_of_boxes,
)
from .stability import find_rivals, is_stable


_ROOM = 1 << 18
"""Limit on the coefficients in the rows of a chunk of several boxes: about the size of a cache."""

_WIDE = 1 << 12
"""Length beyond which a value, and every later one, is back-substituted within cones of rows."""

_IMAGE = (1 << 8, 1 << 10)
"""Cones are also used if the number of inputs exceeds the first number and the length of a value
exceeds the second.
"""

_AT_ONCE = 1 << 21
"""Largest number of coefficients of a wide value's rows that are processed together. A step needs
memory for several times this number.
"""

EFFORT = 2.0**30
"""Default of `CrownPass.effort`: about ten seconds per layer."""

MOST_SHARES = 1 << 24
"""Largest size of one value's array in `CrownPass.shares`; larger arrays are not stored."""


@dataclass(frozen=True, eq=False)
class CrownPlan:
    """The part of a graph's analysis that does not depend on boxes.

    Args:
        budget: The graph's operation counts, for rounding errors.
        curves: Triples of value, input value and op, for every curve, in order.
        largest: Triples of value, input value and op, for every `Largest`.
        products: Tuples of value, input values and op, for every product.
        origins: For each value that a product reads, the origins of its entries (see `Origins`).
        boxes: The number of boxes per chunk.
        counting: `(inputs,)` bool: inputs that select rows of tables. The lines of a table are
            usually level, so they do not show the influence of such an input.
    """

    graph: Graph
    budget: OperationCounts
    curves: tuple[tuple[int, int, Curve], ...]
    largest: tuple[tuple[int, int, Largest], ...]
    products: tuple[tuple[int, tuple[int, ...], Product], ...]
    origins: dict[int, Origins]
    boxes: int
    counting: np.ndarray

    @cached_property
    def readers(self) -> list[list[Node]]:
        """The nodes that read each value."""
        return [[self.graph.nodes[v - 1] for v in some] for some in self.graph.readers()]

    @staticmethod
    def of(graph: Graph) -> "CrownPlan":
        """Compute the plan for analyzing a graph, which is the same for all boxes."""
        nodes = list(enumerate(graph.nodes, 1))
        curves = tuple((v, n.inputs[0], n.op) for v, n in nodes if isinstance(n.op, Curve))
        tops = tuple((v, n.inputs[0], n.op) for v, n in nodes if isinstance(n.op, Largest))
        products = tuple((v, n.inputs, n.op) for v, n in nodes if isinstance(n.op, Product))
        factors = {source for _, sources, _ in products for source in sources}
        nonlinear = {*factors, *(source for _, source, _ in (*curves, *tops))}
        rows = max((graph.value_size(source) for source in nonlinear), default=1)
        width = max([graph.size, *(n.size for n in graph.nodes)])
        boxes = int(np.clip(_ROOM // (2 * rows * width), 1, 512))
        origins = {source: Origins.of(graph, source) for source in factors}
        nonlinear_ops, counts = (curves, tops, products), OperationCounts.of(graph)
        return CrownPlan(
            graph, counts, *nonlinear_ops, origins, boxes, _row_selecting_inputs(graph, curves)
        )


def _row_selecting_inputs(graph: Graph, curves: Sequence[tuple[int, int, Curve]]) -> np.ndarray:
    selects = np.zeros(graph.size, bool)
    for _, source, op in curves:
        if isinstance(op, Step) and op.rows is not None:
            origins = Origins.of(graph, source)
            selects[origins.entry[origins.value == 0]] = True
    return selects


@dataclass(eq=False)
class CrownPass:
    """A pass that bounds every value of a graph over one chunk of boxes.

    Args:
        plan: The plan of the graph.
        cells: The boxes of the chunk.
        known: Bounds known beforehand, by value, `(B, n)` or `(n,)`, to intersect with.
        extra: Values to bound by back-substitution in every entry, in addition to those that
            nonlinear ops read.
        radii: Whether rounding errors are included. With False, the bounds are not sound. Only a
            test uses False, to show that it detects unsound bounds.
        effort: Largest number of coefficients of one wide value's rows in all values before it.
            Beyond it, back-substitution stops at layers with known bounds.
        needed: By value, the entries that may be back-substituted, because the objectives depend on
            them; None for all entries.
        settled: The result `deep` of an earlier pass. These values are not refined again before the
            first value outside this set has been refined.
        each: The function that maps over the row groups of a wide value.
        ends: Result: lower and upper bounds of every value.
        deep: Result: values whose rows all reached the input, in this pass or an earlier one, or
            that need no rows.
        shares: Result: for refined values without cones, the indices of the refined entries, and
            each input's fraction of their widths, `(B, rows, d)`.
        late: Result: the error if time or memory ran out; later values have only intervals, and no
            lines.
    """

    plan: CrownPlan
    cells: BoxBatch
    known: dict[int, Bounds] = field(default_factory=dict)
    extra: frozenset[int] = frozenset()
    radii: bool = True
    effort: float = EFFORT
    needed: Mapping[int, np.ndarray] | None = None
    settled: frozenset[int] = frozenset()
    each: Each = map
    ends: list[Bounds] = field(default_factory=list)
    deep: set[int] = field(default_factory=set)
    shares: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    late: OutOfTime | MemoryError | None = None
    _retaken: bool = False
    rules: ClassVar[Mapping[type, Rule]] = RULES

    def run(self) -> RelaxedGraph:
        """Bound all values; return the relaxed graph with the lines that were used."""
        graph = self.plan.graph
        net = RelaxedGraph(graph, {}, [None], underflow_of_boxes(graph.size), self.rules)
        self.ends = [(self.cells.lo, self.cells.hi)]
        sizes_of = [magnitude(*self.ends[0])]
        self._refine(net, 0)
        for v, node in enumerate(graph.nodes, 1):
            self.ends.append(self._forward(v, node))
            sizes_of.append(magnitude(*self.ends[v]))
            net.rounding_terms.append(None)
            if self.late:
                continue
            self._relax(net, v, node, sizes_of)
            if self._refine(net, v):
                sizes_of[v] = magnitude(*self.ends[v])
        net.underflow += np.inf if self.late else 0.0  # Without lines there is no bound.
        return net

    def _forward(self, value: int, node: Node) -> Bounds:
        before = [self.ends[j] for j in node.inputs]
        lo, hi = intervals.bound_node(node, before)
        if value in self.known:
            lo, hi = np.maximum(lo, self.known[value][0]), np.minimum(hi, self.known[value][1])
        return lo, hi

    def _relax(self, net: RelaxedGraph, value: int, node: Node, sizes: list[np.ndarray]) -> None:
        """Add the linear bounds and the rounding terms of a node to the relaxed graph `net`."""
        op, budget, source = node.op, self.plan.budget, node.inputs[0]
        paying, ends, reads = budget if self.radii else None, self.ends[source], budget.reads
        if isinstance(op, Curve):
            net.lines[value] = relax_curve(op, *ends, None, paying, reads[source], node.size)
        elif isinstance(op, Largest):
            net.lines[value] = relax_max(op, *ends, paying)
        elif isinstance(op, Product):
            both = reads[source], reads[node.inputs[1]]
            net.lines[value] = relax_product(op, *self.factors(op, node.inputs), None, paying, both)
        if self.radii:
            before = [sizes[j] for j in node.inputs]
            net.underflow += underflow(node, before)
            if not isinstance(op, Curve | Product):
                errors = radius(budget, node, before, sizes[value])
                net.rounding_terms[value] = RoundingTerm.of(errors)

    def _open_rows(self, value: int) -> np.ndarray:
        """Return the indices of the entries of a value to bound by back-substitution.

        They are all entries of a value in `extra`. Of other values, they are those in `needed` for
        which tighter bounds may help a nonlinear op that reads them.
        """
        (lo, hi), undecided = self.ends[value], np.zeros(self.ends[value][0].shape[1], bool)
        if value in self.extra:
            return np.arange(undecided.size)
        for node in self.plan.readers[value]:
            if isinstance(node.op, Curve):
                undecided |= ~is_stable(node.op, lo, hi).all(axis=0)
            elif isinstance(node.op, Largest):
                undecided[find_rivals(node.op, lo, hi)] = True
            elif isinstance(node.op, Product):
                undecided |= self._open_factors(value, node.op, node.inputs)
        rows = np.flatnonzero(undecided)
        if self.needed is None:
            return rows
        return np.intersect1d(rows, self.needed.get(value, ()), assume_unique=True)

    def factors(self, op: Product, sources: Sequence[int]) -> tuple[Bounds, Bounds]:
        """Return the bounds of the left and the right factors of the products of `op`."""
        (lu, hu), (lv, hv) = self.ends[sources[0]], self.ends[sources[1]]
        return (lu[:, op.left], hu[:, op.left]), (lv[:, op.right], hv[:, op.right])

    def _open_factors(self, value: int, op: Product, sources: Sequence[int]) -> np.ndarray:
        """Return a mask of the factors of `op` in `value` that back-substitution may tighten.

        These are entries that are not constant, that vary in some box, and that are not functions
        of their origins through a curve (see `Origins.bent`).
        """
        out = np.zeros(self.ends[value][0].shape[1], bool)
        for source, index in zip(sources, (op.left, op.right), strict=True):
            if source == value:
                out[index] = True
        lo, hi = self.ends[value]
        origins = self.plan.origins[value]
        return out & (lo < hi).any(axis=0) & ~origins.bent & (origins.value >= 0)

    def _refine(self, net: RelaxedGraph, value: int) -> bool:
        """Bound the unstable entries of a value by back-substitution, and fill in `shares`.

        Returns:
            Whether the bounds of the value may have been tightened.
        """
        rows = self._open_rows(value)
        if not rows.size or (value in self.settled and not self._retaken):
            self.deep.add(value)
            return rows.size > 0
        self._retaken = True
        try:
            if self._substitute(net, value, rows):
                self.deep.add(value)
        except (OutOfTime, MemoryError) as error:
            self.late = error
        return True

    def _substitute(self, net: RelaxedGraph, value: int, rows: np.ndarray) -> bool:
        """Intersect the bounds of the entries `rows` with back-substituted bounds.

        Return whether all rows reached the input.
        """
        lo, hi = (end.copy() for end in self.ends[value])
        # Both are updated in place, so that bounds found before the deadline are used.
        self.ends[value] = (lo, hi)
        widths = [self.plan.graph.size, *(n.size for n in self.plan.graph.nodes[:value])]
        boxes = len(lo)
        wide = max(widths) > _WIDE
        if wide or (widths[0] > _IMAGE[0] and max(widths) > _IMAGE[1]):
            effort = self.effort / boxes if wide and value not in self.extra else np.inf
            tiles = ConeTiles(self.plan.graph, value, max(1, _AT_ONCE // boxes), effort).of(rows)
            reached = 0
            for entries, bounds, floor in rows_in_cones(
                net, tiles, self.ends, self.radii, self.each
            ):
                self._meet(lo, hi, entries, bounds)
                reached += entries.size if floor == 0 else 0
            return reached == rows.size
        form = back_substitute(net, value, units_of(rows, lo.shape[1]))
        self._meet(lo, hi, rows, self.cells.least(form))
        if boxes * rows.size * widths[0] <= MOST_SHARES:
            self.shares[value] = (rows, self._shares(form, rows.size))
        return True

    @staticmethod
    def _meet(lo: np.ndarray, hi: np.ndarray, rows: np.ndarray, bounds: np.ndarray) -> None:
        """Tighten the bounds of the entries `rows` in place."""
        lo[:, rows] = np.maximum(lo[:, rows], bounds[:, : rows.size])
        hi[:, rows] = np.minimum(hi[:, rows], -bounds[:, rows.size :])

    def _shares(self, form: LinearForm, count: int) -> np.ndarray:
        """Return each input's fraction of a row's width, `|A_ji| w_i / sum_i |A_ji| w_i`.

        The result is `(B, rows, d)`; `|A|` adds the magnitudes of the rows of both bounds.
        """
        size_of = np.abs(form.rows[..., :count, :]) + np.abs(form.rows[..., count:, :])
        with np.errstate(all="ignore"):
            size_of = size_of * (self.cells.hi - self.cells.lo)[:, None]
            total = size_of.sum(axis=-1, keepdims=True)
            return np.where(total > 0, size_of / total, 0.0)


def run(graph: Graph, lo: np.ndarray, hi: np.ndarray, radii: bool = True) -> list[Bounds]:
    """Bound every value over boxes, using back-substitution also for the output and all layers.

    In a layer longer than `_WIDE` that is not the output, only the entries that are unstable in a
    nonlinear op are back-substituted.
    """
    plan = CrownPlan.of(graph)
    shown = {v for values in graph.layers.values() for v in values}
    extra = {graph.output, *(v for v in shown if graph.value_size(v) <= _WIDE)}
    parts: list[list[Bounds]] = []
    for start in range(0, len(lo), plan.boxes):
        piece = slice(start, start + plan.boxes)
        cells = BoxBatch.of(lo[piece], hi[piece], radii)
        sweep = CrownPass(plan, cells, extra=frozenset(extra), radii=radii)
        sweep.run()
        parts.append(sweep.ends)
    return [concatenate_chunks(pairs) for pairs in zip(*parts, strict=True)]


def concatenate_chunks(pairs: Sequence[Bounds]) -> Bounds:
    """Concatenate the bounds of chunks of boxes."""
    return np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])


register("linear", RULES, run)
