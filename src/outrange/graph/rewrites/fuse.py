"""Rewrites elementwise sub-graphs of one tensor, `x * sigmoid(x)`, as one curve with proved facts.

A region grows backwards from a value over elementwise ops whose results nobody else reads. Where
all of it hangs on a single value, every entry is an expression of one entry of that value; equal
expressions share a curve, so that channels may differ.

Sound: the rewriting is exact, and the facts are proved (`ops.pointwise`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import UnsupportedError
from ...ops import Affine, Curve, Rearrange, scale
from ...ops.pointwise.op import Pointwise
from ...ops.relaxation.offsets import MANY
from ..graph import Node
from .entrywise import input_sizes, is_bent, is_entrywise, reads_table


if TYPE_CHECKING:
    from ..entries import Entries


MOST_CURVES = 64
"""Distinct curves in the place of one value."""


def fuse(
    nodes: Sequence[Node], output: int, kept: Iterable[int] = ()
) -> tuple[list[Node], dict[int, int], set[int]]:
    """Curves in the place of elementwise sub-graphs; nodes that nothing needs are dropped.

    Args:
        nodes: Of a graph under construction; may hold `Pointwise` ops.
        output: The value that is the output.
        kept: Values that stay, whoever needs them.

    Returns:
        The new nodes; from each value that is still there to its new number; and which of those
        a curve bypasses. A bypassed value is computed as before, but what depends on it in the
        model no longer reads it: bounds of it hold, a path or a derivative through it is lost.

    Raises:
        UnsupportedError: A `Pointwise` op is not of one tensor, or its curve cannot be analyzed.
    """
    work = _Fusion(list(nodes), output, set(kept))
    return work.run()


@dataclass(eq=False)
class _Region:
    """Values that become curves of the value `root`; the last of them is what is computed."""

    root: int
    inner: tuple[int, ...]
    bent: int
    forced: bool


@dataclass(eq=False)
class _Fusion:
    nodes: list[Node]
    output: int
    kept: set[int]
    curves: dict[int, Curve] = field(default_factory=dict)
    lines: dict[int, tuple[float, float]] = field(default_factory=dict)
    out: list[Node] = field(default_factory=list)
    moved: dict[int, int] = field(default_factory=lambda: {0: 0})

    @cached_property
    def table(self):
        """The expressions; the analysis is loaded only where there is something to fuse."""
        from ...ops.pointwise import Expressions

        return Expressions()

    def run(self) -> tuple[list[Node], dict[int, int], set[int]]:
        if not any(self.may_fuse(v) for v in range(1, len(self.nodes) + 1)):
            return self.nodes, {v: v for v in range(len(self.nodes) + 1)}, set()
        needed = self.needed()
        self.readers: list[set[int]] = [set() for _ in range(len(self.nodes) + 1)]
        for v in needed:
            for j in self.nodes[v - 1].inputs:
                self.readers[j].add(v)
        wanted = {self.output, *self.kept} - {0}
        plans: dict[int, tuple[_Region, Entries]] = {}
        for v in range(len(self.nodes), 0, -1):
            if v in wanted:
                found = self.region(v)
                if found is not None:
                    plans[v] = found
                wanted.update({found[0].root} if found else self.nodes[v - 1].inputs)
        for v in range(1, len(self.nodes) + 1):
            if v in wanted:
                self.emit(v, plans.get(v))
        inside = {w for v, (region, _) in plans.items() for w in region.inner if w != v}
        return self.out, self.moved, inside & self.moved.keys()

    def needed(self) -> list[int]:
        """What the output needs: who else reads a value does not matter."""
        found = {self.output}
        for v in range(len(self.nodes), 0, -1):
            if v in found:
                found.update(self.nodes[v - 1].inputs)
        return [v for v in sorted(found) if v]

    # ---- regions ----------------------------------------------------------------------------

    def may_fuse(self, v: int) -> bool:
        """Whether the value ends something longer than one bent op: a quick first look."""
        op = self.nodes[v - 1].op
        if isinstance(op, Pointwise):
            return True
        if not (is_bent(op) or (isinstance(op, Affine) and op.coefficients is not None)):
            return False
        return len(self.regions(v, everybody=True)) > 0

    def regions(self, v: int, everybody: bool = False) -> list[_Region]:
        """Candidates that end at `v`, those with the most bent ops first, then small ones."""
        inner, frontier, found = {v}, set(self.sources(v)), []
        forced, bent = self.count(v)
        while frontier:
            w = max(frontier)
            if len(frontier) == 1 and (forced or bent > 1):
                found.append(_Region(w, tuple(sorted(inner)), bent, forced > 0))
            if w == 0 or not is_entrywise(self.nodes[w - 1].op):
                break
            if not everybody and not self.readers[w] <= inner:
                break
            inner.add(w)
            frontier.remove(w)
            frontier.update(self.sources(w))
            must, more = self.count(w)
            forced, bent = forced + must, bent + more
        return sorted(found, key=lambda r: (-r.bent, len(r.inner)))

    def sources(self, v: int) -> tuple[int, ...]:
        """What a value depends on; a constant depends on nothing."""
        node = self.nodes[v - 1]
        if isinstance(node.op, Rearrange):
            ends = np.cumsum((0, *node.op.sizes))
            read = np.unique(np.searchsorted(ends, node.op.index, side="right") - 1)
            return tuple({node.inputs[i] for i in read if i >= 0})
        return tuple(set(node.inputs))

    def count(self, v: int) -> tuple[int, int]:
        """Whether a value must be fused, and whether it bends."""
        op = self.nodes[v - 1].op
        return int(isinstance(op, Pointwise)), int(is_bent(op))

    def region(self, v: int) -> tuple[_Region, Entries] | None:
        """The best region that ends at `v`, with the expressions of the entries."""
        from ..entries import entries

        op = self.nodes[v - 1].op
        multiple = isinstance(op, Affine) and op.coefficients is not None
        if not (is_bent(op) or multiple):
            return None
        reason: Exception | None = None
        candidates = self.regions(v)
        if isinstance(op, Pointwise):
            # What somebody else reads as well is then computed twice.
            candidates += self.regions(v, everybody=True)
        for region in candidates:
            try:
                found = entries(self.table, self.nodes, region.root, region.inner, v)
                if found is not None and self.analyzed(found, region.forced):
                    return region, found
            except UnsupportedError as error:
                reason = error
        if isinstance(op, Pointwise):
            raise self.refusal(v, reason)
        return None

    def analyzed(self, found: Entries, forced: bool) -> bool:
        """Analyze every distinct expression; False if it is better left as it is."""
        distinct = found.distinct(self.table)
        if len(distinct) > MOST_CURVES:
            if not forced:
                return False
            raise UnsupportedError(
                f"{len(distinct)} different functions of one variable in one tensor"
            )
        for e in distinct:
            if e not in self.curves and e not in self.lines:
                self.measure(e)
        many = any(len(self.curves[e].knots) > MANY for e in distinct if e in self.curves)
        return forced or not many

    def measure(self, e: int) -> None:
        """Enter an expression as a curve, or as a straight line whose numbers float64 holds."""
        found = self.table.polynomial(e)
        is_line = found is not None and set(found) <= {0, 1}
        if found is not None and is_line and all(float(c) == c for c in found.values()):
            self.lines[e] = float(found.get(1, 0)), float(found.get(0, 0))
            return
        from ...ops.pointwise import analyze

        facts = analyze(self.table, e)
        only = facts.lines[0] if facts.lines is not None and len(facts.lines) == 1 else None
        # A line on all of its domain only: elsewhere the function may be another.
        if only is not None and facts.on == (-np.inf, np.inf) and not facts.holes:
            self.lines[e] = only
        else:
            self.curves[e] = facts

    def refusal(self, v: int, reason: Exception | None) -> UnsupportedError:
        node = self.nodes[v - 1]
        what = (
            str(reason)
            if reason is not None
            else (f"`{node.op.name}` of two tensors that depend on different inputs")
        )
        return UnsupportedError(f"Layer `{node.source}`: {what} is not described yet.")

    # ---- writing ----------------------------------------------------------------------------

    def emit(self, v: int, plan: tuple[_Region, Entries] | None) -> None:
        node = self.nodes[v - 1]
        if plan is None:
            self.add(replace(node, inputs=tuple(self.moved[j] for j in node.inputs)))
            self.moved[v] = len(self.out)
            return
        region, found = plan
        root = self.moved[region.root]
        size = self.out[root - 1].size if root else self.nodes_size(0)
        parts: list[tuple[int, np.ndarray]] = []
        distinct = found.distinct(self.table)
        for e in distinct:
            places = np.flatnonzero(found.ids == e)
            # A constant that float64 does not hold is a curve of any entry.
            source = np.maximum(found.source[places], 0)
            parts.append((self.curve(node, e, root, size, source), places))
        if len(parts) == 1 and len(parts[0][1]) == node.size:
            self.out[parts[0][0] - 1] = replace(self.out[parts[0][0] - 1], shape=node.shape)
            self.moved[v] = parts[0][0]
            return
        index, fill = np.full(node.size, -1, np.int64), np.zeros(node.size)
        start = 0
        for _, places in parts:
            index[places] = start + np.arange(len(places))
            start += len(places)
        for place in np.flatnonzero(index < 0):
            value = self.table.value_of(int(found.ids[place]))
            fill[place] = float(value if value is not None else 0)
        sizes = tuple(len(p) for _, p in parts) or (size,)
        inputs = tuple(k for k, _ in parts) or (root,)
        op = Rearrange("channels", index, sizes, fill)
        self.add(Node(op, inputs, node.size, node.shape, node.source))
        self.moved[v] = len(self.out)

    def nodes_size(self, value: int) -> int:
        for node in self.nodes:
            for j, n in zip(node.inputs, input_sizes(node), strict=True):
                if j == value and n:
                    return n
        raise UnsupportedError("a graph that does not read its input")

    def curve(self, node: Node, e: int, root: int, size: int, source: np.ndarray) -> int:
        """Append what computes `e` of some entries of `root`; the number of its value."""
        count, shape = len(source), (1, len(source))
        if not (count == size and np.array_equal(source, np.arange(size))):
            op = Rearrange("pick", source, (size,), np.zeros(count))
            self.add(Node(op, (root,), count, shape, node.source))
            root = len(self.out)
        if e in self.curves:
            self.add(Node(self.curves[e], (root,), count, shape, node.source))
        else:
            slope, offset = self.lines[e]
            op = scale(np.full(count, slope), offset)
            self.add(Node(op, (root,), count, shape, node.source))
        return len(self.out)

    def add(self, node: Node) -> None:
        self.out.append(node)


def shares_root(nodes: Sequence[Node], values: Sequence[int]) -> bool:
    """Whether all entries of some values of one size hang on the same entries of one value."""
    from ..entries import placed

    if any(reads_table(nodes, v) for v in values):
        return False  # No formula: what is multiplied with it stays a product.
    work = _Fusion(list(nodes), 0, set())
    probe: Any = Pointwise("probe", np.add, lambda t, *es: es[0])
    size = nodes[values[0] - 1].size if values[0] else 0
    size = max([size, *(nodes[v - 1].size for v in values if v)])
    work.nodes.append(Node(probe, tuple(values), size, (1, size)))
    last = len(work.nodes)
    regions = work.regions(last, everybody=True)
    return any(placed(work.table, work.nodes, r.root, r.inner, last) for r in regions)
