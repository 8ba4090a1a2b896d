"""Convexity and turning points of a piece without branches, with an error for undecided cells.

Between the cells on which the second derivative has a proved sign, some cells stay undecided. Let
such a cell have width `w` and `|f''| <= M`. There is a function `g` that has the convexity reported
by this module and for which `|g - f| <= 2 M w**2`. Inside the cell, `g''` is distributed so that
`g' = f'` at the end of the cell. Beyond the cell, `g - f` is constant.

The reported convexity and turning points are those of `g`, but bounds are computed from values of
`f` and must enclose `f`. So bounds include the error twice: once because they start from a value of
`f` instead of `g`, and once because they enclose `f` instead of `g`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ....core import UnsupportedError
from ...numerics.root import root
from ..expression import Expressions
from ..intervals import enclose
from ..roundoff import error_bound
from ..values import program
from .calculus import derivative, factor_out
from .cells import CellGrid, grid, roots, signs
from .pieces import CurvePiece


PAY = 2.0**-64
"""Largest absolute error of one undecided cell."""

NEAR_POLE = 2.0**-290

_BEND = {1: "cup", -1: "cap"}


@dataclass(frozen=True, eq=False)
class Shape:
    """The convexity of one piece of a function, and the float64 errors on it.

    Args:
        slope: Index of the expression for the piece's derivative.
        bend: Index of the expression for its second derivative, factored.
        cells: Cells with the sign of its second derivative, which may be unknown.
        line: `(slope, offset)` as fractions, if the piece is a line; otherwise None.
        error_added: The error that the undecided convexity of each cell adds.
        broken: Mask of the cells that cannot be described, because the convexity is undecided or
            float64 is inaccurate.
        inner: Lower and upper bounds of the cells, moved off the endpoints of the piece, where the
            function or its slope may have a pole.
        error: `(absolute, relative)` error of the float64 value in each cell.
        slope_error: `(absolute, relative)` error of the slope in each cell.
    """

    piece: CurvePiece
    slope: int
    bend: int
    cells: CellGrid
    line: tuple | None
    error_added: np.ndarray
    broken: np.ndarray
    inner: tuple
    error: tuple
    slope_error: tuple


def open_cell_error(width: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Bound the error of an undecided cell of this width, where `|f''|` is at most `size`.

    The bound is `4 * size * width**2`, twice the bound in the module docstring.
    """
    with np.errstate(all="ignore"):
        return np.where(size == 0, 0.0, 4.0 * size * width * width)


def measure(t: Expressions, piece: CurvePiece) -> Shape:
    """Determine the convexity of one piece of a function, and bound the float64 errors on it."""
    e = piece.expression
    first = factor_out(t, derivative(t, e))
    polynomial = t.polynomial(e)
    line, second = None, factor_out(t, derivative(t, derivative(t, e)))
    if polynomial is not None and set(polynomial) <= {0, 1}:
        line = (polynomial.get(1, Fraction(0)), polynomial.get(0, Fraction(0)))
        edges = grid(piece.lo, piece.hi)
        zeros = np.zeros(len(edges) - 1)
        cells = CellGrid(edges[:-1], edges[1:], zeros.astype(int), zeros, zeros)
    else:
        cells = signs(
            t, second, piece.lo, piece.hi, lambda w, s: open_cell_error(w, s) <= PAY, finest=1e-9
        )
    paid = np.where(cells.sign == 2, open_cell_error(cells.hi - cells.lo, cells.size), 0.0)
    lo, hi = _off_the_ends(cells.lo, piece.lo, np.inf), _off_the_ends(cells.hi, piece.hi, -np.inf)
    value, slope = (_error(t, x, piece, lo, hi) for x in (e, first))
    broken = (cells.sign == 2) & ~(paid <= PAY)
    broken |= _useless(value, 2.0**-40) | _useless(slope, 2.0**-30)
    return Shape(piece, first, second, cells, line, paid, broken, (lo, hi), value, slope)


