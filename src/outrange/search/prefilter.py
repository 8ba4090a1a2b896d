"""Refutes clauses before any search, by linear bounds over many boxes in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..core import Formula
from ..core.formula import holds
from ..domains import bounds
from ..graph import Graph
from .common.clause_groups import ClauseGroup
from .common.incumbent import Incumbent
from .common.search import Search


MANY = 16
"""Minimum number of groups for the pre-filter; fewer groups are searched directly."""

FEW_ROOTS = 32
"""Maximum number of boxes in a group that is pre-filtered. Larger groups are searched directly."""

AT_ONCE = 256

METHODS = ("bounds of all boxes at once: intervals, then forward forms (DeepZ, Singh et al. 2018)",)


def drop_refuted(
    graph: Graph, groups: Sequence[ClauseGroup], late: Callable[[], bool]
) -> list[ClauseGroup]:
    """Drop the clauses that linear bounds of the outputs refute, and groups with no clause left.

    If there are fewer than `MANY` groups, all are returned unchanged. Groups with more than
    `FEW_ROOTS` boxes are also returned unchanged.

    Args:
        groups: Clauses and their boxes.
        late: Function that returns whether to stop; the remaining groups are then returned
            unchanged.

    Sound: yes, a clause is dropped only if the bounds prove it infeasible. Complete: no. Cost: one
    pass of linear bounds per box, with many boxes bounded together.
    """
    if len(groups) < MANY:
        return list(groups)
    left: list[ClauseGroup] = []
    small = [g for g in groups if len(g.roots.lo) <= FEW_ROOTS]
    left += [g for g in groups if len(g.roots.lo) > FEW_ROOTS]
    for start in range(0, len(small), AT_ONCE):
        part = small[start : start + AT_ONCE]
        left += part if late() else _drop_refuted_clauses(graph, part)
    return left


def _drop_refuted_clauses(graph: Graph, groups: Sequence[ClauseGroup]) -> list[ClauseGroup]:
    """Return the groups, keeping only the clauses that linear bounds do not refute."""
    lo, hi = (np.concatenate([getattr(g.roots, side) for g in groups]) for side in ("lo", "hi"))
    least, most = bounds(graph, lo, hi, "linear")[graph.output]
    least = np.concatenate([lo, np.where(np.isnan(least), -np.inf, least)], axis=1)
    most = np.concatenate([hi, np.where(np.isnan(most), np.inf, most)], axis=1)
    left, row = [], 0
    for group in groups:
        rows = range(row, row + len(group.roots.lo))
        row += len(group.roots.lo)
        remaining = [
            k
            for k, clause in enumerate(group.clauses)
            if not all(_is_refuted(clause, least[i], most[i]) for i in rows)
        ]
        if remaining:
            clauses = [group.clauses[k] for k in remaining]
            left.append(replace(group, clauses=clauses, strict=group.strict[remaining]))
    return left


def _is_refuted(clause: Sequence[Formula], lo: np.ndarray, hi: np.ndarray) -> bool:
    """Return whether some part of a clause is false everywhere within the bounds `lo`, `hi`."""
    return any(holds(part, lo, hi) is False for part in clause)


class NothingOpen(Search):
    """A search that is finished from the start, for a problem without open boxes.

    Args:
        inputs: The number of inputs.
    """

    methods = METHODS

    def __init__(self, incumbent: Incumbent, inputs: int) -> None:
        self.incumbent = incumbent
        m = incumbent.known.size
        incumbent.start(np.full(m, np.inf), np.full((m, inputs), np.nan), np.full(m, -np.inf))

    def lower(self) -> np.ndarray:
        return np.full(self.incumbent.known.size, np.inf)

    def advance(self) -> bool:
        return False

    def recover(self) -> None:
        """Do nothing: there is no state to repair."""
