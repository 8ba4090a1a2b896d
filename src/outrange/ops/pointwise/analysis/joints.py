"""The joint of two adjacent gaps of a function: a knot, a kink, a jump, a pole, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from ....core import UnsupportedError, up
from ..expression import Expressions
from ..intervals import enclose, fraction_ends
from ..nodes import Need
from .bends import Gap, Turns, open_cell_error
from .crossings import Edge
from .pieces import CurvePiece, is_undefined_at_knot, jumping


_CLOSE = 1e-9
"""Relative distance up to which two values are considered equal unless they are proved to differ.
Their difference is added to the error.
"""

_POLE_ULPS = 64
"""The position of a pole must be known to within this many units in the last place."""


@dataclass(eq=False)
class Joints:
    """The knots of a curve and its parts between them, collected from left to right.

    Args:
        table: The table of the expression.
        whole: Index of the expression.
        restrictions: Conditions of the function that cannot be read from the expression.
    """

    table: Expressions
    whole: int
    restrictions: tuple[Need, ...]
    error_added: float = 0.0
    knots: list[float] = field(default_factory=list)
    bends: list[str] = field(default_factory=list)
    lines: list[tuple[float, float] | None] = field(default_factory=list)
    turns: list[float] = field(default_factory=list)
    jumps: list[float] = field(default_factory=list)
    holes: list[float] = field(default_factory=list)
    thresholds: dict[float, float] = field(default_factory=dict)
    """Maps the edge at a jump to the first argument at which the piece after it is evaluated."""

    def starts(self, piece: CurvePiece) -> float:
        """Return the first argument at which a piece is evaluated."""
        return self.thresholds.get(piece.left.at, piece.left.at)

    def join(self, stretches: list[tuple[Gap, Turns]]) -> None:
        """Collect the properties of all gaps and of the joints between them, in order."""
        last: tuple[Gap, Turns] | None = None
        for gap, turn in stretches:
            self.error_added += turn.error_added
            if last is None or not self._is_same_line(last, gap, turn):
                self.bends.append(gap.bend)
                self.lines.append(_line(gap))
            self.turns += turn.at
            last = (gap, turn)

    def _is_same_line(self, last: tuple[Gap, Turns], gap: Gap, turn: Turns) -> bool:
        """Return whether two adjacent gaps form one line; if not, record the joint between them."""
        before, end = last
        if before.shape is gap.shape:
            self.knots.append(gap.lo)
            return False
        edge = gap.shape.piece.left
        if self._is_pole(before, gap):
            if edge.after - edge.before > _POLE_ULPS * np.spacing(abs(edge.at)):
                raise UnsupportedError(
                    f"a pole near the argument {edge.at:.6g}, whose exact position is unknown"
                )
            self.knots.append(edge.at)
            self.holes.append(edge.at)
            return False
        self._refuse_single_point(before.shape.piece, gap.shape.piece, edge)
        apart = self._apart(before.shape.piece.expression, gap.shape.piece.expression, edge)
        if apart is None:
            self._jump(before.shape.piece, gap.shape.piece, edge)
            return False
        self.error_added += apart + self._cost_within(before, gap, edge)
        if before.shape.line is not None and before.shape.line == gap.shape.line:
            return True
        self.knots.append(edge.at)
        if end.last != turn.first or end.last == 0:
            self.turns.append(edge.at)
        return False

    def _cost_within(self, before: Gap, gap: Gap, edge: Edge) -> float:
        """Return the error of extending two gaps to an edge whose position is inexact.

        Between `edge.before` and `edge.after`, the function may follow any of its branches, and may
        be convex or concave.

        Raises:
            UnsupportedError: The error is too large.
        """
        if edge.exact or edge.after <= up(edge.before):
            return 0.0
        t, width, cost = self.table, edge.after - edge.before, 0.0
        low, high = (float(x[0]) for x in enclose(t, self.whole, edge.before, edge.after))
        for part in (before, gap):
            value, bend = (
                [float(x[0]) for x in enclose(t, e, edge.before, edge.after)]
                for e in (part.shape.piece.expression, part.shape.bend)
            )
            size = np.array(max(abs(bend[0]), abs(bend[1])))
            cost += max(high - value[0], value[1] - low) + float(
                open_cell_error(np.array(width), size)
            )
        if not cost <= _CLOSE * (1.0 + min(abs(low), abs(high))):
            raise UnsupportedError(
                f"the function values between the arguments {edge.before:.6g} and "
                f"{edge.after:.6g} could not be determined"
            )
        return cost

    def _is_pole(self, before: Gap, gap: Gap) -> bool:
        """Return whether the function has no value on one of two gaps where they meet."""
        edge = gap.shape.piece.left
        for piece in (before.shape.piece, gap.shape.piece):
            low, high = enclose(self.table, piece.expression, edge.at, edge.at)
            finite = (np.isfinite(low) & np.isfinite(high)).all()
            if not finite or piece.is_undefined_at(self.table, edge):
                return True
            if is_undefined_at_knot(self.table, self.whole, self.restrictions, piece, edge):
                return True
        return False

    def _refuse_single_point(self, left: CurvePiece, right: CurvePiece, edge: Edge) -> None:
        """Reject a function whose value at the edge differs from the values on both sides.

        Raises:
            UnsupportedError: The function has such a value, or may have one because the edge is not
                a float64 number.
        """
        t = self.table
        if not edge.exact:
            jumps = jumping(t, self.whole)
            if len(jumps) > 1 or any(jumps):
                raise UnsupportedError(
                    "a separate function value at an argument that is not a float64 number"
                )
            return
        at_edge = t.substitute(self.whole, {t.x: t.constant(edge.at)})
        low, high = enclose(t, at_edge, edge.at, edge.at)
        for piece in (left, right):
            least, most = enclose(t, piece.expression, edge.at, edge.at)
            if not (high < least).any() and not (most < low).any():
                return
        raise UnsupportedError("a separate value at a single point")

    def _apart(self, a: int, b: int, edge: Edge) -> float | None:
        """Bound the difference of two continuous pieces at their edge; return None for a jump."""
        t = self.table
        gap = t.subtract(b, a)
        polynomial = t.polynomial(gap)
        if polynomial is not None and edge.exact:
            value = sum(c * Fraction(edge.at) ** p for p, c in polynomial.items())
            return 0.0 if value == 0 else None
        low, high = (float(x[0]) for x in enclose(t, gap, edge.before, edge.after))
        size, value = max(abs(low), abs(high)), float(enclose(t, a, edge.at, edge.at)[0][0])
        if low <= 0.0 <= high and size <= _CLOSE * (1.0 + abs(value)):
            # The value may be that of either piece, and one is moved to meet the other.
            return 2.0 * size
        return None

    def _jump(self, left: CurvePiece, right: CurvePiece, edge: Edge) -> None:
        if not edge.exact and edge.after > up(edge.before):
            raise UnsupportedError(
                f"a jump near the argument {edge.at:.6g}, which is not exactly a float64 number"
            )
        self.thresholds[edge.at] = self._threshold(left, right, edge)
        self.knots.append(edge.at)
        self.jumps.append(edge.at)
        self.turns.append(edge.at)

    def _threshold(self, left: CurvePiece, right: CurvePiece, edge: Edge) -> float:
        """Return the first argument at which the piece to the right of the edge is evaluated."""
        if not edge.exact:
            return edge.after  # the real edge lies strictly between two numbers
        t = self.table
        place = {t.x: t.constant(edge.at)}
        at_edge = t.substitute(self.whole, place)
        if at_edge == t.substitute(right.expression, place):
            return edge.at
        if at_edge == t.substitute(left.expression, place):
            return float(up(edge.at))
        raise UnsupportedError(
            f"a jump at the argument {edge.at:.6g}, where the value could not be shown to "
            "equal a one-sided limit"
        )


def _line(gap: Gap) -> tuple[float, float] | None:
    """Return the line of a gap; None unless its endpoints and coefficients are float64 numbers."""
    line, piece = gap.shape.line, gap.shape.piece
    if line is None or not (piece.left.exact and piece.right.exact):
        return None
    ends = [fraction_ends(c) for c in line]
    if any(a != b for a, b in ends):
        return None
    return ends[0][0], ends[1][0]
