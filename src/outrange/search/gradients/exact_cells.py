"""Exact derivatives of a network on a small box, by the cells of its hyperplane arrangement.

The unstable units of a box have finitely many activation patterns. If the derivative of a pattern
could change the result, the pattern is followed layer by layer in exact arithmetic. It is pruned as
soon as a linear program in rationals proves that no open set of inputs has it. The remaining cells
exist, and their derivatives are computed exactly. A continuous function is non-decreasing along an
input if it is non-decreasing on every cell. The slope of a smooth curve is only known to lie in a
range. Its value has no affine form, so patterns of later units that depend on it are not pruned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np

from ...core import Bounds, check_deadline
from ...domains.tangents import TangentPlan, tangents
from ...ops import Affine, Curve, Product
from .exact_affine import AffineForms, ArrangementCell, ExactGraph, RationalPoint, positive_in
from .objectives import AT_ONCE, Objectives
from .pieces import Unit, curve_of, gaps_touched, lines_of, open_units


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
        count = int(combinations)
        patterns = np.array(list(product(*(gaps for _, _, gaps in units))), np.int64)
        patterns = patterns.reshape(count, len(units))
        least = np.concatenate([
            self._slopes(patterns[i : i + self._together], units, slopes)
            for i in range(0, count, self._together)
        ])  # fmt: skip
        cells = _CellEnumeration(self, lo, hi, ends, units, patterns, least < cutoff, least)
        complete = cells.run()
        self._on_patterns += CELL * cells.count if count > FEW_PATTERNS else 0.0
        if not complete:
            return None
        seen = np.where(cells.needs, np.inf, least)
        lowest = np.minimum(seen.min(axis=0), cells.least)
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


@dataclass(eq=False)
class _Branch:
    """The cells on which the units processed so far lie on given linear pieces.

    Args:
        values: The affine forms of each value computed so far; None for a value without such forms.
        rows: Indices of the patterns that are still possible.
        limits: Forms that are positive on these cells.
        at: A point of these cells.
        chosen: The number of units of the next curve whose linear pieces are already chosen.
    """

    values: list[AffineForms | None]
    rows: np.ndarray
    limits: list[list[int]]
    at: RationalPoint
    chosen: int = 0


class _CellEnumeration:
    """Depth-first enumeration of a box's cells, over its unstable units in the graph's order."""

    def __init__(
        self,
        leaves: ExactCells,
        lo: np.ndarray,
        hi: np.ndarray,
        ends: list[Bounds],
        units: list[Unit],
        patterns: np.ndarray,
        needs: np.ndarray,
        least: np.ndarray,
    ) -> None:
        self.leaves, self.graph, self.ends = leaves, leaves.graph, ends
        self.units, self.patterns, self.needs = units, patterns, needs
        self.least = np.full(needs.shape[1], np.inf)
        self.points: list[tuple[int, np.ndarray]] = []
        self._bounds = least
        free = lo < hi
        self._cell_of = ArrangementCell(lo[free], hi[free])
        self._free, self._at = free, lo
        self._exact = ExactGraph(self.graph, np.where(free, np.nan, lo))
        self._rank = {int(i): n for n, i in enumerate(np.flatnonzero(free))}
        self._places: defaultdict[int, list[int]] = defaultdict(list)
        """Positions of each curve's units in the list of all units."""
        for place, (v, _, _) in enumerate(units):
            self._places[v].append(place)
        self.count = 0

    def run(self) -> bool:
        """Enumerate the cells of all patterns in `needs`, whose bounds are below a cutoff.

        Return whether there are at most `MOST_CELLS` cells.

        Branches are stored in a list: a network may be deeper than Python's stack.
        """
        rows = np.flatnonzero(self.needs.any(axis=1))
        waiting = [_Branch([self._exact.inputs()], rows, [], self._cell_of.middle)]
        while rows.size and waiting and self.count <= MOST_CELLS:
            check_deadline()
            waiting += reversed(self._follow(waiting.pop()))
        return self.count <= MOST_CELLS

    def _follow(self, branch: _Branch) -> list[_Branch]:
        """Compute values up to the next unstable unit; return a branch for each possible piece.

        A branch that reaches the output is a cell; it has no further branches.
        """
        values = branch.values
        for value in range(len(values), len(self.graph.nodes) + 1):
            node = self.graph.nodes[value - 1]
            before = [values[j] for j in node.inputs]
            if isinstance(node.op, Curve):
                places = self._places[value]
                if branch.chosen < len(places):
                    return list(self._choices(branch, before[0], places[branch.chosen]))
                values.append(self._curve(value, before[0], places, branch.rows))
                branch.chosen = 0
                continue
            forms = [form for form in before if form is not None]
            exact = len(forms) == len(before) and self._exact.knows(value)
            values.append(self._exact.affine(value, forms) if exact else None)
        self._cell(values[self.graph.output], branch.rows, branch.limits)
        return []

    def _choices(
        self, branch: _Branch, before: AffineForms | None, place: int
    ) -> Iterator[_Branch]:
        """Yield a branch for every linear piece of `units[place]` that is still possible."""
        v, j, gaps = self.units[place]
        op = curve_of(self.graph, v)
        for gap in gaps:
            rows = branch.rows[self.patterns[branch.rows, place] == gap]
            if not rows.size:
                continue
            more = [] if before is None else positive_in(op, before, j, gap)
            limits = [*branch.limits, *more]
            here: RationalPoint | None = branch.at
            if any(branch.at.value(row) <= 0 for row in more):
                here = self._cell_of.point(limits)
            if here is not None:
                yield _Branch([*branch.values], rows, limits, here, branch.chosen + 1)

    def _curve(
        self, value: int, before: AffineForms | None, places: list[int], rows: np.ndarray
    ) -> AffineForms | None:
        """Compute the affine forms of a curve on the chosen linear pieces.

        Return None if the source has no forms, or the curve's lines are not exact.
        """
        op = curve_of(self.graph, value)
        if before is None or not op.has_exact_lines:
            return None
        low, high = self.ends[self.graph.nodes[value - 1].inputs[0]]
        gaps = np.array([gaps_touched(op, a, b)[0] for a, b in zip(low, high, strict=True)])
        for place in places:
            gaps[self.units[place][1]] = self.patterns[rows[0], place]
        return self._exact.curve(value, before, gaps)

    def _cell(self, output: AffineForms | None, rows: np.ndarray, limits: list) -> None:
        """Update the least values with the exact slopes of a cell.

        Store a point of the cell for each new least value.
        """
        self.count += 1
        point = self._cell_of.point(limits, best=True)
        assert point is not None
        x = self._at.copy()
        x[self._free] = [float(Fraction(c, point.over)) for c in point.whole]
        derivatives = self.leaves.derivatives

        def slopes(form: int) -> list[Fraction | None]:
            assert output is not None
            row = output.row(form)
            ranks = [self._rank.get(int(i)) for i in derivatives.directions]
            return [None if r is None else Fraction(row[r], 1 << output.scale) for r in ranks]

        for k in np.flatnonzero(self.needs[rows].any(axis=0)):
            value = None if output is None else derivatives.exact(int(k), slopes)
            if value is None:
                value = float(self._bounds[rows, k].min())
            if value < self.least[k]:
                self.least[k] = value
                self.points.append((int(k), x))