def _error(
    t: Expressions, e: int, piece: CurvePiece, lo: np.ndarray, hi: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Bound the float64 error in each cell; values may overflow near a pole and for large `x`."""
    errors = error_bound(t, e, lo, hi)
    pole = np.zeros(lo.shape, bool)
    for end in (piece.lo, piece.hi):
        if np.isfinite(end):
            pole |= (np.abs(lo - end) < NEAR_POLE) & (np.abs(hi - end) < NEAR_POLE)
    if not _divides(t, e):
        # An infinite value for a large argument is visible, unless something is divided by it.
        pole |= np.isinf(lo) | np.isinf(hi)
    if pole.any():
        pole_errors = error_bound(t, e, lo[pole], hi[pole], np.inf)
        for store, x in zip(errors, pole_errors, strict=True):
            store[pole] = x
    return errors


def _divides(t: Expressions, e: int) -> bool:
    """Return whether `e` divides by anything that may overflow although `x` is finite."""
    terms = (m for k in t.dependencies(e) for m, _ in getattr(t.nodes[k], "terms", ()))
    bases = {base for m in terms for base, power in m if power < 0}
    return any((t.polynomial(b) or {2: 1}).keys() - {0, 1} for b in bases)


def _useless(error: tuple[np.ndarray, np.ndarray], most: float) -> np.ndarray:
    """Return a mask of inaccurate float64 values, caused by cancellation or overflow.

    Args:
        error: The absolute and the relative error of the value.
        most: Absolute error up to which a value counts as accurate, whatever its relative error.
    """
    return ~((error[0] <= most) | (error[1] <= 2.0**-30))


def _off_the_ends(x: np.ndarray, end: float, inwards: float) -> np.ndarray:
    """Move `x` off a finite endpoint of a piece, where the function or its slope may diverge."""
    return np.where((x == end) & np.isfinite(end), np.nextafter(x, inwards), x)


@dataclass(frozen=True)
class Gap:
    """An interval `[lo, hi]` on which a piece of a function is linear, convex or concave."""

    lo: float
    hi: float
    bend: str
    shape: Shape


def gaps(t: Expressions, shape: Shape, lo: float, hi: float) -> list[Gap]:
    """Split a piece on `[lo, hi]`, where no cell is broken, into gaps of constant convexity."""
    cells = shape.cells
    if shape.line is not None:
        return [Gap(lo, hi, "line", shape)]
    inside = (cells.lo >= lo) & (cells.hi <= hi)
    signed = np.flatnonzero(inside & np.isin(cells.sign, (1, -1)))
    if not signed.size:
        return [Gap(lo, hi, "line", shape)]
    changes = np.flatnonzero(np.diff(cells.sign[signed]))
    a, b = cells.hi[signed[changes]], cells.lo[signed[changes + 1]]
    at = roots(program(t, shape.bend), a, b)
    cuts = np.where(np.isnan(at), 0.5 * a + 0.5 * b, np.clip(at, a, b)) + 0.0
    bends = [_BEND[int(cells.sign[signed[i]])] for i in (*changes, signed.size - 1)]
    ends = [lo, *cuts.tolist(), hi]
    return [Gap(a, b, bend, shape) for a, b, bend in zip(ends[:-1], ends[1:], bends, strict=True)]


@dataclass(frozen=True)
class Turns:
    """The possible turning points of a `Gap`, and the signs of its slope at both ends.

    Args:
        at: The possible turning points; empty if the slope keeps its sign.
        error_added: Bound on the error of assuming that the function turns at these points only.
        first: 1 if the function rises at the lower end, -1 if it falls, and 0 if it is constant.
        last: The corresponding number at the upper end.
    """

    at: tuple[float, ...]
    error_added: float
    first: int
    last: int


def turns(t: Expressions, stretches: list[Gap]) -> list[Turns]:
    """Return the turning points of each of `stretches`, which all belong to one piece.

    The slope is monotone on each of them, so it has one root, or none if it keeps its sign.

    Raises:
        UnsupportedError: A turning point is not found.
    """
    shape = stretches[0].shape
    if shape.line is not None:
        direction = int(np.sign(float(shape.line[0])))
        return [Turns((), 0.0, direction, direction)] * len(stretches)
    points, low, high = _slopes(t, shape, stretches)
    turns_by_gap: list[Turns] = []
    for gap in stretches:
        # The slope times this sign increases.
        s = -1 if gap.bend == "cap" else 1
        inside = (points >= gap.lo) & (points <= gap.hi)
        least, most = (low, high) if s > 0 else (-high, -low)
        below = points[inside & (most < 0)]
        above = points[inside & (least > 0)]
        if below.size and above.size:
            at = _slope_root(t, shape.slope, float(below[-1]), float(above[0]), s)
            turns_by_gap.append(Turns((at,), _turn_cost(t, gap, at, s), -s, s))
            continue
        # The slope has one sign, except where it is close to 0; `wrong` bounds the opposite slope.
        direction = s if above.size or not below.size else -s
        if direction == s:
            wrong = max(0.0, -float(least[inside][0]))
            stretch = (float(above[0]) if above.size else gap.hi) - gap.lo
        else:
            wrong = max(0.0, float(most[inside][-1]))
            stretch = gap.hi - float(below[-1])
        turns_by_gap.append(
            Turns((), 2.0 * wrong * stretch if wrong else 0.0, direction, direction)
        )
    return turns_by_gap


def _turn_cost(t: Expressions, gap: Gap, at: float, s: float) -> float:
    """Bound the error of treating `at` as the turning point of a gap.

    The exact turning point is first enclosed in a small interval around `at`.

    Raises:
        UnsupportedError: No such interval is found.
    """
    slope = gap.shape.slope
    for step in (1e-10, 1e-9, 1e-8, 1e-6):
        delta = step * (1.0 + abs(at))
        left, right = max(at - delta, gap.lo), min(at + delta, gap.hi)
        before, after = (s * np.array(enclose(t, slope, x, x)) for x in (left, right))
        if (left == gap.lo or (before < 0).all()) and (right == gap.hi or (after > 0).all()):
            size = np.max(np.abs(enclose(t, slope, left, right)))
            return float(4.0 * size * delta)
    raise UnsupportedError(
        f"the position of the turning point between {gap.lo:.6g} and {gap.hi:.6g} could not be "
        "determined"
    )


def _slopes(
    t: Expressions, shape: Shape, stretches: list[Gap]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Enclose the slope at the finite edges of cells and gaps, and over each unbounded cell.

    Returns the edges, and lower and upper bounds on the slope.
    """
    cells = shape.cells
    ends = [end for g in stretches for end in (g.lo, g.hi)]
    points = np.unique(np.concatenate([cells.lo, cells.hi, ends]))
    lo = np.where(np.isneginf(points), points, np.where(np.isposinf(points), cells.lo[-1], points))
    hi = np.where(np.isneginf(points), cells.hi[0], points)
    low, high = enclose(t, shape.slope, lo, hi)
    return points, low, high


def _slope_root(t: Expressions, slope: int, lo: float, hi: float, s: int) -> float:
    """Return a float64 root of the slope, which is monotone between `lo` and `hi`."""
    f = program(t, slope)
    with np.errstate(all="ignore"):
        return float(root(lambda x: s * f(x), np.array([lo]), np.array([hi]))[0]) + 0.0
