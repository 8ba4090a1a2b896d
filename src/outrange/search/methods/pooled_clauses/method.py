"""The `Method` record of pooled clauses: when it applies, and how it starts."""

from __future__ import annotations

from collections.abc import Sequence

from ....graph import Graph
from ...common.clause_groups import ClauseGroup
from ...common.method import Method, Role
from .pool import MANY, PooledClauses, pool_clauses
from .subdivide import MANY as MANY_BOXES


def applies(graph: Graph, groups: Sequence[ClauseGroup]) -> bool:
    """Return whether there are at least 16 groups of clauses, or a group of at least 16 boxes."""
    return len(groups) >= MANY or any(len(group.roots.lo) >= MANY_BOXES for group in groups)


def begin(graph: Graph, groups: Sequence[ClauseGroup]) -> list[PooledClauses]:
    """Pool the groups whose clauses are equal up to their constants."""
    return pool_clauses(graph, groups)


METHOD = Method(
    name="pooled clauses",
    reference="own",
    role=Role.BEFORE,
    applies=applies,
    begin=begin,
    evidence="Learned indexes queried on thousands of short key intervals (nn4sys).",
)
