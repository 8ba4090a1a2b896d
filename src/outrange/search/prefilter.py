"""Refute clauses and boxes, many at once, by bounds of all of them, before any search."""

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
"""With fewer groups than this, each is searched directly."""

FEW_ROOTS = 32
"""Groups of more boxes than this are searched: their boxes are bounded together anyway."""

AT_ONCE = 256

METHODS = ("bounds of all boxes at once: intervals, then forward forms (DeepZ, Singh et al. 2018)",)


def drop_refuted(
    graph: Graph, groups: Sequence[ClauseGroup], late: Callable[[], bool]
) -> list[ClauseGroup]:
    """Drop the clauses that linear bounds of the outputs refute.

    Args:
        groups: Clauses and their boxes.
        late: Whether to stop; the remaining groups are returned unchanged.

    Sound: yes, a clause is dropped only where the bounds prove it infeasible. Complete: no.
    Cost: one pass of linear bounds a box, many boxes at once.
    """
    if len(groups) < MANY:
        return list(groups)
    left: list[ClauseGroup] = []
    small = [g for g in groups if len(g.roots.lo) <= FEW_ROOTS]
    left += [g for g in groups if len(g.roots.lo) > FEW_ROOTS]
    for start in range(0, len(small), AT_ONCE):
        part = small[start : start + AT_ONCE]
        left += part if late() else _unrefuted(graph, part)
    return left


def _unrefuted(graph: Graph, groups: Sequence[ClauseGroup]) -> list[ClauseGroup]:
    lo, hi = (np.concatenate([getattr(g.roots, side) for g in groups]) for side in ("lo", "hi"))
    least, most = bounds(graph, lo, hi, "linear")[graph.output]
    least = np.concatenate([lo, np.where(np.isnan(least), -np.inf, least)], axis=1)
    most = np.concatenate([hi, np.where(np.isnan(most), np.inf, most)], axis=1)
    left, row = [], 0
    for group in groups:
        rows = range(row, row + len(group.roots.lo))
        row += len(group.roots.lo)
        kept = [
            k
            for k, clause in enumerate(group.clauses)
            if not all(_ruled_out(clause, least[i], most[i]) for i in rows)
        ]
        if kept:
            clauses = [group.clauses[k] for k in kept]
            left.append(replace(group, clauses=clauses, strict=group.strict[kept]))
    return left


def _ruled_out(clause: Sequence[Formula], lo: np.ndarray, hi: np.ndarray) -> bool:
    return any(holds(part, lo, hi) is False for part in clause)


class NothingOpen(Search):
    """What is left where no box is: nothing to do.

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
        """Nothing can be left half done."""
