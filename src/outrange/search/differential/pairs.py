"""Which values of a graph are counterparts: the same place in two copies of nearly one network."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...graph import Graph
from ...ops import Affine, Curve, Rearrange, Step


MOST_ENTRIES = 1 << 20
"""Coefficients of a layer that are compared with those of its counterpart, at most."""

WIDEST = 1 << 10
"""Entries of a value, at most: rows of longer ones are cut to cones, which know no counterparts."""

CLOSE = 0.25
"""Coefficients of counterparts differ by at most this much of all they are worth: those of two
branches with nothing in common differ by about as much again as they are worth."""


@dataclass(frozen=True, eq=False)
class PairedCurve:
    """`f(z)` beside `a = f(w)` of its counterpart; its inputs are `z`, `w` and `a`.

    Args:
        size: Length of the value.
        terms: Products that one entry of a row is the sum of.
    """

    curve: Curve
    size: int
    terms: int = 1

    @property
    def name(self) -> str:
        return f"{self.curve.name} beside its counterpart"


@dataclass(frozen=True, eq=False)
class PairedAffine:
    """How an affine value differs from its counterpart.

    Args:
        inputs: Values that are read here, each with the one that the counterpart reads.
        matrices: Of each input the coefficients here, by how much they are larger than there, and
            the sizes of what both are sums of.
        bias: By how much the bias is larger.
        terms: Roundings of a sum, those in coefficients that are computed included.
    """

    inputs: tuple[tuple[int, int], ...]
    matrices: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]
    bias: np.ndarray
    sizes: np.ndarray
    terms: int


@dataclass(frozen=True, eq=False)
class PairedGraph:
    """A graph, and what its values know of their counterparts.

    Args:
        graph: Later copies of curves are `PairedCurve`s.
        sums: Affine values that these read.
        counterparts: Of every later copy the earlier one.
    """

    graph: Graph
    sums: dict[int, PairedAffine]
    counterparts: dict[int, int]
    curves: tuple[int, ...]


def paired(graph: Graph) -> PairedGraph | None:
    """The graph with its counterparts; None if no curve has one.

    Two values are counterparts if they alone are of their kind and read counterparts, and if their
    coefficients are about the same.

    Args:
        graph: Of two copies of a network, say.
    """
    if max([graph.size, *(node.size for node in graph.nodes)]) > WIDEST:
        return None
    found = _Pairing(graph)
    nodes = list(graph.nodes)
    curves = []
    for v, node in enumerate(graph.nodes, 1):
        source, first = node.inputs[0] if node.inputs else 0, found.counterparts
        # Of two curves that read one value, each is its own counterpart.
        reads = v in first and graph.nodes[first[v] - 1].inputs == (first.get(source),)
        if reads and isinstance(node.op, Curve) and source in found.sums:
            op: Any = PairedCurve(node.op, node.size)  # No kind that others know.
            nodes[v - 1] = replace(node, op=op, inputs=(source, first[source], first[v]))
            curves.append(v)
    if not curves:
        return None
    with_pairs = replace(graph, nodes=tuple(nodes))
    return PairedGraph(with_pairs, found.sums, found.counterparts, tuple(curves))


@dataclass(eq=False)
class _Pairing:
    graph: Graph
    counterparts: dict[int, int] = field(default_factory=dict)
    sums: dict[int, PairedAffine] = field(default_factory=dict)

    def __post_init__(self) -> None:
        members: dict[int, list[int]] = defaultdict(list)
        kinds, numbers = {0: 0}, {}
        for v, node in enumerate(self.graph.nodes, 1):
            known = tuple(kinds[j] for j in node.inputs)
            kind = type(node.op).__name__, node.op.name, node.size, known
            # Kinds are numbered: written out, those of residual blocks double with every block.
            kinds[v] = numbers.setdefault(kind, len(numbers) + 1)
            members[kinds[v]].append(v)
        for first, second in sorted(two for two in members.values() if len(two) == 2):
            self._pair(first, second)

    def _pair(self, first: int, second: int) -> None:
        one, two = (self.graph.nodes[v - 1] for v in (first, second))
        inputs = tuple(zip(two.inputs, one.inputs, strict=True))
        if any(j != k and self.counterparts.get(j) != k for j, k in inputs):
            return
        match one.op, two.op:
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
    """Whether two curves are certainly one function: others may agree where they are compared."""
    if a is b or a.f is b.f:
        return True
    if a.lines is not None and None not in a.lines:
        return (a.lines, a.knots, a.on, a.beyond) == (b.lines, b.knots, b.on, b.beyond)
    return a.origin is not None and a.origin == b.origin


def _apart(a: Affine, b: Affine, inputs: tuple[tuple[int, int], ...]) -> PairedAffine | None:
    """How `b` differs from `a`; None if that is not told, or too much."""
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
    """Of each input the sizes of all that a coefficient is the sum of, `(m, n_i)`."""
    found = []
    for i, n in enumerate(op.sizes):
        units = [np.zeros((n, m)) for m in op.sizes]
        units[i] = np.eye(n)
        found.append(op.apply(tuple(units), True).T)
    return found
