"""Exact derivatives of a network on a small box, by the cells of its hyperplane arrangement.

The unstable units of a box have finitely many activation patterns. If the derivative of a pattern
could change the result, its cells (linear regions) are enumerated, and their derivatives are
computed exactly. A continuous function is non-decreasing along an input if it is non-decreasing on
every cell. The slope of a smooth curve is only known to lie in a range.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np

from ...core import Bounds, check_deadline
from ...domains.tangents import TangentPlan, tangents
from ...ops import Affine, Curve, Product
from ..exact_regions.enumeration import ExactRegion, RegionEnumeration, all_patterns
from ..exact_regions.forms import AffineForms
from ..exact_regions.pieces import Unit, curve_of, lines_of, open_units
from .objectives import AT_ONCE, Objectives


FEW_PATTERNS = 1 << 8
"""Maximum number of patterns for which enumerating a box's cells costs no more than splitting it.
"""

MOST_PATTERNS = 1 << 16
"""Number of patterns above which a box is always split, since the bounds of all patterns are in
memory together."""

MOST_CELLS = 1 << 13
"""Number of cells above which a box is split after all: each cell takes a millisecond or two, while
other boxes wait."""

TOGETHER = 1 << 11
"""Maximum number of patterns whose slopes are bounded in one pass, if memory allows."""

BOX, PATTERN, CELL = 4.0, 0.06, 1.5
"""Costs of a box, a pattern and a cell, in milliseconds on a 2024 CPU core. Work is measured in
these constants, not by a clock, so that it is the same in every run."""

HEAD_START, SHARE = 2000.0, 0.5
"""Limit on the work spent on boxes with many patterns: an initial allowance in milliseconds, plus
this fraction of the work spent on all boxes. Splitting boxes is faster for some networks, and
enumerating cells for others."""


@dataclass(frozen=True, eq=False)
class CellBounds:
    """Lower bounds on the derivative objectives over one box.

    Args:
        least: `(m,)` proved lower bounds of the objectives on the box.
        points: Pairs `(k, x)`: `x` is a point inside a cell on which objective `k` was lower than
            on all earlier cells.
        settled: Whether `least` cannot be improved: it is attained, or reaches the cutoff.
    """

    least: np.ndarray
    points: list[tuple[int, np.ndarray]]
    settled: bool


class ExactCells:
    """Enumeration of the linear regions of small boxes, with a work budget for all boxes.

    Args:
        plan: Tangent plan of a graph without a `Largest`.
    """

    def __init__(self, plan: TangentPlan, derivatives: Objectives) -> None:
        self.plan, self.graph, self.derivatives = plan, plan.graph, derivatives
        curves = [n.op for n in self.graph.nodes if isinstance(n.op, Curve)]
        affine = [n.op for n in self.graph.nodes if isinstance(n.op, Affine)]
        # On a cell, the product of two values is not affine: its slope varies.
        self._has_products = any(isinstance(n.op, Product) for n in self.graph.nodes)
        self.is_straight = all(op.has_exact_lines for op in curves) and all(
            op.ulps == 0 for op in affine
        )
        self._on_boxes = self._on_patterns = 0.0
        entries = derivatives.directions.size * sum(node.size for node in self.graph.nodes)
        self._together = max(1, min(TOGETHER, AT_ONCE // max(1, 2 * entries)))

    def find(
        self,
        lo: np.ndarray,
        hi: np.ndarray,
        slopes: dict[int, Bounds],
        ends: list[Bounds],
        cutoff: np.ndarray,
    ) -> CellBounds | None:
        """Return bounds of the objectives on the box `[lo, hi]`, or None if the box must be split.

        A box must be split if it has too many patterns or cells, or if the work budget is used up.
        It must also be split if the graph has products, or has inexact ops while no unit of the box
        is unstable.

        Args:
            lo: Array of shape `(d,)`.
            hi: Array of shape `(d,)`.
            slopes: Slope ranges of every curve on the box, `(n,)` each.
            ends: Bounds of every value on the box, `(n,)` each.
            cutoff: `(m,)` cutoffs; bounds at or above them need no refinement.
        """
        if self._has_products:
            return None
        units = open_units(self.graph, slopes, ends)
        if not units and not self.is_straight:
            return None
        # Infinite from 2^1024 on; exact below MOST_PATTERNS.
        combinations = float(np.prod([len(gaps) for _, _, gaps in units], dtype=np.float64))
        self._on_boxes += BOX
        if combinations > FEW_PATTERNS:
            allowed = HEAD_START + SHARE * self._on_boxes
            if combinations > MOST_PATTERNS or self._on_patterns > allowed:
                return None
            self._on_patterns += PATTERN * combinations
        patterns = all_patterns(units)
        count = len(patterns)
        least = np.concatenate([
            self._slopes(patterns[i : i + self._together], units, slopes)
            for i in range(0, count, self._together)
        ])  # fmt: skip
        needs = least < cutoff
        regions = RegionEnumeration(self.graph, lo, hi, ends, units, patterns, MOST_CELLS)
        cells = _CellSlopes(regions, self.derivatives, needs, least)
        complete = regions.run(np.flatnonzero(needs.any(axis=1)), cells.visit)
        self._on_patterns += CELL * regions.count if count > FEW_PATTERNS else 0.0
        if not complete:
            return None
        lowest = np.minimum(np.where(needs, np.inf, least).min(axis=0), cells.least)
        return CellBounds(lowest, cells.points, self.is_straight or bool((lowest >= cutoff).all()))

    def _slopes(
        self, patterns: np.ndarray, units: list[Unit], slopes: dict[int, Bounds]
    ) -> np.ndarray:
        """Bound the objectives on each pattern, whether it exists or not, `(patterns, m)`."""
        check_deadline()
        slope_ranges: dict[int, Bounds] = {
            v: (np.repeat(least[None], len(patterns), 0), np.repeat(most[None], len(patterns), 0))
            for v, (least, most) in slopes.items()
        }
        for place, (v, j, _) in enumerate(units):
            steep = np.array([line[0] for line in lines_of(curve_of(self.graph, v))])
            for end in slope_ranges[v]:
                end[:, j] = steep[patterns[:, place]]
        zero = np.zeros((len(patterns), self.graph.size))
        tangent_ranges = tangents(
            self.plan, slope_ranges, [(zero, zero)], self.derivatives.directions
        )
        return self.derivatives.least(*tangent_ranges[self.graph.output])


class _CellSlopes:
    """The least exact value of every derivative objective over the cells visited so far.

    Args:
        needs: `(patterns, m)` mask of the objectives whose bounds on a pattern are too low.
        bounds: `(patterns, m)` bounds of the objectives on each pattern.
    """

    def __init__(
        self,
        regions: RegionEnumeration,
        derivatives: Objectives,
        needs: np.ndarray,
        bounds: np.ndarray,
    ) -> None:
        self._regions, self._derivatives = regions, derivatives
        self._needs, self._bounds = needs, bounds
        self.least = np.full(needs.shape[1], np.inf)
        self.points: list[tuple[int, np.ndarray]] = []
        self._rank = {int(i): n for n, i in enumerate(np.flatnonzero(regions.free))}

    def visit(self, region: ExactRegion) -> bool:
        """Update the least values with the slopes of a cell, and return True.

        Store a point of the cell for each new least value.
        """
        x = self._regions.point(region)
        for k in np.flatnonzero(self._needs[region.rows].any(axis=0)):
            value = None
            if region.output is not None:
                value = self._derivatives.exact(int(k), partial(self._slopes, region.output))
            if value is None:
                value = float(self._bounds[region.rows, k].min())
            if value < self.least[k]:
                self.least[k] = value
                self.points.append((int(k), x))
        return True

    def _slopes(self, output: AffineForms, form: int) -> list[Fraction | None]:
        """Return the slopes of an output along each direction; None along fixed inputs."""
        row = output.row(form)
        ranks = [self._rank.get(int(i)) for i in self._derivatives.directions]
        return [None if r is None else Fraction(row[r], 1 << output.scale) for r in ranks]
