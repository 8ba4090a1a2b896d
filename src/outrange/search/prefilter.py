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
from .common.domain_boxes import DomainBoxes
from .common.incumbent import Incumbent
from .common.parallel import parallel_map, single_blas_thread
from .common.search import Search
from .portfolio import FEW_INPUTS


MANY = 16
"""With fewer groups than this, or boxes of one group, each is searched directly."""

FEW_ROOTS = 32
"""Groups of more boxes than this are searched: their boxes are bounded together anyway."""

AT_ONCE = 256

ENTRIES = 1 << 21
"""Entries of all values in the boxes bounded at once."""

HALVINGS, WIDER = 8, 3
"""How often boxes of one free input are halved, and the growth of their number that ends it."""

METHODS = ("bounds of all boxes at once: intervals, then forward forms (DeepZ, Singh et al. 2018)",)


def drop_refuted(
    graph: Graph, groups: Sequence[ClauseGroup], late: Callable[[], bool]
) -> list[ClauseGroup]:
    """Drop the clauses that linear bounds of the outputs refute.

    Args:
        graph: The network.
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


def open_boxes(
    asked: Graph, roots: DomainBoxes, target: np.ndarray, late: Callable[[], bool]
) -> tuple[DomainBoxes, np.ndarray]:
    """The boxes on which cheap bounds leave some output below its target.

    Boxes of one free input are halved while that closes some: in small boxes forms are nearly
    exact, and all boxes are bounded at once.

    Args:
        asked: What is to be bounded.
        roots: The boxes.
        target: `(m,)` of the outputs.
        late: Whether to stop; the remaining boxes are returned.

    Returns:
        The boxes, or parts of them, and what is proved of every output on all else, `(m,)`.

    Sound: yes, a box is dropped only where the bounds of all outputs reach their targets. Complete:
    no. Cost: a forward pass for each free input of a box, and two more.
    """
    apart = np.full(target.size, np.inf)
    if len(roots.lo) < MANY:
        return roots, apart

    def kept(boxes: DomainBoxes, domain: str) -> DomainBoxes:
        nonlocal apart
        boxes, least = _unclosed(asked, boxes, target, late, domain)
        apart = np.minimum(apart, least)
        return boxes

    left = kept(kept(roots, "intervals"), "forward")
    most = WIDER * max(1, len(left.lo))
    for _ in range(HALVINGS):
        free = left.lo < left.hi
        line = (free.sum(axis=1) == 1) & ~(left.whole & free).any(axis=1)
        if not line.any() or len(left.lo) + line.sum() > most or late():
            break
        halves = kept(_halved(left.with_ends(left.lo[line], left.hi[line])), "forward")
        ends = (
            np.concatenate([whole[~line], half])
            for whole, half in ((left.lo, halves.lo), (left.hi, halves.hi))
        )
        left = left.with_ends(*ends)
    return left, apart


def _halved(boxes: DomainBoxes) -> DomainBoxes:
    """Both halves of boxes of one free input."""
    lo, hi = boxes.lo, boxes.hi
    middle = np.where(lo < hi, 0.5 * lo + 0.5 * hi, hi)
    upper = np.where(lo < hi, middle, lo)
    return boxes.with_ends(np.concatenate([lo, upper]), np.concatenate([middle, hi]))


def _unclosed(
    asked: Graph,
    boxes: DomainBoxes,
    target: np.ndarray,
    late: Callable[[], bool],
    domain: str,
) -> tuple[DomainBoxes, np.ndarray]:
    """Those that the bounds of a domain leave open, and what is proved on all the others."""
    free, total = (boxes.lo < boxes.hi).sum(axis=1), sum(node.size for node in asked.nodes)
    pieces: list[np.ndarray] = []
    # Boxes of as many free inputs: they have as many rows.
    for count in np.unique(free):
        alike = np.flatnonzero(free == count)
        step = max(1, ENTRIES // (total * (1 if domain == "intervals" else 2 + count)))
        pieces += [alike[start : start + step] for start in range(0, alike.size, step)]

    def least_of(some: np.ndarray) -> np.ndarray:
        if free[some[0]] > FEW_INPUTS or late():
            return np.full((some.size, target.size), -np.inf)
        ends = bounds(asked, boxes.lo[some], boxes.hi[some], domain)[asked.output]
        return np.where(np.isnan(ends[0]), -np.inf, ends[0])

    if not pieces:
        return boxes, np.full(target.size, np.inf)
    with single_blas_thread():
        found = parallel_map(least_of, pieces)
    order, least = np.concatenate(pieces), np.concatenate(found)
    shut = (least >= target).all(axis=1)
    left = np.sort(order[~shut])
    apart = least[shut].min(axis=0, initial=np.inf)
    return boxes.with_ends(boxes.lo[left], boxes.hi[left]), apart


class NothingOpen(Search):
    """What is left where no box is: nothing to do.

    Args:
        incumbent: Gets no points.
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
