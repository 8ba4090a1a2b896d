"""Parts of a graph in which every entry may hang on one entry of one value, found backwards.

A region may have any number of values on its way back to the first value that all of it hangs on.
From there on it only grows by a few nonlinear ops: facts of longer compositions are sharper, but
their derivatives grow with each op, so that a chain is cut into curves of bounded length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from ...ops import Rearrange
from ...ops.pointwise.op import Pointwise
from ..graph import Node
from .entrywise import MOST_VALUES, is_bent, is_entrywise


MOST_BENT = 8
"""Nonlinear ops in a region that could end earlier: so many take a quarter of a second."""


@dataclass(frozen=True, eq=False)
class FusedRegion:
    """Values that become curves of the value `root`; the last of them is what is computed.

    Args:
        root: The value that everything hangs on.
        inner: The values that hang on it, rising.
        bent: How many of them are functions that are not affine.
        forced: Whether one of them has no other form.
    """

    root: int
    inner: tuple[int, ...]
    bent: int
    forced: bool


def regions(nodes: Sequence[Node], v: int, readers: Sequence[Set[int]] | None) -> list[FusedRegion]:
    """Candidates that end at `v`: most nonlinear ops first, then the smallest.

    Args:
        nodes: Of the graph.
        v: The value.
        readers: Of every value, the values that read it: who is read from outside stays out.
            None: nobody else counts.
    """
    found = list(_grown(nodes, {v}, _sources(nodes, v), readers))
    return sorted(found, key=lambda r: (-r.bent, len(r.inner)))


def has_region(nodes: Sequence[Node], v: int) -> bool:
    """Whether any region ends at `v`, whoever reads what is in it: a quick first look."""
    return next(_grown(nodes, {v}, _sources(nodes, v), None), None) is not None


def regions_behind(nodes: Sequence[Node], values: Sequence[int]) -> list[FusedRegion]:
    """Candidates of an op that would read `values` and has no other form; it is not in them."""
    return list(_grown(nodes, set(), set(values), None, forced=True, bent=1))


def _grown(
    nodes: Sequence[Node],
    inner: set[int],
    frontier: set[int],
    readers: Sequence[Set[int]] | None,
    forced: bool = False,
    bent: int = 0,
) -> Iterator[FusedRegion]:
    """Regions from the smallest on, each of which holds those before."""
    ends_here = False
    for v in inner:
        forced, bent = forced or _is_forced(nodes, v), bent + is_bent(nodes[v - 1].op)
    while frontier and len(inner) < MOST_VALUES:
        w = max(frontier)
        if len(frontier) == 1 and (forced or bent > 1):
            yield FusedRegion(w, tuple(sorted(inner)), bent, forced)
            ends_here = True
        if w == 0 or not is_entrywise(nodes[w - 1].op):
            return
        if readers is not None and not readers[w] <= inner:
            return
        inner.add(w)
        frontier = (frontier - {w}) | _sources(nodes, w)
        forced, bent = forced or _is_forced(nodes, w), bent + is_bent(nodes[w - 1].op)
        if ends_here and bent > MOST_BENT:
            return


def _is_forced(nodes: Sequence[Node], v: int) -> bool:
    return isinstance(nodes[v - 1].op, Pointwise)


def has_other_form(nodes: Sequence[Node], region: FusedRegion) -> bool:
    """Whether all of a region may as well stay as it is."""
    ops = [nodes[w - 1].op for w in region.inner]
    return all(op.otherwise is not None for op in ops if isinstance(op, Pointwise))


def _sources(nodes: Sequence[Node], v: int) -> set[int]:
    """What a value depends on; a constant depends on nothing."""
    node = nodes[v - 1]
    reads = node.op.reads if isinstance(node.op, Rearrange) else range(len(node.inputs))
    return {node.inputs[i] for i in reads}
