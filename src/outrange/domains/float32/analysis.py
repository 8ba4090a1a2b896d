"""Float32 analysis: how far any float32 run of a graph may be from its real values, over boxes.

For every value `v`, let `d_v` be the value in a float32 run of the graph minus the real value at
the same input. Each op propagates `d` and adds its own rounding error, `|r_v| <= local_v`:

* *Affine*: `d_v = A d + r`. A sum of `n` products in any order and association, fused or not, is
  off by at most `gamma(n + k) (|A| (|x| + |d|) + |b|)`: the `k` roundings account for coefficients
  that the runtime computes itself, a bias and a scale. A product, a sum, a weight or an operand
  that is flushed to zero adds an absolute error of the least normal number. If a sum is read by
  another sum, both are also bounded as one sum (`sums`).
* *Curve*: `f(x + d) - f(x) = s d` with a slope `s` that `f` has somewhere on `[lo - e, hi + e]`, `e
  >= |d|`. This yields lines `m d +- r e` with the middle `m` and the radius `r` of all slopes. A
  jump within reach is added at its full height. The rounding `r_v` is the error that
  `ops.float32.float32_error` states.
* *Product*: `u dv + v du + du dv`, around the middles of `u` and `v`. *Largest*: the error of one
  entry if no other can be the largest in either computation, otherwise the largest `e` among all
  entries that can be the largest.
* The runtime may rewrite products of exponentials and quotients of quotients (`formulas`).
* An op that only picks an operand does not round, and neither does arithmetic on integers below
  2^24.

So `d` is described by a graph with the same structure, in which lines replace nonlinear ops. The
back-substitution of the linear bounds (`backward`) bounds any form of `d`, layer by layer as CROWN
bounds values: signs cancel as they do in the network, and products of norms never arise.

Sound: the float64 roundings of the analysis itself are covered by `gamma` of float64 and `SLACK`.
Complete: no. Cost: that of CROWN with half as many rows.

References: N. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., chapter 3; for the
lines, Zhang et al. 2018, as in `backward`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ...core import (
    Bounds,
    OutOfTime,
    check_deadline,
    check_stopped,
    deadline,
    no_deadline,
)
from ...graph import Graph, Node
from ...ops import Affine, Rearrange, dense
from ..backward import RelaxedGraph, back_substitute, dots
from ..registry import bounds
from ..rounding import RoundingTerm
from . import rules
from .formulas import Formula
from .values import (
    InputErrors,
    Sums,
    find_integers,
    find_separate_sums,
    flush_error,
    replace_pointwise,
)


SLACK = 1.0 + 2.0**-30
"""Factor that covers the float64 roundings in sums of non-negative errors."""

LEAST = 1e-3
"""Smallest time limit, in seconds, of `bound_deviations_within`."""

MOST_ROWS = 1 << 24
"""Largest number of coefficients in the rows of one value, over all boxes.

