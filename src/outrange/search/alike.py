"""Groups of clauses that differ in constants alone, as one group of many boxes.

A learned index is asked about thousands of short intervals of keys, each with limits of its own. As
so many searches they would take so many starts. So a constant that differs from box to box becomes
one more input, fixed in each box: what is asked is the same everywhere, and one search has all the
boxes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core import Atom, Formula
from ..graph import Graph, Node, Slot
from ..graph.composites.splice import moved
from ..ops import Rearrange
from .common.clause_groups import ClauseGroup
from .common.domain_boxes import DomainBoxes
from .selection import FEW_INPUTS, is_wide


MANY = 16
"""With fewer groups than this, each is searched by itself."""


@dataclass(frozen=True, eq=False)
class PooledClauses:
    """A group of clauses, and the graph they are about.

    Args:
        graph: The network; with more inputs, behind its own, where constants are inputs.
        group: Clauses and boxes of its inputs.
    """

    graph: Graph
    group: ClauseGroup


def together(graph: Graph, groups: Sequence[ClauseGroup]) -> list[PooledClauses]:
    """Join the groups whose clauses are the same up to their constants.

    Only where boxes have few free inputs, so that splitting these is the search to take; a group by
    itself could be given another.

    Args:
        groups: Clauses and their boxes.

    Sound: yes; what is asked is the same, up to how a constant is added.
    """
    kinds: dict[Hashable, list[tuple[ClauseGroup, list[float]]]] = {}
    left: list[ClauseGroup] = []
    for group in groups:
        if len(groups) < MANY or not _joins(graph, group):
            left.append(group)
            continue
        constants: list[float] = []
        kind = tuple(tuple(_kind(part, constants) for part in one) for one in group.clauses)
        key = (kind, group.strict.tobytes(), group.roots.whole.tobytes())
        kinds.setdefault(key, []).append((group, constants))
    found = []
    for members in kinds.values():
        if len(members) < MANY:
            left += [group for group, _ in members]
        else:
            found.append(_joined(graph, members))
    return [*found, *(PooledClauses(graph, group) for group in left)]


def _joins(graph: Graph, group: ClauseGroup) -> bool:
    roots = group.roots
    free = (roots.lo < roots.hi).sum(axis=1).max(initial=0)
    return not group.distances and free <= FEW_INPUTS and not is_wide(graph)


def _kind(formula: Formula, constants: list[float]) -> Hashable:
    """A formula without its constants, which are appended to the list."""
    if isinstance(formula, Atom):
        constants.append(formula.offset)
        return formula.terms, formula.strict
    return type(formula), tuple(_kind(part, constants) for part in formula.parts)


def _joined(graph: Graph, members: Sequence[tuple[ClauseGroup, list[float]]]) -> PooledClauses:
    first, values = members[0][0], np.array([constants for _, constants in members])
    varies = (values != values[0]).any(axis=0)
    inputs, count = graph.size, int(varies.sum())
    columns = values[:, varies]
    atoms = iter(np.where(varies, np.cumsum(varies) - 1, -1).tolist())
    clauses = [
        tuple(_with_inputs(part, atoms, inputs, count) for part in clause)
        for clause in first.clauses
    ]
    rows = np.repeat(columns, [len(group.roots.lo) for group, _ in members], axis=0)
    lo, hi = (
        np.concatenate([np.concatenate([getattr(g.roots, end) for g, _ in members]), rows], axis=1)
        for end in ("lo", "hi")
    )
    whole = np.concatenate([first.roots.whole, np.zeros(count, bool)])
    group = replace(first, clauses=clauses, roots=DomainBoxes(lo, hi, whole))
    return PooledClauses(with_inputs(graph, count), group)


def _with_inputs(formula: Formula, sources: Iterator[int], inputs: int, count: int) -> Formula:
    """A formula over `[x, y]` as one over `[x, constants, y]`.

    Args:
        sources: Of each atom, the place of its constant among the new inputs; -1: it stays.
        inputs: The number of inputs before.
        count: The number of new ones.
    """
    if not isinstance(formula, Atom):
        parts = tuple(_with_inputs(part, sources, inputs, count) for part in formula.parts)
        return type(formula)(parts)
    terms = {i if i < inputs else i + count: c for i, c in formula.terms}
    source = next(sources)
    if source < 0:
        return Atom.of(terms, formula.offset, formula.strict)
    return Atom.of({**terms, inputs + source: 1.0}, 0.0, formula.strict)


def with_inputs(graph: Graph, count: int) -> Graph:
    """The graph with more inputs, behind its own, that nothing reads."""
    if not count:
        return graph
    size, total = graph.size, graph.size + count
    own = Rearrange("own inputs", np.arange(size), (total,), np.zeros(size))
    rankings = {v + 1: replace(rank, source=rank.source + 1) for v, rank in graph.rankings.items()}
    return replace(
        graph,
        inputs=(*graph.inputs, Slot("constants", (count,))),
        nodes=(Node(own, (0,), size, (1, size)), *moved(graph, 1, 1, "")),
        output=graph.output + 1,
        layers={},
        rankings=rankings,
    )
