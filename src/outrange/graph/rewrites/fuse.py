"""Fusion of elementwise sub-graphs of one tensor, such as `x * sigmoid(x)`, into curves.

A region (`regions`) grows backwards from a value over elementwise ops, in general only those whose
results have no other readers. If every entry of the last value depends on a single entry of one
earlier value, it is an expression of that entry. Entries with equal expressions share one curve,
and each channel may have a different curve.

Sound: the rewriting is exact, and the properties of the curves are proved (`ops.pointwise`). Cost:
linear in the number of values, plus the analysis of the regions. For all optional regions together,
this analysis is limited by `OPTIONAL_WORK`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import UnsupportedError, check_deadline
from ...ops import Affine, Curve, Rearrange, scale
from ...ops.pointwise.expression import Expressions
from ...ops.pointwise.limits import MOST_WORK, Effort, EffortError
from ...ops.pointwise.op import Pointwise
from ...ops.relaxation.offsets import MANY
from ..graph import Node
from .entrywise import input_sizes, is_bent
from .regions import FusedRegion, has_other_form, has_region, regions


if TYPE_CHECKING:
    from ..entries import EntryExpressions


MOST_CURVES = 64
"""Largest number of distinct curves that replace one value."""

OPTIONAL_WORK = MOST_WORK // 8
"""Limit on the total work of analyzing regions whose fusion is optional; see `MOST_WORK`."""

ONE_OPTION = OPTIONAL_WORK // 8
"""Limit on the work of analyzing one region whose fusion is optional."""


def fuse(
    nodes: Sequence[Node], output: int, keep: Iterable[int] = ()
) -> tuple[list[Node], dict[int, int], set[int]]:
    """Replace elementwise sub-graphs by curves, and then drop nodes that are not needed.

    Args:
        nodes: Nodes of a graph under construction; they may have `Pointwise` ops.
        output: The value that is the output.
        keep: Values that stay even without readers.

    Returns:
        The new nodes; a map from each remaining value to its new index; and the values that a
        curve bypasses. A bypassed value is computed as before, but values that depend on it in the
        model may no longer read it. Its bounds hold, but a path or a derivative through it is lost.

    Raises:
        UnsupportedError: A `Pointwise` op without an alternative (`otherwise`) depends on several
            tensors, or its curve cannot be analyzed.
    """
    work = _Fusion(list(nodes), output, set(keep))
    return work.run()


@dataclass(eq=False)
class _Fusion:
    nodes: list[Node]
    output: int
    keep: set[int]
    curves: dict[int, Curve] = field(default_factory=dict)
    lines: dict[int, tuple[float, float]] = field(default_factory=dict)
    refused: dict[int, UnsupportedError] = field(default_factory=dict)
    effort: Effort = field(default_factory=Effort)
    out: list[Node] = field(default_factory=list)
    moved: dict[int, int] = field(default_factory=lambda: {0: 0})

    @cached_property
    def table(self) -> Expressions:
        """The expression table; the analysis module is loaded only if something may be fused."""
        from ...ops.pointwise import Expressions

        return Expressions(self.effort)

    def run(self) -> tuple[list[Node], dict[int, int], set[int]]:
        if not any(self.may_fuse(v) for v in range(1, len(self.nodes) + 1)):
            return self.nodes, {v: v for v in range(len(self.nodes) + 1)}, set()
        needed = self.needed_values()
        self.readers: list[set[int]] = [set() for _ in range(len(self.nodes) + 1)]
        for v in needed:
            for j in self.nodes[v - 1].inputs:
                self.readers[j].add(v)
        wanted = {self.output, *self.keep} - {0}
        plans: dict[int, tuple[FusedRegion, EntryExpressions]] = {}
        for v in range(len(self.nodes), 0, -1):
            check_deadline()
            if v in wanted:
                plan = self.region(v)
                if plan is not None:
                    plans[v] = plan
                wanted.update({plan[0].root} if plan else self.nodes[v - 1].inputs)
        for v in range(1, len(self.nodes) + 1):
            if v in wanted:
                self.emit(v, plans.get(v))
        inside = {w for v, (region, _) in plans.items() for w in region.inner if w != v}
        return self.out, self.moved, inside & self.moved.keys()

    def needed_values(self) -> list[int]:
        """Return the values that the output needs, in ascending order; value 0 is left out."""
        needed = {self.output}
        for v in range(len(self.nodes), 0, -1):
            if v in needed:
                needed.update(self.nodes[v - 1].inputs)
        return [v for v in sorted(needed) if v]

    # ---- regions ----------------------------------------------------------------------------

    def may_fuse(self, v: int) -> bool:
        """Return whether fusion may start at `v` (a cheap pre-check).

        The value is the result of a `Pointwise` op, or the end of a possible region.
        """
        op = self.nodes[v - 1].op
        if isinstance(op, Pointwise):
            return True
        return self.may_end(v) and has_region(self.nodes, v)

    def may_end(self, v: int) -> bool:
        """Return whether a curve, a formula, a maximum or a sum of values computes `v`.

        A region may end only at such a value.
        """
        op = self.nodes[v - 1].op
        return is_bent(op) or (isinstance(op, Affine) and op.coefficients is not None)

    def region(self, v: int) -> tuple[FusedRegion, EntryExpressions] | None:
        """Return an analyzed region that ends at `v`, with the expressions of the entries, or None.

        Raises:
            UnsupportedError: No region can be analyzed, and the op of `v` is a `Pointwise` op
                without an alternative (`otherwise`).
        """
        if not self.may_end(v):
            return None
        op: Any = self.nodes[v - 1].op
        forced = isinstance(op, Pointwise) and (op.otherwise is None or op.eager)
        if not forced and self.effort.spent >= OPTIONAL_WORK:
            return None
        candidates = regions(self.nodes, v, self.readers)
        if isinstance(op, Pointwise):
            # A value with other readers is then computed twice.
            candidates += regions(self.nodes, v, None)
        costly: list[FusedRegion] = []
        failed: set[int] = set()
        reason: Exception | None = None
        for region in candidates:
            if region.bent in failed and not forced:
                continue  # One more affine map makes it no simpler.
            allowed = min(OPTIONAL_WORK, self.effort.spent + ONE_OPTION)
            expressions, error = self.try_region(region, v, allowed)
            if expressions is not None:
                return region, expressions
            reason = error or reason
            if error is not None:
                failed.add(region.bent)
            if isinstance(error, EffortError):
                costly.append(region)
        if not forced:
            return None
        for region in sorted(costly, key=lambda r: len(r.inner)):
            expressions, error = self.try_region(region, v, MOST_WORK)
            if expressions is not None:
                return region, expressions
            reason = error or reason
        if op.otherwise is None:
            raise self.refusal(v, reason)
        return None

    def try_region(
        self, region: FusedRegion, v: int, work: int
    ) -> tuple[EntryExpressions | None, UnsupportedError | None]:
        """Return the analyzed expressions of the entries of `v`, and None.

        If the analysis fails, return None and the error. If the entries of `v` are not functions of
        single entries of the region's root, return `(None, None)`.
        """
        from ..entries import entry_expressions

        self.effort.most = work
        self.table.begin()
        try:
            expressions = entry_expressions(self.table, self.nodes, region.root, region.inner, v)
            if expressions is not None:
                self.analyze(expressions, region)
            return expressions, None
        except UnsupportedError as error:
            return None, error

    def analyze(self, expressions: EntryExpressions, region: FusedRegion) -> None:
        """Analyze every distinct expression of the result of a region.

        Raises:
            UnsupportedError: An expression cannot be analyzed, or there are too many expressions.
                It is also raised if an expression can be analyzed only on part of its domain, and
                its ops have an alternative (`otherwise`). In a region without `Pointwise` ops, it
                is also raised for too many knots.
        """
        distinct = expressions.distinct(self.table)
        if len(distinct) > MOST_CURVES:
            raise UnsupportedError(
                f"a tensor whose entries are {len(distinct)} different functions of one variable"
            )
        for e in distinct:
            if e in self.refused:
                raise self.refused[e]
            if e not in self.curves and e not in self.lines:
                self.measure(e)
            part = e in self.curves and self.curves[e].part
            if part and has_other_form(self.nodes, region):
                raise UnsupportedError("a function that can be analyzed only on part of its domain")
        most = max((len(self.curves[e].knots) for e in distinct if e in self.curves), default=0)
        if most > MANY and not region.forced:
            raise UnsupportedError(f"a function with more than {MANY} knots")

    def measure(self, e: int) -> None:
        """Store an expression as a line if it is one with float64 coefficients, or as a curve."""
        coefficients = self.table.polynomial(e)
        is_line = coefficients is not None and set(coefficients) <= {0, 1}
        if (
            coefficients is not None
            and is_line
            and all(float(c) == c for c in coefficients.values())
        ):
            self.lines[e] = float(coefficients.get(1, 0)), float(coefficients.get(0, 0))
            return
        from ...ops.pointwise import analyze

        try:
            facts = analyze(self.table, e)
        except EffortError:
            raise  # It may succeed with more work.
        except UnsupportedError as error:
            self.refused[e] = error
            raise
        only = facts.lines[0] if facts.lines is not None and len(facts.lines) == 1 else None
        # Only a function with an unrestricted domain is a line everywhere.
        if only is not None and facts.on == (-np.inf, np.inf) and not facts.holes:
            self.lines[e] = only
        else:
            self.curves[e] = facts

    def refusal(self, v: int, reason: Exception | None) -> UnsupportedError:
        node = self.nodes[v - 1]
        subject = (
            str(reason)
            if reason is not None
            else (f"`{node.op.name}` of two tensors that depend on different inputs")
        )
        return UnsupportedError(
            f"Layer `{node.source}`: {subject} is not supported yet. Use a simpler function, or an "
            "activation that the page on supported models lists."
        )

    # ---- writing ----------------------------------------------------------------------------

    def emit(self, v: int, plan: tuple[FusedRegion, EntryExpressions] | None) -> None:
        node = self.nodes[v - 1]
        if plan is None:
            op: Any = node.op
            op = op.otherwise(node.size) if isinstance(op, Pointwise) and op.otherwise else op
            self.add(replace(node, op=op, inputs=tuple(self.moved[j] for j in node.inputs)))
            self.moved[v] = len(self.out)
            return
        region, expressions = plan
        root = self.moved[region.root]
        size = self.out[root - 1].size if root else self.nodes_size(0)
        parts: list[tuple[int, np.ndarray]] = []
        distinct = expressions.distinct(self.table)
        for e in distinct:
            places = np.flatnonzero(expressions.ids == e)
            # A constant outside float64 becomes a curve of an arbitrary entry.
            source = np.maximum(expressions.source[places], 0)
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
            value = self.table.value_of(int(expressions.ids[place]))
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
        """Append the nodes that apply the expression `e` to the entries `source` of `root`.

        Return the index of the resulting value.
        """
        count, shape = len(source), (1, len(source))
        if not (count == size and np.array_equal(source, np.arange(size))):
            op = Rearrange("pick", source, (size,), np.zeros(count))
            self.add(Node(op, (root,), count, shape, node.source))
            root = len(self.out)
        line = self.lines.get(e)
        op = self.curves[e] if line is None else scale(np.full(count, line[0]), line[1])
        self.add(Node(op, (root,), count, shape, node.source))
        return len(self.out)

    def add(self, node: Node) -> None:
        self.out.append(node)
