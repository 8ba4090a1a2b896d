"""Enumeration of the linear regions of a network in a box, in rational arithmetic.

The undecided units of a box have finitely many activation patterns. The patterns are followed layer
by layer in exact arithmetic. A branch is pruned as soon as a linear program in rationals proves
that no open set of inputs has its pattern. So every region that is visited has an interior, and no
region with an interior is omitted. A value has no affine form if it depends on a smooth curve; then
no later unit that depends on it is pruned.

Reference: H.-D. Tran et al., *Star-based reachability analysis of deep neural networks*, FM 2019.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from ...core import Bounds, check_deadline
from ...graph import Graph
from ...ops import Curve
from .forms import AffineForms, ArrangementCell, ExactGraph, RationalPoint, positive_in
from .pieces import Unit, curve_of, gaps_touched


@dataclass(frozen=True, eq=False)
class ExactRegion:
    """A part of a box on which the units lie on given linear pieces.

    Args:
        rows: Indices of the patterns of the region. There may be several if a value has no affine
            form.
        limits: Forms that are positive inside the region.
        output: Affine forms of the graph's output; None if it has none.
    """

    rows: np.ndarray
    limits: list[list[int]]
    output: AffineForms | None


@dataclass(eq=False)
class _Branch:
    """The regions on which the units processed so far lie on given linear pieces.

    Args:
        values: The affine forms of each value computed so far; None for a value without such forms.
        rows: Indices of the patterns that are still possible.
        limits: Forms that are positive in these regions.
        at: A point of these regions.
        chosen: The number of units of the next curve whose linear pieces are already chosen.
    """

    values: list[AffineForms | None]
    rows: np.ndarray
    limits: list[list[int]]
    at: RationalPoint
    chosen: int = 0


def all_patterns(units: list[Unit]) -> np.ndarray:
    """Return every combination of linear pieces of the units, `(patterns, units)`."""
    patterns = np.array(list(product(*(gaps for _, _, gaps in units))), np.int64)
    return patterns.reshape(len(patterns), len(units))


class RegionEnumeration:
    """Depth-first enumeration of the linear regions in a box, over units in the graph's order.

    Args:
        lo: Array of shape `(d,)`.
        hi: Array of shape `(d,)`.
        ends: Bounds of every value on the box, `(n,)` each.
        units: The units that are not on one linear piece of their curve.
        patterns: `(P, len(units))` combinations of linear pieces.
        most: Maximum number of regions.
    """

    def __init__(
        self,
        graph: Graph,
        lo: np.ndarray,
        hi: np.ndarray,
        ends: list[Bounds],
        units: list[Unit],
        patterns: np.ndarray,
        most: int,
    ) -> None:
        self.graph, self.ends, self.units, self.patterns = graph, ends, units, patterns
        self.most, self.count = most, 0
        self.free, self._lo = lo < hi, lo
        self.cell = ArrangementCell(lo[self.free], hi[self.free])
        self._exact = ExactGraph(graph, np.where(self.free, np.nan, lo))
        self._places: defaultdict[int, list[int]] = defaultdict(list)
        """Positions of each curve's units in the list of all units."""
        for place, (v, _, _) in enumerate(units):
            self._places[v].append(place)

    def run(self, rows: np.ndarray, visit: Callable[[ExactRegion], bool]) -> bool:
        """Visit every region; return whether the enumeration is complete.

        Branches are stored in a list: a network may be deeper than Python's stack.

        Args:
            rows: Indices of the patterns to enumerate.
            visit: Called with each region; False ends the enumeration.
        """
        waiting = [_Branch([self._exact.inputs()], rows, [], self.cell.middle)]
        while rows.size and waiting:
            check_deadline()
            branch = waiting.pop()
            choices = self._follow(branch)
            if choices is not None:
                waiting += reversed(choices)
                continue
            self.count += 1
            region = ExactRegion(branch.rows, branch.limits, branch.values[self.graph.output])
            if self.count > self.most or not visit(region):
                return False
        return True

    def point(self, region: ExactRegion) -> np.ndarray:
        """Return a float64 point `(d,)` well inside a region."""
        inside = self.cell.point(region.limits, best=True)
        assert inside is not None
        x = self._lo.copy()
        x[self.free] = inside.as_floats()
        return x

    def _follow(self, branch: _Branch) -> list[_Branch] | None:
        """Compute values up to the next undecided unit; return a branch for each possible piece.

        Return None if the branch has reached the output.
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
        return None

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
                here = self.cell.point(limits)
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
