"""The net without the units that are straight on the whole box: short rows for every step after.

A value is `sum over bases of M^T base + c`, up to `error`: the bases are the inputs and the units
that are still open. Where this takes fewer products than the layers did, the layers are left out.

What the matrices lost when they were computed is paid like every other rounding. For a product of
computed factors, `|fl(A^T M) - A^T M| <= gamma(t) |A|^T |M|` entry by entry, so a value with
magnitudes `H` of the bases is off by `|A|^T error + gamma(t) |A|^T (|M|^T H + |c|)` at most.

Reference: N. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., section 3.5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..core import gamma
from ..domains.noise import Budget, Payment, drain, drain_of_cells, radius, widened
from ..graph import Graph, Node
from ..ops import Affine, Rearrange, joined
from .bends import Bend
from .phase_net import PhaseNet


MOST_ENTRIES = 1 << 23
"""Of the matrices of one value: beyond, nothing is tried."""

WORTH = 0.8
"""The share of the products that must be left for the new net to be taken."""

ROUNDED_UP = 1.0 + 1e-9
"""More than the roundings of an error that is itself a sum of non-negative float64 numbers."""


@dataclass(frozen=True, eq=False)
class Form:
    """One value: a matrix `(n_base, n)` per base, constants `(n,)`, and how far all that is off."""

    parts: dict[int, np.ndarray]
    constant: np.ndarray
    error: np.ndarray


def straightened(net: PhaseNet) -> PhaseNet:
    """An equal net on the same box, of open units alone; the same net if that gains nothing."""
    work = _products(net.graph)
    if work is None or net.open(net.lo, net.hi).all():
        return net
    widest = max([net.graph.size, *(node.size for node in net.graph.nodes)])
    if widest * (net.graph.size + int(net.open(net.lo, net.hi).sum())) > MOST_ENTRIES:
        return net
    found = _Straight(net)
    if found.products > WORTH * work:
        return net
    return found.finished()


def _products(graph: Graph) -> int | None:
    """How many products one row costs on its way back; None where that is not known."""
    total = 0
    for node in graph.nodes:
        if isinstance(node.op, Affine):
            total += sum(node.op.sizes) * node.op.size if _is_dense(node.op) else (
                node.op.size * node.op.terms)
    return total


def _is_dense(op: Affine) -> bool:
    return op.factor is None and op.terms >= max(*op.sizes, op.size)


class _Straight:
    """The new graph under construction."""

    def __init__(self, net: PhaseNet):
        self.net, self.products = net, 0
        self.nodes: list[Node] = []
        self.sizes = [net.magnitudes[0]]
        """`H` of every new value."""
        self.ends = [net.ends[0]]
        self.errors: dict[int, np.ndarray] = {}
        at = {b.value: b for b in net.bends}
        n = net.graph.size
        forms = [Form({0: np.eye(n)}, np.zeros(n), np.zeros(n))]
        for v, node in enumerate(net.graph.nodes, 1):
            before = [forms[j] for j in node.inputs]
            if v in at:
                forms.append(self._bent(at[v], node, before[0]))
            elif isinstance(node.op, Affine):
                forms.append(self._straight(node.op, before, net.errors.get(v, 0.0)))
            else:
                forms.append(_moved(node.op, before))
        out = net.graph.output
        self._add(forms[out], slice(None), out, net.graph.nodes[out - 1].source)

    def _reach(self, form: Form) -> np.ndarray:
        """`|M|^T H + |c|`."""
        total = np.abs(form.constant)
        for base, matrix in form.parts.items():
            total = total + self.sizes[base] @ np.abs(matrix)
        return total

    def _straight(self, op: Affine, before: list[Form], error) -> Form:
        sizes = [form.constant.size for form in before]
        parts = {}
        for base in sorted({base for form in before for base in form.parts}):
            rows = self.sizes[base].size
            parts[base] = op.apply(tuple(
                form.parts.get(base, np.zeros((rows, n)))
                for form, n in zip(before, sizes, strict=True)
            ), False)
        constant = op.apply(tuple(form.constant[None] for form in before), False)[0] + op.bias
        known = op.apply(tuple(form.error[None] for form in before), True)[0]
        reach = op.apply(tuple(self._reach(form)[None] for form in before), True)[0]
        # A bias may be a computed number as well: it is paid for as generously as elsewhere.
        lost = gamma(op.terms + 4) * reach
        lost = lost + self.net.budget.constant(op.size + 4) * np.abs(op.bias)
        return Form(parts, constant, widened(known + lost + error) * ROUNDED_UP)

    def _bent(self, bend: Bend, node: Node, form: Form) -> Form:
        lo, hi = self.net.lo[bend.place], self.net.hi[bend.place]
        open_ = ~bend.settled(lo, hi)
        fixed = bend.straight(lo, hi)
        if fixed is None:
            open_[:] = True
            fixed = np.zeros(open_.size)
        slope = np.where(open_, 0.0, fixed)
        plain = (slope == 0.0) | (slope == 1.0)
        lost = np.where(plain, 0.0, gamma(2) * np.abs(slope) * self._reach(form))
        error = np.where(plain, slope * form.error,
                         widened(np.abs(slope) * form.error + lost) * ROUNDED_UP)
        parts = {base: matrix * slope for base, matrix in form.parts.items()}
        index = np.flatnonzero(open_)
        if index.size:
            source = self._add(form, index, bend.source, node.source)
            self._append(replace(node, inputs=(source,), size=index.size, shape=(1, index.size)),
                         bend.value, index)
            parts[len(self.nodes)] = np.eye(open_.size)[index]
        return Form(parts, form.constant * slope, error)

    def _add(self, form: Form, index, value: int, source: str) -> int:
        """A node for some entries of a value; returns its number."""
        parts = {base: matrix[:, index] for base, matrix in form.parts.items()}
        used = {base: matrix for base, matrix in parts.items() if matrix.any()}
        used = used or {0: parts.get(0, np.zeros((self.net.graph.size, form.constant[index].size)))}
        op = joined(list(used.values()), form.constant[index])
        self.products += sum(op.sizes) * op.size
        self._append(Node(op, tuple(used), op.size, (1, op.size), source), value, index)
        self.errors[len(self.nodes)] = form.error[index]
        return len(self.nodes)

    def _append(self, node: Node, value: int, index) -> None:
        self.nodes.append(node)
        lo, hi = self.net.now()[value]
        self.ends.append((lo[index], hi[index]))
        self.sizes.append(self.net.magnitudes[value][index])

    def finished(self) -> PhaseNet:
        """The net of the new graph."""
        old = self.net.graph
        graph = Graph(old.inputs, tuple(self.nodes), len(self.nodes), old.outputs)
        budget = Budget.of(graph)
        payments: list[Payment | None] = [None]
        total = drain_of_cells(graph.size)
        for v, node in enumerate(graph.nodes, 1):
            before = [self.sizes[j] for j in node.inputs]
            total += drain(node, before)
            payments.append(None if v not in self.errors else Payment.of(
                widened(radius(budget, node, before, self.sizes[v]) + self.errors[v])))
        return PhaseNet(
            graph, self.net.box, self.ends, payments, total, self.sizes, budget, self.errors)


def _moved(op, before: list[Form]) -> Form:
    """A rearrangement of forms."""
    assert isinstance(op, Rearrange)
    parts = {}
    for base in sorted({base for form in before for base in form.parts}):
        rows = next(form.parts[base] for form in before if base in form.parts).shape[0]
        parts[base] = op.run(tuple(
            form.parts.get(base, np.zeros((rows, form.constant.size))) for form in before
        ), fill=False)
    constant = op.run(tuple(form.constant for form in before))
    return Form(parts, constant, op.run(tuple(form.error for form in before), fill=False))
