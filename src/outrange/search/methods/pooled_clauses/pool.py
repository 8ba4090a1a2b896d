"""Pools clauses that differ only in constants into one group of many boxes.

A learned index is queried on thousands of short key intervals, each with its own limits. Searched
separately, each interval would pay for the start of a search. So each constant that varies from box
to box becomes an extra input, fixed in each box. The clauses are then the same everywhere, and one
search covers all boxes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ....core import Atom, Formula
from ....graph import Graph, Node, Slot
from ....graph.composites.splice import renumber_nodes
from ....ops import Rearrange
from ...common.clause_groups import ClauseGroup
from ...common.domain_boxes import DomainBoxes
from ...common.task import FEW_INPUTS, is_wide


MANY = 16
"""Minimum number of groups with equal clauses that are pooled; fewer are searched separately."""


@dataclass(frozen=True, eq=False)
class PooledClauses:
    """A group of clauses and the graph that they constrain.

    Args:
        graph: The network. After its own inputs, it has one more input for each constant of the
            clauses that varies from box to box.
        group: Clauses, and boxes of the graph's inputs.
    """

    graph: Graph
    group: ClauseGroup


def pool_clauses(graph: Graph, groups: Sequence[ClauseGroup]) -> list[PooledClauses]:
    """Pool the groups whose clauses are equal up to their constants.

    Only groups with few free inputs are pooled: their searches split inputs. For other groups,
    another kind of search may be better.

    Args:
        groups: Clauses and their boxes.

    Sound: yes; a constant that varies merely becomes an input, so clauses keep their meaning.
    """
    kinds: dict[Hashable, list[tuple[ClauseGroup, list[float]]]] = {}
    left: list[ClauseGroup] = []
    for group in groups:
        if len(groups) < MANY or not _can_pool(graph, group):
            left.append(group)
            continue
        constants: list[float] = []
        kind = tuple(
            tuple(_clause_key(part, constants) for part in clause) for clause in group.clauses
        )
        key = (kind, group.strict.tobytes(), group.roots.whole.tobytes())
        kinds.setdefault(key, []).append((group, constants))
    pooled = []
    for members in kinds.values():
        if len(members) < MANY:
            left += [group for group, _ in members]
        else:
            pooled.append(_merge_groups(graph, members))
    return [*pooled, *(PooledClauses(graph, group) for group in left)]


def _can_pool(graph: Graph, group: ClauseGroup) -> bool:
    """Return whether a group may be pooled.

    Its boxes must have at most `FEW_INPUTS` free inputs, its clauses must not contain norm balls,
    and the graph must not be wide (`is_wide`).
    """
    roots = group.roots
    free = (roots.lo < roots.hi).sum(axis=1).max(initial=0)
    return not group.distances and free <= FEW_INPUTS and not is_wide(graph)


def _clause_key(formula: Formula, constants: list[float]) -> Hashable:
    """Return a hashable key of a formula without its constants, and append them to `constants`."""
    if isinstance(formula, Atom):
        constants.append(formula.offset)
        return formula.terms, formula.strict
    return type(formula), tuple(_clause_key(part, constants) for part in formula.parts)


def _merge_groups(
    graph: Graph, members: Sequence[tuple[ClauseGroup, list[float]]]
) -> PooledClauses:
    """Merge groups of equal clauses; constants that vary between members become inputs."""
    first, values = members[0][0], np.array([constants for _, constants in members])
    varies = (values != values[0]).any(axis=0)
    inputs, count = graph.size, int(varies.sum())
    columns = values[:, varies]
    atoms = iter(np.where(varies, np.cumsum(varies) - 1, -1).tolist())
    clauses = [
        tuple(_translate_formula(part, atoms, inputs, count) for part in clause)
        for clause in first.clauses
    ]
    rows = np.repeat(columns, [len(group.roots.lo) for group, _ in members], axis=0)
    lo, hi = (
        np.concatenate([np.concatenate([getattr(g.roots, end) for g, _ in members]), rows], axis=1)
        for end in ("lo", "hi")
    )
    whole = np.concatenate([first.roots.whole, np.zeros(count, bool)])
    group = replace(first, clauses=clauses, roots=DomainBoxes(lo, hi, whole))
    return PooledClauses(add_inputs(graph, count), group)


def _translate_formula(
    formula: Formula, sources: Iterator[int], inputs: int, count: int
) -> Formula:
    """Translate a formula over `[x, y]` into one over `[x, constants, y]`.

    Args:
        sources: Index of each atom's constant among the new inputs, or -1 if it remains a constant.
        inputs: The number of original inputs.
        count: The number of new inputs.
    """
    if not isinstance(formula, Atom):
        parts = tuple(_translate_formula(part, sources, inputs, count) for part in formula.parts)
        return type(formula)(parts)
    terms = {i if i < inputs else i + count: c for i, c in formula.terms}
    source = next(sources)
    if source < 0:
        return Atom.of(terms, formula.offset, formula.strict)
    return Atom.of({**terms, inputs + source: 1.0}, 0.0, formula.strict)


def add_inputs(graph: Graph, count: int) -> Graph:
    """Return a graph with `count` more inputs, which no operation reads."""
    if not count:
        return graph
    size, total = graph.size, graph.size + count
    original = Rearrange("own inputs", np.arange(size), (total,), np.zeros(size))
    rankings = {v + 1: replace(rank, source=rank.source + 1) for v, rank in graph.rankings.items()}
    return replace(
        graph,
        inputs=(*graph.inputs, Slot("constants", (count,))),
        nodes=(Node(original, (0,), size, (1, size)), *renumber_nodes(graph, 1, 1, "")),
        output=graph.output + 1,
        layers={},
        rankings=rankings,
    )
