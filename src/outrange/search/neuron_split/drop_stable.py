"""Stable-neuron elimination: removes ReLU-like units that are linear on the whole box.

A value is `sum over bases of M^T base + c`, up to `error`; the bases are the inputs and the
remaining units. `drop_stable` replaces the layers with these sums if that saves enough
multiplications.

The rounding errors of the matrices are accounted for as well. A product of computed factors
satisfies `|fl(A^T M) - A^T M| <= gamma(t) |A|^T |M|` entry by entry. So, for magnitudes `H` of the
bases, the error of a value is at most `|A|^T error + gamma(t) |A|^T (|M|^T H + |c|)`.

Reference: N. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., section 3.5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...core import check_deadline, gamma
from ...core.arrays import Numbers
from ...domains.rounding import (
    OperationCounts,
    RoundingTerm,
    inflate,
    radius,
    underflow,
    underflow_of_boxes,
)
from ...graph import Graph, Node
from ...graph.graph import Op
from ...ops import Affine, Rearrange, dense_sum
from .relaxations import Activation
from .relaxed_net import RelaxedNet


MOST_ENTRIES = 1 << 23
"""Maximum number of entries in the matrices of one value."""

WORTH = 0.8
"""Maximum ratio of the new net's multiplications to the old net's, for the new net to be used."""

ROUNDED_UP = 1.0 + 1e-9
"""Factor by which a computed error bound is multiplied, to cover the rounding of its own sum."""


@dataclass(frozen=True, eq=False)
class StableForm:
    """Affine form of a value in the bases, which are the inputs and the remaining units.

    It consists of a matrix `(n_base, n)` per base, constants `(n,)` and error bounds `(n,)`.
    """

    parts: dict[int, np.ndarray]
    constant: np.ndarray
    error: np.ndarray


def drop_stable(net: RelaxedNet) -> RelaxedNet:
    """Return an equivalent net without stable ReLU-like units, or `net` if it is not worthwhile.

    The elimination is not worthwhile if all units are unstable, if the new matrices would have more
    than `MOST_ENTRIES` entries, or if the ratio of multiplications would exceed `WORTH`.
    """
    unstable = net.unstable(net.lo, net.hi)
    widest = max([net.graph.size, *(node.size for node in net.graph.nodes)])
    if unstable.all() or widest * (net.graph.size + int(unstable.sum())) > MOST_ENTRIES:
        return net
    if _products_after(net) > WORTH * _products(net.graph):
        return net
    return _StableElimination(net).build()


def without_stable(net: RelaxedNet) -> RelaxedNet:
    """Return an equivalent net without stable ReLU-like units, even if it is more expensive."""
    return _StableElimination(net).build()


def _products(graph: Graph) -> int:
    """Count the multiplications of the affine ops in the back-substitution of one row."""
    ops = [node.op for node in graph.nodes if isinstance(node.op, Affine)]
    return sum(op.size * (sum(op.sizes) if _is_dense(op) else op.terms) for op in ops)


def _products_after(net: RelaxedNet) -> int:
    """Count the multiplications to back-substitute one row in the new net, without building it."""
    at = {b.value: b for b in net.activations}
    bases: list[dict[int, int]] = [{0: net.graph.size}]
    total = 0
    for v, node in enumerate(net.graph.nodes, 1):
        sizes = {base: size for j in node.inputs for base, size in bases[j].items()}
        if v in at:
            slope, index = _slopes(net, at[v])
            total += index.size * sum(sizes.values())
            sizes = sizes if slope.any() else {}
            if index.size:
                sizes = sizes | {v: index.size}
        bases.append(sizes)
    return total + net.objectives * sum(bases[net.graph.output].values())


def _slopes(net: RelaxedNet, activation: Activation) -> tuple[np.ndarray, np.ndarray]:
    """Return the slopes of units, 0 if unstable, and the indices of the unstable units.

    All units of a smooth activation are treated as unstable.
    """
    lo, hi = net.lo[activation.place], net.hi[activation.place]
    slope, unstable = activation.stable_slope(lo, hi), ~activation.is_stable(lo, hi)
    if slope is None:
        return np.zeros(lo.size), np.arange(lo.size)
    return np.where(unstable, 0.0, slope), np.flatnonzero(unstable)


def _is_dense(op: Affine) -> bool:
    """Return whether an op's longest sums are as long as those of a dense matrix."""
    return op.factor is None and op.terms >= max(*op.sizes, op.size)


