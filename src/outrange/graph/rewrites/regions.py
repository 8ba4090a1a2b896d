"""Fusible regions: parts of a graph whose entries may each depend on one entry of one value.

Regions are found backwards. A region has at most `MOST_VALUES` values. Once it depends on a single
value, it grows only as long as it has at most `MOST_BENT` nonlinear ops. Bounds on longer
compositions are sharper, but the derivatives that prove them grow with each op. So a chain is
divided into curves of bounded length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from ...ops import Rearrange
from ...ops.pointwise.op import Pointwise
from ..graph import Node
from .entrywise import MOST_VALUES, is_bent, is_entrywise


MOST_BENT = 8
"""Largest number of nonlinear ops in a region that contains a smaller region with the same last
value. Analyzing that many takes about a quarter of a second."""


@dataclass(frozen=True, eq=False)
class FusedRegion:
    """Values that become curves of the value `root`; the last of them is the result.

    Args:
        root: The value that the whole region depends on.
        inner: The values of the region without the root, in ascending order.
        bent: The number of nonlinear ops in the region.
        forced: Whether one of the region's values is the result of a `Pointwise` op.
    """

    root: int
    inner: tuple[int, ...]
    bent: int
    forced: bool


def regions(nodes: Sequence[Node], v: int, readers: Sequence[Set[int]] | None) -> list[FusedRegion]:
    """Return regions that end at `v`, sorted from most to fewest nonlinear ops, then by size.

    Args:
        nodes: Nodes of the graph.
        v: The last value of the region.
        readers: For every value, the values that read it; a value with readers outside the region
            stays out. None ignores readers.
    """
    candidates = list(_grow(nodes, {v}, _sources(nodes, v), readers))
    return sorted(candidates, key=lambda r: (-r.bent, len(r.inner)))


def has_region(nodes: Sequence[Node], v: int) -> bool:
    """Return whether a fusible region may end at value `v`, regardless of which nodes read it.

    The result is a cheap necessary condition for fusion.
    """
    return next(_grow(nodes, {v}, _sources(nodes, v), None), None) is not None


def regions_behind(nodes: Sequence[Node], values: Sequence[int]) -> list[FusedRegion]:
    """Return regions that a new op could form with the ops that compute its inputs, `values`.

    The new op is counted as a nonlinear `Pointwise` op, but its value is not part of the regions.
    """
    return list(_grow(nodes, set(), set(values), None, forced=True, bent=1))


def _grow(
    nodes: Sequence[Node],
    inner: set[int],
    frontier: set[int],
    readers: Sequence[Set[int]] | None,
    forced: bool = False,
    bent: int = 0,
) -> Iterator[FusedRegion]:
    """Yield fusible regions grown backwards from `inner`; each contains the previous ones."""
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
    """Return whether every `Pointwise` op of a region can be replaced by its op `otherwise`."""
    ops = [nodes[w - 1].op for w in region.inner]
    return all(op.otherwise is not None for op in ops if isinstance(op, Pointwise))


def _sources(nodes: Sequence[Node], v: int) -> set[int]:
    """Return the values that a value depends on; a constant depends on none."""
    node = nodes[v - 1]
    reads = node.op.reads if isinstance(node.op, Rearrange) else range(len(node.inputs))
    return {node.inputs[i] for i in reads}
