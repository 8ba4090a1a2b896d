"""Counterparts in a graph: values at the same position in two nearly equal networks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ....graph import Graph
from ....ops import Affine, Curve, Rearrange, Step


MOST_ENTRIES = 1 << 20
"""Maximum number of coefficients of a layer whose counterpart is sought."""

WIDEST = 1 << 10
"""Maximum number of entries of any value of a graph whose counterparts are sought. Rows of longer
values are restricted to cones, which cannot use pairs."""

CLOSE = 0.25
"""Maximum difference between counterparts' coefficients, as a fraction of the absolute values.
For unrelated branches, the difference is about as large as these values."""


@dataclass(frozen=True, eq=False)
class PairedCurve:
    """The curve `f(z)`, bounded relative to its counterpart `a = f(w)`; it reads `z`, `w` and `a`.

    Args:
        size: Length of the value.
        terms: Number of products per entry when a row is substituted back through the curve.
    """

    curve: Curve
    size: int
    terms: int = 1

    @property
    def name(self) -> str:
        return f"{self.curve.name} beside its counterpart"


@dataclass(frozen=True, eq=False)
class PairedAffine:
    """Coefficients of the difference between an affine value and its counterpart.

    Args:
        inputs: Pairs of a value that this op reads and the value that its counterpart reads.
        matrices: For each input: the coefficients, their difference from the counterpart's, and the
            sums of the absolute values of all terms of both ops.
        bias: Difference of the biases.
        sizes: Sums of the absolute biases.
        terms: Number of roundings of a sum, including the roundings of computed coefficients.
    """

    inputs: tuple[tuple[int, int], ...]
    matrices: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]
    bias: np.ndarray
    sizes: np.ndarray
    terms: int


@dataclass(frozen=True, eq=False)
class PairedGraph:
    """A graph, its pairs of counterparts, and the differences within the affine pairs.

    Args:
        graph: The graph, in which later copies of curves are `PairedCurve`s.
        sums: Map from each affine value of the later copy with a counterpart to the difference
            between the two ops.
        counterparts: Map from each value in the later copy to its counterpart in the earlier copy.
        curves: The values that are `PairedCurve`s.
    """

    graph: Graph
    sums: dict[int, PairedAffine]
    counterparts: dict[int, int]
    curves: tuple[int, ...]


def pair_counterparts(graph: Graph) -> PairedGraph | None:
    """Find the counterparts of a graph, or return None if no curve has a counterpart.

    Also return None if a value has more than `WIDEST` entries.

    Two values are counterparts if their structural key occurs exactly twice, their inputs are
    counterparts or the same, and their coefficients are close.

    Args:
        graph: Any graph, for example the product of two copies of a network.
    """
    if max([graph.size, *(node.size for node in graph.nodes)]) > WIDEST:
        return None
    pairing = _Pairing(graph)
    nodes = list(graph.nodes)
    curves = []
    for v, node in enumerate(graph.nodes, 1):
        source, first = node.inputs[0] if node.inputs else 0, pairing.counterparts
        # If two curves read the same value, they are not paired.
        reads = v in first and graph.nodes[first[v] - 1].inputs == (first.get(source),)
        if reads and isinstance(node.op, Curve) and source in pairing.sums:
            op: Any = PairedCurve(node.op, node.size)  # Only this package has rules for it.
            nodes[v - 1] = replace(node, op=op, inputs=(source, first[source], first[v]))
            curves.append(v)
    if not curves:
        return None
    with_pairs = replace(graph, nodes=tuple(nodes))
    return PairedGraph(with_pairs, pairing.sums, pairing.counterparts, tuple(curves))


@dataclass(eq=False)
class _Pairing:
    """Pairs of counterparts in a graph, and the differences within the affine pairs."""

    graph: Graph
    counterparts: dict[int, int] = field(default_factory=dict)
    sums: dict[int, PairedAffine] = field(default_factory=dict)

    def __post_init__(self) -> None:
        members: dict[int, list[int]] = defaultdict(list)
        kinds, numbers = {0: 0}, {}
        for v, node in enumerate(self.graph.nodes, 1):
            input_kinds = tuple(kinds[j] for j in node.inputs)
            kind = type(node.op).__name__, node.op.name, node.size, input_kinds
            # Keys are numbered: written out, they would double with every residual block.
            kinds[v] = numbers.setdefault(kind, len(numbers) + 1)
            members[kinds[v]].append(v)
        for first, second in sorted(two for two in members.values() if len(two) == 2):
            self._pair(first, second)

    def _pair(self, first: int, second: int) -> None:
        """Pair two values of equal structure, if their inputs and coefficients match."""
        first_node, second_node = (self.graph.nodes[v - 1] for v in (first, second))
        inputs = tuple(zip(second_node.inputs, first_node.inputs, strict=True))
        if any(j != k and self.counterparts.get(j) != k for j, k in inputs):
            return
        match first_node.op, second_node.op:
            case Affine() as a, Affine() as b:
                sums = _apart(a, b, inputs)
                if sums is None:
                    return
                self.sums[second] = sums
            case Rearrange() as a, Rearrange() as b:
                filled = a.index < 0
                if not np.array_equal(a.index, b.index) or (a.fill != b.fill)[filled].any():
                    return
            case Curve() as a, Curve() as b:
                if isinstance(a, Step) or a.jumps or not _is_one_curve(a, b):
                    return
            case _:
                return
        self.counterparts[second] = first


def _is_one_curve(a: Curve, b: Curve) -> bool:
    """Return whether two curves are proved to be the same function by how they are defined.

    They share the Python function, have the same exact pieces, or have equal `origin`s.
    """
    if a is b or a.f is b.f:
        return True
    if a.lines is not None and None not in a.lines:
        return (a.lines, a.knots, a.on, a.beyond) == (b.lines, b.knots, b.on, b.beyond)
    return a.origin is not None and a.origin == b.origin


def _apart(a: Affine, b: Affine, inputs: tuple[tuple[int, int], ...]) -> PairedAffine | None:
    """Return the difference `b - a` of two affine ops.

    Return None if their inputs have different sizes, if their coefficients differ by more than
    `CLOSE`, or if they have more than `MOST_ENTRIES` coefficients.
    """
    if a.sizes != b.sizes or a.size * sum(a.sizes) > MOST_ENTRIES:
        return None
    unit = np.eye(a.size)
    there, here = a.adjoint(unit), b.adjoint(unit)
    change = [q - p for p, q in zip(there, here, strict=True)]
    worth = sum(float(np.abs(q).sum()) for q in here)
    if sum(float(np.abs(d).sum()) for d in change) > CLOSE * worth:
        return None
    sizes = [p + q for p, q in zip(_sizes(a), _sizes(b), strict=True)]
    return PairedAffine(
        inputs,
        tuple(zip(here, change, sizes, strict=True)),
        b.bias - a.bias,
        np.abs(a.bias) + np.abs(b.bias),
        2 * sum(a.sizes) + a.ulps + b.ulps + 16,
    )


def _sizes(op: Affine) -> list[np.ndarray]:
    """Return, per input, the sums `(m, n_i)` of the absolute values of each coefficient's terms."""
    sizes = []
    for i, n in enumerate(op.sizes):
        units = [np.zeros((n, m)) for m in op.sizes]
        units[i] = np.eye(n)
        sizes.append(op.apply(tuple(units), True).T)
    return sizes