class _StableElimination:
    """Builder of the graph without stable units, value by value."""

    def __init__(self, net: RelaxedNet) -> None:
        self.net, self._ends = net, net.current_ends()
        self.nodes: list[Node] = []
        self.sizes = [net.magnitudes[0]]
        """The magnitudes `H` of every new value."""
        self.ends = [net.ends[0]]
        self.errors: dict[int, np.ndarray] = {}
        at = {b.value: b for b in net.activations}
        n, out = net.graph.size, net.graph.output
        forms = {0: StableForm({0: np.eye(n)}, np.zeros(n), np.zeros(n))}
        last = {j: v for v, node in enumerate(net.graph.nodes, 1) for j in node.inputs}
        for v, node in enumerate(net.graph.nodes, 1):
            check_deadline()
            before = [forms[j] for j in node.inputs]
            if v in at:
                forms[v] = self._apply_activation(at[v], node, before[0])
            elif isinstance(node.op, Affine):
                forms[v] = self._apply_affine(node.op, before, net.errors.get(v, 0.0))
            else:
                forms[v] = _rearrange(node.op, before)
            # The matrices are large: each is released after its last use.
            for j in {j for j in node.inputs if last[j] == v and j != out}:
                del forms[j]
        self._add(forms[out], slice(None), out, net.graph.nodes[out - 1].source)

    def _reach(self, form: StableForm) -> np.ndarray:
        """Return bounds on the magnitudes of a value: `|M|^T H + |c|`."""
        total = np.abs(form.constant)
        for base, matrix in form.parts.items():
            total = total + self.sizes[base] @ np.abs(matrix)
        return total

    def _apply_affine(self, op: Affine, before: list[StableForm], error: Numbers) -> StableForm:
        """Return the form of an affine op's value, from the forms of its inputs."""
        sizes = [form.constant.size for form in before]
        parts = {}
        for base in sorted({base for form in before for base in form.parts}):
            rows = self.sizes[base].size
            parts[base] = op.apply(
                tuple(
                    form.parts.get(base, np.zeros((rows, n)))
                    for form, n in zip(before, sizes, strict=True)
                ),
                False,
            )
        constant = op.apply(tuple(form.constant[None] for form in before), False)[0] + op.bias
        inherited = op.apply(tuple(form.error[None] for form in before), True)[0]
        reach = op.apply(tuple(self._reach(form)[None] for form in before), True)[0]
        # A bias may itself be a computed number: its error is bounded as generously as elsewhere.
        lost = gamma(op.terms + 4) * reach
        lost = lost + self.net.budget.constant(op.size + 4) * np.abs(op.bias)
        return StableForm(parts, constant, inflate(inherited + lost + error) * ROUNDED_UP)

    def _apply_activation(self, activation: Activation, node: Node, form: StableForm) -> StableForm:
        """Apply an activation: scale the form of stable units; unstable units become a new base."""
        slope, index = _slopes(self.net, activation)
        plain = (slope == 0.0) | (slope == 1.0)
        lost = np.where(plain, 0.0, gamma(2) * np.abs(slope) * self._reach(form))
        error = np.where(
            plain, slope * form.error, inflate(np.abs(slope) * form.error + lost) * ROUNDED_UP
        )
        parts = {base: matrix * slope for base, matrix in form.parts.items()}
        if index.size:
            source = self._add(form, index, activation.source, node.source)
            self._append(
                replace(node, inputs=(source,), size=index.size, shape=(1, index.size)),
                activation.value,
                index,
            )
            parts[len(self.nodes)] = np.eye(slope.size)[index]
        return StableForm(parts, form.constant * slope, error)

    def _add(self, form: StableForm, index: np.ndarray | slice, value: int, source: str) -> int:
        """Append an affine node for the entries `index` of the old net's `value`.

        Return the index of the new value.
        """
        parts = {base: matrix[:, index] for base, matrix in form.parts.items()}
        used = {base: matrix for base, matrix in parts.items() if matrix.any()}
        used = used or {0: parts.get(0, np.zeros((self.net.graph.size, form.constant[index].size)))}
        op = dense_sum(list(used.values()), form.constant[index])
        self._append(Node(op, tuple(used), op.size, (1, op.size), source), value, index)
        self.errors[len(self.nodes)] = form.error[index]
        return len(self.nodes)

    def _append(self, node: Node, value: int, index: np.ndarray | slice) -> None:
        """Append a node whose entries are the entries `index` of the old net's `value`."""
        self.nodes.append(node)
        lo, hi = self._ends[value]
        self.ends.append((lo[index], hi[index]))
        self.sizes.append(self.net.magnitudes[value][index])

    def build(self) -> RelaxedNet:
        """Build the relaxed net of the graph without stable units."""
        old = self.net.graph
        graph = Graph(old.inputs, tuple(self.nodes), len(self.nodes), old.outputs)
        budget = OperationCounts.of(graph)
        rounding_terms: list[RoundingTerm | None] = [None]
        total = underflow_of_boxes(graph.size)
        for v, node in enumerate(graph.nodes, 1):
            before = [self.sizes[j] for j in node.inputs]
            total += underflow(node, before)
            rounding_terms.append(
                None
                if v not in self.errors
                else RoundingTerm.of(
                    inflate(radius(budget, node, before, self.sizes[v]) + self.errors[v])
                )
            )
        return RelaxedNet(
            graph, self.net.box, self.ends, rounding_terms, total, self.sizes, budget, self.errors
        )


def _rearrange(op: Op, before: list[StableForm]) -> StableForm:
    """Return the form of a rearrangement's value, from the forms of its inputs."""
    assert isinstance(op, Rearrange)
    parts = {}
    for base in sorted({base for form in before for base in form.parts}):
        rows = next(form.parts[base] for form in before if base in form.parts).shape[0]
        parts[base] = op.run(
            tuple(form.parts.get(base, np.zeros((rows, form.constant.size))) for form in before),
            fill=False,
        )
    constant = op.run(tuple(form.constant for form in before))
    return StableForm(parts, constant, op.run(tuple(form.error for form in before), fill=False))
