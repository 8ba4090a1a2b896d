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

from ...core import Bounds, OutOfTime, check_deadline, deadline
from ...domains import bounds
from ...graph import Graph
from ...graph.measure import measure
from ...graph.rewrites.rewrite import piecewise_to_pairs
from ...ops import Affine, Curve, Rearrange
from ...search.common.clause_groups import ClauseGroup
from ...search.gradients.exact_affine import AffineForms, ArrangementCell, ExactGraph, positive_in
from ...search.gradients.pieces import curve_of, gaps_touched


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
                if not _Box(self, low, high, ends, undecided).is_empty():
                    return False
                continue
            parts = _bisect(low, high)
            if parts is None:
                return False
            waiting += [(a, b, patterns, stuck) for a, b in parts]
        return True

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


class _Box:
    """Enumeration of the linear regions in a box, depth first over the undecided units."""

    def __init__(
        self,
        within: _Regions,
        lo: np.ndarray,
        hi: np.ndarray,
        ends: list[Bounds],
        undecided: np.ndarray,
    ) -> None:
        self.within, self.graph, self.ends, self.asked = within, within.graph, ends, undecided
        free = lo < hi
        self.cell = ArrangementCell(lo[free], hi[free])
        self.exact = ExactGraph(self.graph, np.where(free, np.nan, lo))

    def is_empty(self) -> bool:
        """Return whether it is proved that no clause holds anywhere in the box.

        The result is False if a clause holds, or if the number of regions exceeds its limit.
        """
        return self._continue(1, [self.exact.inputs()], [])

    def _continue(self, value: int, values: list[AffineForms], limits: list[list[int]]) -> bool:
        """Return whether it is proved that no clause holds in a region or its subregions.

        The forms of the graph's values from `value` on are appended to `values`. The region is the
        part of the box where the forms `limits` are positive.
        """
        check_deadline()
        while value <= len(self.graph.nodes):
            node = self.graph.nodes[value - 1]
            before = [values[j] for j in node.inputs]
            if isinstance(node.op, Curve):
                op, (low, high) = node.op, self.ends[node.inputs[0]]
                gaps = [gaps_touched(op, a, b) for a, b in zip(low, high, strict=True)]
                undecided = [j for j, some in enumerate(gaps) if len(some) > 1]
                if undecided:
                    return self._choose(value, values, gaps, undecided, limits)
                result = self.exact.curve(value, before[0], np.array([g[0] for g in gaps], int))
            else:
                result = self.exact.affine(value, before)
            values.append(result)
            value += 1
        self.within.regions += 1
        if self.within.regions > self.within.most_regions:
            return False
        output = values[self.graph.output]
        below = ([-c for c in output.row(k)] for k in self.asked.tolist())
        return all(self.cell.point([*limits, row]) is None for row in below)

    def _choose(
        self,
        value: int,
        values: list[AffineForms],
        gaps: list[list[int]],
        undecided: list[int],
        limits: list[list[int]],
    ) -> bool:
        """Continue the enumeration with every combination of pieces for a curve's undecided units.

        Returns whether it is proved that no clause holds for any combination.
        """
        op = curve_of(self.graph, value)
        before = values[self.graph.nodes[value - 1].inputs[0]]
        if not undecided:
            after = self.exact.curve(value, before, np.array([g[0] for g in gaps], int))
            return self._continue(value + 1, [*values, after], limits)
        j, *others = undecided
        for gap in gaps[j]:
            more = positive_in(op, before, j, gap)
            if more and self.cell.point([*limits, *more]) is None:
                continue
            chosen = [*gaps[:j], [gap], *gaps[j + 1 :]]
            if not self._choose(value, values, chosen, others, [*limits, *more]):
                return False
        return True
