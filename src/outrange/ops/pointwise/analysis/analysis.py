"""Properties of a function that no curve file defines, proved from its formula.

Reference: R. Moore, R. Kearfott, M. Cloud, *Introduction to Interval Analysis*, SIAM 2009.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ....core import UnsupportedError, up
from ....core.arrays import Elementwise
from ...curve import Curve
from ..domain import every_need
from ..expression import Expressions
from ..intervals import enclose
from ..nodes import Need
from ..precision import functions, slope_error, value_error
from ..values import definition, program
from .bends import Gap, Shape, Turns, gaps, measure, turns
from .cells import has_waves
from .crossings import WHOLE, Edge, Endless
from .ends import is_defined_outside, open_ends, restrict_to, with_outside
from .joints import Joints
from .pieces import CurvePiece, pieces


_MOST_KNOTS = 160
_LONGEST_NAME = 60

NOT_ZERO = 1e-300
"""Value of a curve at 0 if float64 computes 0 there and the function is not proved to be 0."""

_NO_STRETCH = 2.0**-100
"""Width up to which an interval is negligible: it then lies between the cells next to a pole."""


def analyze(t: Expressions, e: int, name: str = "") -> Curve:
    """Return an expression as a `Curve`: knots, bends, turns, jumps and errors, all of them proved.

    Enclosures of the first and second derivative over cells of the line give the sign of each.
    Cells are cut until the sign is known or does not matter, or until a limit is reached. The
    description (`on`) ends where the sign is still undecided, or where float64 overflows. Outside
    `on`, bounds on the values may be known (`beyond`).

    Sound: yes; `off` includes the error of undecided parts. Complete: no; a function with too many
    inflection points is refused. Cost: a few hundred cells, some milliseconds.

    Args:
        t: The table of the expression.
        e: Index of the expression.
        name: Name of the curve in reports; the formula by default.

    Returns:
        The curve; its `exact` is the formula.

    Raises:
        UnsupportedError: The function is defined nowhere, or its properties cannot be proved within
            the limits.

    Example:
        >>> t = Expressions()
        >>> facts = analyze(t, t.multiply(t.x, t.apply("sigmoid", t.x)))
        >>> [round(k, 6) for k in facts.knots], facts.bends
        ([-2.399357, 2.399357], ('cap', 'cup', 'cap'))
        >>> [round(k, 6) for k in facts.turns]
        [-1.278465]
    """
    name = name or t.show(e, _LONGEST_NAME)
    try:
        parts, left, right = _all_pieces(t, e)
        shapes = [measure(t, piece) for piece in parts]
        if not shapes:
            raise UnsupportedError("it is defined nowhere")
        value, restrictions = t.split(e)
        conditions = every_need(t, e)
        facts = _Facts(t, value, name, shapes, (left, right), conditions, restrictions)
        return facts.curve()
    except UnsupportedError as error:
        raise type(error)(f"the function {name} ({error})") from error


def _all_pieces(t: Expressions, e: int) -> tuple[list[CurvePiece], Edge, Edge]:
    """Return the pieces of the expression `e`, and the two edges between which they lie.

    The edges leave out any part of the line that has infinitely many branches.
    """
    left, right = WHOLE
    for _ in range(8):
        try:
            return pieces(t, e, left, right), left, right
        except Endless as error:
            lo, hi = max(error.lo, left.at), min(error.hi, right.at)
            left, right = Edge(lo, lo, lo), Edge(hi, hi, hi)
    raise UnsupportedError("it has too many branches")


_NEAR_END = 2.0**-20
"""Relative distance from an endpoint of a piece. Within this distance, a cell that cannot be
described is attributed to a pole of the function or of its slope at the endpoint."""

_MODERATE = 2.0**20
"""Limit on the absolute value of a function where its description ends. If the value reaches this
limit, the description is assumed to end because of an overflow.
"""


@dataclass(eq=False)
class _Facts:
    """A `Curve` under construction, with the properties of its expression collected so far.

    Args:
        t: The table of expressions.
        e: The expression, without the conditions in `restrictions`.
        shapes: The measured pieces of the expression, from left to right.
        looked_at: The edges between which the pieces were computed.
        needs: The conditions under which the expression and all its branches are defined.
        restrictions: The conditions among `needs` that cannot be read from `e`, because a rewriting
            removed a subexpression. The pieces satisfy them.
    """

    t: Expressions
    e: int
    name: str
    shapes: list[Shape]
    looked_at: tuple[Edge, Edge]
    needs: frozenset[Need]
    restrictions: tuple[Need, ...]
    stretches: list[tuple[Gap, Turns]] = field(default_factory=list)
    is_cut: bool = False
    """Whether the description ends where the absolute value of the function is below `_MODERATE`,
    so that overflow is not the cause."""

    def curve(self) -> Curve:
        """Assemble and return the `Curve`."""
        self.count = len(self.shapes)
        self.keep_connected()
        ends = self.shapes[0].piece.left, self.shapes[-1].piece.right
        lo, hi = self.reach(ends[0].at, ends[1].at)
        shapes = [s for s in self.shapes if s.piece.lo < hi and s.piece.hi > lo]
        if not (lo < hi and shapes):
            # A single point has no bends, and would be described as a line.
            raise UnsupportedError("its convexity is undecided everywhere")
        joints, cell_error = Joints(self.t, self.e, self.restrictions), 0.0
        for shape in shapes:
            parts = gaps(self.t, shape, max(shape.piece.lo, lo), min(shape.piece.hi, hi))
            self.stretches += zip(parts, turns(self.t, parts), strict=True)
            inside = (shape.cells.hi > lo) & (shape.cells.lo < hi)
            cell_error += float(shape.error_added[inside].sum())
        joints.join(self.stretches)
        if len(joints.knots) > _MOST_KNOTS:
            raise UnsupportedError(f"it bends more than {_MOST_KNOTS} times")
        off, ulps = value_error(self.t, shapes, lo, hi)
        off += 2.0 * (cell_error + joints.error_added)
        f, df = functions(self.t, shapes, [joints.starts(s.piece) for s in shapes[1:]])
        guarded = self.guard_zero(f, lo, hi)
        if guarded is not f:
            off += 2.0 * NOT_ZERO
        f = self.restrict_to_pieces(guarded, shapes)
        off = float(up(off, 2)) if off > 0 else 0.0
        if not np.isfinite(off):
            raise UnsupportedError("its float64 error has no bound")
        first, last = shapes[0].piece, shapes[-1].piece
        ends_left_out = open_ends(self.t, self.e, self.restrictions, f, first, last, (lo, hi))
        holes = (*joints.holes, *ends_left_out)
        # There may also be holes between pieces that were left out.
        is_whole = ends == self.looked_at and len(shapes) == len(self.shapes) and not holes
        is_whole = is_whole and is_defined_outside(self.t, self.needs, self.looked_at)
        if is_whole:
            f = with_outside(f, program(self.t, self.e), self.looked_at)
        elif any(shape.piece.lost for shape in shapes):
            f = restrict_to(f, (lo, hi), holes)
        lines = tuple(joints.lines)
        return Curve(
            name=self.name,
            f=f,
            df=df,
            knots=tuple(joints.knots),
            bends=tuple(joints.bends),
            turns=tuple(sorted({x + 0.0 for x in joints.turns})),
            on=(lo, hi),
            beyond=self.beyond(lo, hi) if is_whole else None,
            jumps=tuple(joints.jumps),
            exact=definition(self.t, self.e),
            ulps=ulps,
            off=off,
            slope_error=slope_error(self.t, shapes, lo, hi),
            lines=lines if any(x is not None for x in lines) else None,
            holes=holes,
            part=len(shapes) < self.count or self.is_cut,
        )

    def guard_zero(self, f: Elementwise, lo: float, hi: float) -> Elementwise:
        """Return `f`, modified so that it is 0 at 0 only if the function is exactly 0 there.

        The modified value is off by at most `NOT_ZERO` more than that of `f`.
        """
        zero = np.zeros(1)
        if not lo <= 0.0 <= hi or float(f(zero)[0]) != 0.0:
            return f
        for shape in self.shapes:
            e = shape.piece.expression
            if not shape.piece.left.before <= 0.0 <= shape.piece.right.after:
                continue
            low, high = enclose(self.t, e, 0.0, 0.0)
            if program(self.t, e)(zero)[0] == 0.0 and not low[0] == high[0] == 0.0:
                return lambda x: np.where((x == 0) & (f(x) == 0), NOT_ZERO, f(x))
        return f

    def restrict_to_pieces(self, f: Elementwise, shapes: list[Shape]) -> Elementwise:
        """Return `f`, modified to return NaN on the pieces that are not in `shapes`."""
        first, last = shapes[0], shapes[-1]
        least = -np.inf if first is self.shapes[0] else first.piece.lo
        most = np.inf if last is self.shapes[-1] else last.piece.hi
        if np.isinf(least) and np.isinf(most):
            return f
        return lambda x: np.where((least <= x) & (x <= most), f(x), np.nan)

    def keep_connected(self) -> None:
        """Keep only one run of adjacent pieces: the run that contains `x = 1`, or is nearest to it.

        Pieces that meet at a pole are adjacent.
        """
        groups = [[self.shapes[0]]]
        for shape in self.shapes[1:]:
            if shape.piece.left == groups[-1][-1].piece.right:
                groups[-1].append(shape)
            else:
                groups.append([shape])
        self.shapes = min(groups, key=lambda g: _distance(g[0].piece.lo, g[-1].piece.hi))

    def reach(self, lo: float, hi: float) -> tuple[float, float]:
        """Return an interval around 0 without broken cells (see `Shape`) other than tiny ones.

        If 0 is not inside `[lo, hi]`, the interval is around a point near the endpoint closer to 0.
        If its length is negligible, the result is an interval around 1 or -1 instead. The length is
        negligible at a pole where float64 overflows, such as that of `exp(1 / x)`.
        """
        stretch = self._around(0.0, lo, hi)
        for center in (1.0, -1.0):
            if stretch[1] - stretch[0] > _NO_STRETCH:
                break
            stretch = self._around(center, lo, hi)
        return stretch

    def _around(self, center: float, lo: float, hi: float) -> tuple[float, float]:
        """Return the largest part of `[lo, hi]` around `center` without broken cells (see `Shape`).

        If `center` is not inside `[lo, hi]`, a point near the endpoint closer to it is used
        instead. The call also sets `is_cut`. Tiny broken cells next to a pole are ignored.
        """
        center = float(np.clip(center, lo, hi))
        if center in (lo, hi):
            inwards = min(1.0, 0.5 * (hi - lo))
            center = lo + inwards if center == lo else hi - inwards
        self.is_cut = False
        for shape in self.shapes:
            f = program(self.t, shape.piece.expression)
            cells, ends = shape.cells, (shape.piece.lo, shape.piece.hi)
            for a, b in zip(cells.lo[shape.broken], cells.hi[shape.broken], strict=True):
                if b - a <= 2.0**-980 and (a in ends or b in ends):
                    continue  # such a cell at a pole contains only rounding
                if a < center < b:
                    raise UnsupportedError(
                        f"the sign of the second derivative from {a:.6g} to {b:.6g} could not "
                        "be determined"
                    )
                finite = bool(np.isfinite([a, b]).all()) and not has_waves(self.t, self.e)
                if finite and min(a - ends[0], ends[1] - b) > _NEAR_END * (1.0 + abs(a)):
                    self.is_cut |= bool((np.abs(f(np.array([a, b]))) < _MODERATE).all())
                if b <= center:
                    lo = max(lo, float(b))
                else:
                    hi = min(hi, float(a))
        return lo, hi

    # ---- the values far out -----------------------------------------------------------------

    def beyond(self, lo: float, hi: float) -> tuple[float, float]:
        """Return bounds on the function's values at all arguments."""
        ranges = [self._between(lo, hi)]
        for shape in self.shapes:
            cells = shape.cells
            out = (cells.lo >= hi) | (cells.hi <= lo)
            if out.any():
                ranges.append(self._tail(shape, cells.lo[out], cells.hi[out], lo, hi))
        left, right = self.looked_at
        for a, b in ((-np.inf, left.at), (right.at, np.inf)):
            if a < b:
                low, high = enclose(self.t, self.e, a, b)
                ranges.append((float(low[0]), float(high[0])))
        return min(x for x, _ in ranges), max(y for _, y in ranges)

    def _between(self, lo: float, hi: float) -> tuple[float, float]:
        """Bound the function on `[lo, hi]`, which the gaps in `stretches` cover.

        The bounds are taken from the values at endpoints and turns, and from enclosures over
        unbounded cells.
        """
        least, most = np.inf, -np.inf
        for gap, turn in self.stretches:
            e = gap.shape.piece.expression
            at = [x for x in (gap.lo, gap.hi, *turn.at) if np.isfinite(x)]
            edge = gap.shape.piece.left
            a, b = [*at, edge.before], [*at, edge.after]
            keep = [np.isfinite(x) for x in a]
            a, b = (np.array(x)[keep] for x in (a, b))
            low, high = enclose(self.t, e, a, b) if len(a) else (np.zeros(0), np.zeros(0))
            least, most = min([least, *low]), max([most, *high])
            for end, i, grows in ((gap.lo, 0, -turn.first), (gap.hi, -1, turn.last)):
                if not np.isfinite(end):
                    cells = gap.shape.cells
                    low, high = enclose(self.t, e, cells.lo[i], cells.hi[i])
                    least = min(least, float(low[0])) if grows <= 0 else least
                    most = max(most, float(high[0])) if grows >= 0 else most
        return float(least), float(most)

    def _tail(
        self, shape: Shape, a: np.ndarray, b: np.ndarray, lo: float, hi: float
    ) -> tuple[float, float]:
        """Bound the values of a piece in its cells outside `[lo, hi]`.

        If the function only rises, or only falls, outward from `lo` or `hi`, its value there is a
        bound.
        """
        e = shape.piece.expression
        low, high = (np.array(x) for x in enclose(self.t, e, a, b))
        rise, top = enclose(self.t, shape.slope, a, b)
        for right, edge in ((True, hi), (False, lo)):
            outside = (a >= hi) if right else (b <= lo)
            if outside.any() and shape.piece.lo <= edge <= shape.piece.hi:
                start, end = enclose(self.t, e, edge, edge)
                away = (rise >= 0) if right else (top <= 0)
                if away[outside].all():
                    low[outside] = np.maximum(low[outside], start[0])
                back = (top <= 0) if right else (rise >= 0)
                if back[outside].all():
                    high[outside] = np.minimum(high[outside], end[0])
        return float(low.min()), float(high.max())


def _distance(lo: float, hi: float) -> float:
    """Return the distance of the interval `[lo, hi]` from the number 1."""
    return max(lo - 1.0, 1.0 - hi, 0.0)
