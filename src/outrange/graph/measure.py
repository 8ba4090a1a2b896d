"""Specification encoding: outputs whose signs indicate whether conditions hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core import And, Atom, Distance, Formula, up
from ..ops import dense
from .builder import Builder
from .graph import Graph
from .rewrites.ranks import Ranks
from .values import Operand, Value


def objective(graph: Graph, form: Atom) -> Graph:
    """Build the graph whose only output is a linear form of the inputs and outputs of `graph`.

    `measure` preserves only the sign of an inequality's left-hand side; an objective needs its
    value.

    Args:
        graph: The network under study.
        form: An inequality over the flat inputs and outputs, in this order. Its left-hand side is
            the form, and the comparison is ignored.

    Returns:
        A graph with the same inputs.
    """
    builder = Builder(graph.inputs, nodes=list(graph.nodes), source="objective")
    encoding = _Measure(builder, graph, None)
    place = encoding.entry(form)
    vector = encoding.concatenate()
    out = builder.structural(lambda a: a[0].reshape(-1)[[place]][None], [vector])
    return builder.finish([out], ["value"])


def measure(
    graph: Graph, clauses: Sequence[Sequence[Formula]], distances: Sequence[Distance] = ()
) -> Graph:
    """Build the graph whose output `k` is at most 0 exactly where all of `clauses[k]` holds.

    Here, a strict inequality counts as true at equality, and the squared radius of a 2-norm is
    rounded up.

    The value of an atom is its left-hand side. The value of an `And` is the largest value of its
    parts, and the value of an `Or` is the smallest. With optimized slopes, the relaxation of a
    maximum of linear forms ranges over their convex combinations. This gives the Lagrangian bound
    of their conjunction. Outputs of one softmax are compared by their logits, in the unit of the
    logits.

    Args:
        graph: The network, whose flat inputs and outputs, in this order, the conditions read.
        clauses: Conjunctions of formulas to encode.
        distances: Norm balls that belong to every clause; 2-norms are compared by their squares.

    Returns:
        A graph with the same inputs and one output entry per clause.
    """
    builder = Builder(graph.inputs, nodes=list(graph.nodes), source="property")
    encoding = _Measure(builder, graph, Ranks(graph))
    everywhere = [encoding.distance(part) for part in distances]
    columns = [[*map(encoding.entry, clause), *everywhere] for clause in clauses]
    width = max((len(column) for column in columns), default=0)
    windows = np.array([c + [-1] * (width - len(c)) for c in columns], np.int64)
    vector = encoding.concatenate()
    if width == 0:
        return builder.finish([np.full((1, len(clauses)), -1.0)], ["value"])
    windows = _true_where_empty(windows)
    if isinstance(vector, Value) and width > 1:
        out = builder.largest(vector, windows, (1, len(clauses)))
    else:
        out = builder.structural(lambda a: a[0].reshape(-1)[windows[:, 0]][None], [vector])
    return builder.finish([out], ["value"])


def _true_where_empty(windows: np.ndarray) -> np.ndarray:
    """Point empty windows at entry 0, the constant -1: an empty conjunction holds everywhere."""
    return np.where(
        (windows < 0).all(axis=1, keepdims=True) & (np.arange(windows.shape[1]) == 0), 0, windows
    )


@dataclass(frozen=True)
class _Join:
    """The largest of some entries if `largest` is true, otherwise the smallest."""

    largest: bool
    entries: list[int]


class _Measure:
    """An encoding under construction, as a vector of entries; entry 0 is the constant -1.

    Args:
        builder: The builder of the encoded graph.
        graph: The network under study.
        ranks: Rewriter of atoms into equivalent atoms; None preserves the values of atoms.
    """

    def __init__(self, builder: Builder, graph: Graph, ranks: Ranks | None) -> None:
        self._builder, self._graph, self._ranks = builder, graph, ranks
        self._atoms: dict[Atom, int] = {}
        self._joins: dict[Formula, int] = {}
        self._later: list[tuple[int, Distance | _Join]] = []
        self._count = 1

    def entry(self, formula: Formula) -> int:
        """Return the index of the entry that encodes the value of a formula."""
        if isinstance(formula, Atom):
            return self._atom(formula)
        if formula not in self._joins:
            join = _Join(isinstance(formula, And), [self.entry(p) for p in formula.parts])
            self._joins[formula] = self._push(join)
        return self._joins[formula]

    def distance(self, ball: Distance) -> int:
        return self._push(ball)

    def _atom(self, atom: Atom) -> int:
        if self._ranks is not None:
            atom = self._ranks.sharpen_atom(atom)
        if atom not in self._atoms:
            self._atoms[atom] = self._count
            self._count += 1
        return self._atoms[atom]

    def _push(self, part: Distance | _Join) -> int:
        self._later.append((self._count, part))
        self._count += 1
        return self._count - 1

    def concatenate(self) -> Value:
        """Return all entries as one vector, in the order of their indices."""
        parts: list[tuple[np.ndarray, Operand]] = [(np.zeros(1, np.int64), np.full((1, 1), -1.0))]
        for single in (True, False):
            atoms = [atom for atom in self._atoms if (len(atom.terms) == 1) == single]
            if atoms:
                parts.append((np.array([self._atoms[a] for a in atoms]), self._forms(atoms)))
        for place, part in self._later:
            if isinstance(part, Distance):
                value = self._norm(part)
            else:
                value = self._best(part, parts)
            parts.append((np.array([place]), value))
        return self._vector(parts)

    def _vector(self, parts: list[tuple[np.ndarray, Operand]]) -> Value:
        order = np.argsort(np.concatenate([place for place, _ in parts]))
        return self._builder.structural(
            lambda a: np.concatenate([v.reshape(-1) for v in a])[order][None],
            [value for _, value in parts],
        )

    def _best(self, join: _Join, parts: list[tuple[np.ndarray, Operand]]) -> Operand:
        """Return the largest or the smallest entry of a join, depending on `join.largest`.

        Without entries, the result is a constant: -1 for the largest, 1 for the smallest.

        Args:
            join: The join.
            parts: Pairs of indices of entries and their values; all entries of the join are among
                them.
        """
        if not join.entries:
            return np.full((1, 1), -1.0 if join.largest else 1.0)
        place = np.concatenate([p for p, _ in parts])
        where = {int(e): i for i, e in enumerate(place)}
        at = np.array([where[e] for e in join.entries])
        picked = self._builder.structural(
            lambda a: np.concatenate([v.reshape(-1) for v in a])[at][None], [v for _, v in parts]
        )
        if not isinstance(picked, Value):
            return (picked.max if join.largest else picked.min)(axis=1, keepdims=True)
        return self._builder.reduce("max" if join.largest else "min", picked, 1, keepdims=True)

    def _forms(self, atoms: list[Atom]) -> Operand:
        """Return the left-hand sides of some atoms, as one affine map of the entries they read."""
        bias = np.array([atom.offset for atom in atoms])
        if all(len(atom.terms) == 1 for atom in atoms):
            # An entrywise map keeps interval bounds exact to the last bit.
            used = np.array([atom.terms[0][0] for atom in atoms])
            factor = np.array([atom.terms[0][1] for atom in atoms])
            return self._builder.affine_map(self._select(used), factor, bias, name="atoms")
        used = np.unique([i for atom in atoms for i, _ in atom.terms]).astype(np.int64)
        if not used.size:
            return bias[None]
        column = {int(i): j for j, i in enumerate(used)}
        weight = np.zeros((used.size, bias.size))
        for k, atom in enumerate(atoms):
            for i, c in atom.terms:
                weight[column[i], k] = c
        read = self._select(used)
        return self._builder.add_node(dense(weight, bias, name="atoms"), [read], (1, bias.size))

    def _select(self, used: np.ndarray) -> Value:
        """Return the entries `used` of the vector of condition variables (see `Ranks`)."""
        graph, builder = self._graph, self._builder
        d, outputs = graph.size, graph.value_size(graph.output)
        x = Value(builder, 0, (1, d))
        y = Value(builder, graph.output, (1, outputs))
        if used.min() >= d and used.max() < d + outputs:
            return builder.rearrange([y], (used - d)[None], name="read")
        if used.max() < d:
            return builder.rearrange([x], used[None], name="read")
        sources = [] if self._ranks is None else self._ranks.sources
        others = [Value(builder, v, (1, graph.value_size(v))) for v in sources]
        return builder.rearrange([x, y, *others], used[None], name="read")

    def _norm(self, ball: Distance) -> Operand:
        builder = self._builder
        x = Value(builder, 0, (1, self._graph.size))
        moved = builder.rearrange([x], ball.index[None], name="read")
        shifted = builder.affine_map(moved, np.ones(ball.center.shape), -ball.center)
        size = builder.curve("abs" if ball.order == 1 else "square", shifted)
        radius = ball.radius if ball.order == 1 else float(up(ball.radius * ball.radius))
        total = builder.reduce("sum", size, 1, keepdims=True)
        return builder.affine_map(total, 1.0, -radius)