Beyond it, errors of the value are only propagated forward.
"""


@dataclass(frozen=True, eq=False)
class Float32Plan:
    """The part of a graph's float32 error analysis that does not depend on boxes.

    Args:
        graph: The graph, operation by operation as the model computes it.
        unrounded: Values that are computed in real arithmetic: the requested forms.
    """

    graph: Graph
    unrounded: frozenset[int] = frozenset()

    @cached_property
    def differences(self) -> Graph:
        """The graph that maps differences of values, namely `graph` without added constants."""
        return replace(self.graph, nodes=tuple(map(_linear, self.graph.nodes)))

    @cached_property
    def reads(self) -> int:
        """The largest number of nodes that read the same value."""
        return max(map(len, self.graph.readers()), default=1)

    @cached_property
    def read_once(self) -> frozenset[int]:
        """Values that are read exactly once."""
        count = Counter(j for node in self.graph.nodes for j in node.inputs)
        return frozenset(j for j, times in count.items() if times == 1)

    @cached_property
    def bent(self) -> frozenset[int]:
        """Values that a nonlinear op reads."""
        straight = (Affine, Rearrange)
        return frozenset(
            j for node in self.graph.nodes if not isinstance(node.op, straight) for j in node.inputs
        )

    @cached_property
    def alone(self) -> frozenset[int]:
        """Values whose sum a runtime cannot merge with other sums."""
        return find_separate_sums(self.graph, self.unrounded)

    @cached_property
    def whole(self) -> tuple[np.ndarray, ...]:
        """For each value, a mask of the entries that are known to be integers for every input."""
        slots = self.graph.inputs
        flags = [np.concatenate([np.full(s.size, s.whole) for s in slots] or [np.zeros(0, bool)])]
        for node in self.graph.nodes:
            flags.append(find_integers(node.op, [flags[j] for j in node.inputs]))
        return tuple(flags)


def _linear(node: Node) -> Node:
    op = node.op
    if isinstance(op, Affine):
        return replace(node, op=replace(op, bias=np.zeros(op.size)))
    if isinstance(op, Rearrange):
        return replace(node, op=replace(op, fill=np.zeros(op.size)))
    return node


@dataclass(frozen=True, eq=False)
class Deviations:
    """Bounds on real outputs and on the deviation of float32 from them, over boxes.

    Args:
        lo: `(B, n)` lower bound on the real output over each box.
        hi: `(B, n)` upper bound on the real output over each box.
        off: `(B, n)` bound on the distance between the float32 output and the real output.
        causes: Values, in order, whose error bound is infinite (an overflow, a pole) although those
            of their inputs are finite.
        roundings: For each value, `(B, n)` bound on the rounding error of the op that computes it.
    """

    lo: np.ndarray
    hi: np.ndarray
    off: np.ndarray
    causes: tuple[int, ...] = ()
    roundings: Mapping[int, np.ndarray] = field(default_factory=dict)


def bound_deviations(plan: Float32Plan, lo: np.ndarray, hi: np.ndarray) -> Deviations:
    """Bound the distance between the float32 and the real output over each of many boxes.

    Args:
        plan: The plan of the graph.
        lo: `(B, d)` lower corners.
        hi: `(B, d)` upper corners.
    """
    return _deviations(_Pass(plan, bounds(plan.graph, lo, hi, "linear")))


def bound_deviations_within(
    plan: Float32Plan, lo: np.ndarray, hi: np.ndarray, seconds: float
) -> Deviations:
    """Run `bound_deviations`; fall back to errors from intervals alone if it takes too long.

    The time limit is `seconds`, but at least `LEAST` seconds.
    """
    try:
        with deadline(max(seconds, LEAST)):
            return bound_deviations(plan, lo, hi)
    except OutOfTime:
        check_stopped()
    with no_deadline():
        ends = bounds(plan.graph, lo, hi, "intervals")
        return _deviations(_Pass(plan, ends, is_refined=False))


def _deviations(run: _Pass) -> Deviations:
    run.bound_all()
    output = run.plan.graph.output
    return Deviations(*run.ends[output], run.off[output], tuple(run.causes), run.roundings)


@dataclass(eq=False)
class _Pass:
    """A forward pass over all values, some of which are refined by back-substitution.

    Args:
        plan: The plan of the graph.
        ends: Bounds of every value.
        is_refined: Whether errors are also bounded by back-substitution.
    """

    plan: Float32Plan
    ends: list[Bounds]
    is_refined: bool = True
    off: list[np.ndarray] = field(default_factory=list)
    causes: list[int] = field(default_factory=list)
    roundings: dict[int, np.ndarray] = field(default_factory=dict)
    sums: list[Sums | None] = field(default_factory=list)
    formulas: list[Formula | None] = field(default_factory=list)

    def bound_all(self) -> None:
        """Bound the errors of every value."""
        graph = self.plan.graph
        self.net = RelaxedGraph(self.plan.differences, {}, [None], 0.0)
        # A subnormal input may be flushed to zero.
        self.off, self.sums, self.formulas = [flush_error(*self.ends[0])], [None], [None]
        for v, node in enumerate(graph.nodes, 1):
            check_deadline()
            before = [self._operand(j) for j in node.inputs]
            exact = v in self.plan.unrounded
            with np.errstate(all="ignore"):
                alone = v in self.plan.alone
                output = rules.propagate_errors(
                    node.op, before, self.ends[v], self.plan.reads, exact, alone
                )
            self.roundings[v] = output.rounding
            self.sums.append(output.sums)
            self.formulas.append(output.formula)
            if output.lines is not None:
                self.net.lines[v] = output.lines
            self.net.rounding_terms.append(_term(output.local))
            off = output.off * SLACK
            self.off.append(np.where(np.isnan(off), np.inf, off))
            if self.is_refined and (v in self.plan.bent or v == graph.output):
                self._refine(v)
            if np.isinf(self.off[v]).any() and not any(
                np.isinf(self.off[j]).any() for j in node.inputs
            ):
                self.causes.append(v)

    def _operand(self, j: int) -> InputErrors:
        structure = self.sums[j], self.formulas[j]
        x = InputErrors(*self.ends[j], self.off[j], self.plan.whole[j], *structure)
        if x.sums is None or j in self.plan.read_once:
            return x
        return replace(x, sums=replace(x.sums.as_number_and_constant(x.size), shared=True))

    def _refine(self, value: int) -> None:
        """Tighten the error bounds of a value's entries by back-substitution."""
        off = self.off[value]
        rows = np.flatnonzero((off > 0).any(axis=0))
        widest = max([self.plan.graph.size, *(n.size for n in self.plan.graph.nodes[:value])])
        if rows.size == 0 or len(off) * rows.size * widest > MOST_ROWS:
            return
        units = np.zeros((rows.size, off.shape[1]))
        units[np.arange(rows.size), rows] = 1.0
        form = back_substitute(self.net, value, units)
        with np.errstate(invalid="ignore"):
            bound = dots(np.abs(form.rows), self.off[0]) - form.constant
        bound = np.where(np.isnan(bound), np.inf, bound * SLACK)
        # If no nonlinear op lies on the way, all boxes share the bound.
        off[:, rows] = np.minimum(off[:, rows], np.broadcast_to(bound, off[:, rows].shape))


def _term(local: np.ndarray) -> RoundingTerm | None:
    return RoundingTerm.of(local)


def plan_of_rows(graph: Graph, rows: np.ndarray, is_rounded: bool = False) -> Float32Plan:
    """Return the plan for the forms `rows @ output`.

    Args:
        graph: The graph, operation by operation.
        rows: Coefficients `(k, n)`, one row per form.
        is_rounded: Whether the forms are computed in float32, in any order, rather than without
            rounding.
    """
    k, value = len(rows), graph.output
    nodes = [*map(replace_pointwise, graph.nodes[:value])]
    nodes.append(Node(dense(rows.T, name="forms"), (value,), k, (1, k), "forms"))
    cut = replace(graph, nodes=tuple(nodes), output=len(nodes), layers={}, rankings={}, outputs=())
    return Float32Plan(cut, frozenset() if is_rounded else frozenset([len(nodes)]))


def describe_overflow(plan: Float32Plan, causes: Sequence[int]) -> str:
    """Return the names of the op and the layer of the first cause, or `""` if there is none."""
    nodes = [plan.graph.nodes[v - 1] for v in causes[:1]]
    return "".join(f"`{node.op.name}` of layer `{node.source}`" for node in nodes)
