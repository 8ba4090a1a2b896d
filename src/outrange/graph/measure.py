"""Specification encoding: outputs that measure how far conditions are from being satisfied."""

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
    """Build the graph whose one output is the value of a form of inputs and outputs.

    `measure` keeps the sign of a form alone; an objective needs the form itself.

    Args:
        graph: The network.
        form: Over its flat inputs and outputs, in this order; its comparison is not read.

    Returns:
        A graph of the same inputs.
    """
    builder = Builder(graph.inputs, nodes=list(graph.nodes), source="objective")
    encoding = _Measure(builder, graph, None)
    place = encoding.entry(form)
    whole = encoding.joined()
    out = builder.structural(lambda a: a[0].reshape(-1)[[place]][None], [whole])
    return builder.finish([out], ["value"])


def measure(
    graph: Graph, clauses: Sequence[Sequence[Formula]], distances: Sequence[Distance] = ()
) -> Graph:
    """Build the graph whose output `k` is at most 0 exactly where all of `clauses[k]` holds.

    An atom is its left side, an `And` the largest of its parts, an `Or` the least. Bounding the
    largest of some forms by a relaxation with free slopes ranges over their convex combinations,
    the Lagrangian bound of their conjunction. Two outputs of one softmax are compared by their
    logits, in the logits' unit.

    Args:
        graph: The network; conditions are over its flat inputs and outputs, in this order.
        clauses: Conjunctions.
        distances: Norm balls that belong to every clause; 2-norms are compared squared.

    Returns:
        A graph of the same inputs with one output a clause.
    """
    builder = Builder(graph.inputs, nodes=list(graph.nodes), source="property")
    found = _Measure(builder, graph, Ranks(graph))
    everywhere = [found.distance(part) for part in distances]
    columns = [[*map(found.entry, clause), *everywhere] for clause in clauses]
    width = max((len(column) for column in columns), default=0)
    windows = np.array([c + [-1] * (width - len(c)) for c in columns], np.int64)
    whole = found.joined()
    if width == 0:
        return builder.finish([np.full((1, len(clauses)), -1.0)], ["value"])
    windows = _true_where_empty(windows)
    if isinstance(whole, Value) and width > 1:
        out = builder.largest(whole, windows, (1, len(clauses)))
    else:
        out = builder.structural(lambda a: a[0].reshape(-1)[windows[:, 0]][None], [whole])
    return builder.finish([out], ["value"])


def _true_where_empty(windows: np.ndarray) -> np.ndarray:
    """Entry 0 is the constant -1: a conjunction of nothing holds everywhere."""
    return np.where(
        (windows < 0).all(axis=1, keepdims=True) & (np.arange(windows.shape[1]) == 0), 0, windows
    )


@dataclass(frozen=True)
class _Join:
    """The largest or least of entries."""

    largest: bool
    entries: list[int]


class _Measure:
    """Entries under construction: entry 0 is the constant -1, then atoms, then what joins them.

    Args:
        builder: Of the graph that measures.
        graph: The network.
        ranks: Rewrites atoms as others that hold where they do; None keeps their values.
    """

    def __init__(self, builder: Builder, graph: Graph, ranks: Ranks | None) -> None:
        self._builder, self._graph, self._ranks = builder, graph, ranks
        self._atoms: dict[Atom, int] = {}
        self._joins: dict[Formula, int] = {}
        self._later: list[tuple[int, Distance | _Join]] = []
        self._count = 1

    def entry(self, formula: Formula) -> int:
        """The entry that will hold the formula's value."""
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
            atom = self._ranks.sharper(atom)
        if atom not in self._atoms:
            self._atoms[atom] = self._count
            self._count += 1
        return self._atoms[atom]

    def _push(self, part: Distance | _Join) -> int:
        self._later.append((self._count, part))
        self._count += 1
        return self._count - 1

    def joined(self) -> Value:
        """All entries in one vector."""
        parts: list[tuple[np.ndarray, Operand]] = [(np.zeros(1, np.int64), np.full((1, 1), -1.0))]
        for single in (True, False):
            kept = [atom for atom in self._atoms if (len(atom.terms) == 1) == single]
            if kept:
                parts.append((np.array([self._atoms[a] for a in kept]), self._forms(kept)))
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
        """The largest or least of entries that stand before this one."""
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

    def _forms(self, kept: list[Atom]) -> Operand:
        """The left sides of some atoms, as one affine map of the entries they read."""
        bias = np.array([atom.offset for atom in kept])
        if all(len(atom.terms) == 1 for atom in kept):
            # Entry by entry, so that interval bounds are exact to the last bit.
            used = np.array([atom.terms[0][0] for atom in kept])
            factor = np.array([atom.terms[0][1] for atom in kept])
            return self._builder.affine_map(self._read(used), factor, bias, name="atoms")
        used = np.unique([i for atom in kept for i, _ in atom.terms]).astype(np.int64)
        if not used.size:
            return bias[None]
        column = {int(i): j for j, i in enumerate(used)}
        weight = np.zeros((used.size, bias.size))
        for k, atom in enumerate(kept):
            for i, c in atom.terms:
                weight[column[i], k] = c
        read = self._read(used)
        return self._builder.add_node(dense(weight, bias, name="atoms"), [read], (1, bias.size))

    def _read(self, used: np.ndarray) -> Value:
        """The entries `used` of `[x, y]` and what decides orders."""
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
