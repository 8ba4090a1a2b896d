"""Exact decision, in rational arithmetic, of conditions whose threshold is attained.

Bounds in float64 miss such a threshold by their rounding error, however small the boxes. Therefore
a piecewise-linear network is evaluated exactly. The input set is bisected until bounds decide a box
or few activation patterns remain in it. For a given pattern, the values are linear forms with
integer coefficients, and a rational linear program decides whether the condition holds at any input
with this pattern.

Sound: if a strict condition on continuous functions holds anywhere, it holds on an open set of
inputs, and therefore inside some linear region. No region with an interior is omitted, and nothing
is rounded. Complete: no, because of the limits below. Cost: a linear program per region and
undecided unit.

Reference: H.-D. Tran et al., *Star-based reachability analysis of deep neural networks*, FM 2019.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core import Bounds, OutOfTime, deadline
from ...domains import bounds
from ...graph import Graph
from ...graph.measure import measure
from ...graph.rewrites.rewrite import piecewise_to_pairs
from ...ops import Affine, Curve, Rearrange
from ...search.common.clause_groups import ClauseGroup
from ...search.exact_regions.enumeration import ExactRegion, RegionEnumeration, all_patterns
from ...search.exact_regions.pieces import undecided_units


METHOD = "linear regions in rational arithmetic (Tran et al. 2019)"

MOST_BOXES, MOST_REGIONS = 1 << 9, 1 << 10
"""Maximum number of boxes that are bounded, and of linear regions, for one group of clauses."""

MOST_WORK = 1 << 20
"""Limit on the number of boxes, or of regions, times the number of coefficients of the graph.

Larger graphs therefore get fewer boxes and regions. The whole computation takes a few seconds.
"""

MOST_PATTERNS = 1 << 6
"""A box with at most this many activation patterns is not bisected: its patterns are enumerated."""

MOST_STUCK = 1 << 12
"""Limit that replaces `MOST_PATTERNS` for boxes in which one bisection per input has decided no
unit.

Around the origin, the units of a network without biases are undecided in every box, but most of
their patterns contain no point.
"""

MOST_COEFFICIENTS = 1 << 16
"""Number of coefficients above which exact forms are not tried, since each region would take
seconds."""


def never_below(
    graph: Graph,
    groups: Sequence[ClauseGroup],
    seconds: float | None,
    patterns: int = MOST_PATTERNS,
) -> bool:
    """Return whether it is proved that no clause of any group holds at any input.

    Args:
        graph: The network under study.
        groups: Clauses and their boxes.
        seconds: Time limit in seconds; None for no limit.
        patterns: Maximum number of activation patterns of a box; a box with more is bisected.
    """
    try:
        with deadline(seconds):
            return all(_Regions(graph, group, patterns).is_empty() for group in groups)
    except (OutOfTime, KeyboardInterrupt):  # The result of the search is still an answer.
        return False


class _Regions:
    """Search of the linear regions of a network for a point at which a clause holds."""

    def __init__(self, graph: Graph, group: ClauseGroup, patterns: int) -> None:
        self.roots, self.most_patterns = group.roots, patterns
        is_strict = bool(np.all(group.strict)) and not group.distances
        self.graph = piecewise_to_pairs(measure(graph, group.clauses)) if is_strict else graph
        coefficients = _coefficients(self.graph) if is_strict else None
        self.known = coefficients is not None and coefficients <= MOST_COEFFICIENTS
        few = MOST_WORK // max(1, coefficients or 1)
        self.most_boxes, self.most_regions = min(MOST_BOXES, few), min(MOST_REGIONS, few)
        self.regions = 0

    def is_empty(self) -> bool:
        """Return whether it is proved that no clause holds in any region.

        The result is False in all other cases, for example if a limit is reached.
        """
        lo, hi, whole = self.roots.lo, self.roots.hi, self.roots.whole
        if not self.known or not np.isfinite([lo, hi]).all() or np.any((lo < hi) & whole):
            return False
        waiting, bounded = [(low, high, np.inf, 0) for low, high in zip(lo, hi, strict=True)], 0
        while waiting:
            bounded += 1
            if bounded > self.most_boxes or self.regions > self.most_regions:
                return False
            low, high, before, stuck = waiting.pop()
            ends = [(a[0], b[0]) for a, b in bounds(self.graph, low[None], high[None], "linear")]
            if any(np.isnan(end).any() for both in ends for end in both):
                return False
            undecided = np.flatnonzero(~(ends[self.graph.output][0] >= 0.0))
            if not undecided.size:
                continue
            free, patterns = np.count_nonzero(low < high), self._patterns(ends)
            stuck = 0 if patterns < before else stuck + 1
            # Each side has been bisected, and no unit was decided.
            most = MOST_STUCK if stuck >= free else self.most_patterns
            if free and patterns <= most:
                if not self._is_box_empty(low, high, ends, undecided):
                    return False
                continue
            parts = _bisect(low, high)
            if parts is None:
                return False
            waiting += [(a, b, patterns, stuck) for a, b in parts]
        return True

    def _is_box_empty(
        self, lo: np.ndarray, hi: np.ndarray, ends: list[Bounds], undecided: np.ndarray
    ) -> bool:
        """Return whether it is proved that no clause of `undecided` holds anywhere in a box.

        The result is False if a clause holds, or if the number of regions exceeds its limit.
        """
        units = undecided_units(self.graph, ends)
        patterns, left = all_patterns(units), self.most_regions - self.regions
        regions = RegionEnumeration(self.graph, lo, hi, ends, units, patterns, left)

        def is_empty(region: ExactRegion) -> bool:
            assert region.output is not None  # The ops are exact; see `_coefficients`.
            below = ([-c for c in region.output.row(k)] for k in undecided.tolist())
            return all(regions.cell.point([*region.limits, row]) is None for row in below)

        complete = regions.run(np.arange(len(patterns)), is_empty)
        self.regions += regions.count
        return complete

    def _patterns(self, ends: list[Bounds]) -> float:
        count = 1.0
        for node in self.graph.nodes:
            if isinstance(node.op, Curve):
                lo, hi = ends[node.inputs[0]]
                bends = sum(((lo < knot) & (knot < hi)).astype(int) for knot in node.op.knots)
                count *= float(np.prod(1.0 + bends))
        return count


def _coefficients(graph: Graph) -> int | None:
    """Return the number of coefficients of a graph.

    The result is None if the graph is not continuous and piecewise linear, or if it has rounded
    coefficients.
    """
    total = 0
    for node in graph.nodes:
        op = node.op
        if isinstance(op, Affine):
            total += op.size * sum(op.sizes)
            if not op.plain or op.ulps or not np.isfinite(op.bias).all():
                return None
        elif isinstance(op, Curve):
            is_cut = bool(op.jumps or op.holes) or not np.isinf(op.on).all()
            if is_cut or not op.has_exact_lines:
                return None
        elif not isinstance(op, Rearrange):
            return None
    return total


def _bisect(lo: np.ndarray, hi: np.ndarray) -> list[Bounds] | None:
    """Bisect a box along its longest side; None if no float64 number lies inside this side."""
    i = int(np.argmax(hi - lo))
    middle = 0.5 * lo[i] + 0.5 * hi[i]
    if not lo[i] < middle < hi[i]:
        return None
    at = np.arange(lo.size) == i
    return [(lo, np.where(at, middle, hi)), (np.where(at, middle, lo), hi)]
