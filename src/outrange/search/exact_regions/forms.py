"""Affine forms in exact arithmetic, and points of a box at which several of them are positive.

Every float64 is an integer times a power of two. So the affine function of a piecewise-linear
network on one activation pattern is computed without rounding, in integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd

import numpy as np

from ...graph import Graph
from ...ops import Affine, Curve, Rearrange


def integers(x: np.ndarray) -> tuple[np.ndarray, int]:
    """Return `(n, s)` with `x = n / 2**s` exactly; `n` is an array of Python integers.

    Example:
        >>> n, s = integers(np.array([0.75, -2.0]))
        >>> n.tolist(), s
        ([3, -8], 2)
    """
    flat = np.ravel(np.asarray(x, np.float64))
    ratios = [float(v).as_integer_ratio() for v in flat]
    scale = max((d.bit_length() - 1 for _, d in ratios), default=0)
    whole = np.array([n << (scale - d.bit_length() + 1) for n, d in ratios], object)
    return whole.reshape(np.shape(x)), scale


Row = tuple[np.ndarray, np.ndarray]
"""Indices of the nonzero columns of a row, and the integers in these columns."""

Matrices = tuple[list[tuple[list[Row], int]], tuple[np.ndarray, int]]
"""An affine op in integers: the rows of the matrix for each operand, and the bias. Each matrix and
the bias come with the exponent of their power-of-two denominator."""


@dataclass(frozen=True, eq=False)
class AffineForms:
    """`n` affine forms of `d` inputs: `(n, d + 1)` integers over `2**scale`, constants last."""

    whole: np.ndarray
    scale: int

    def at_scale(self, scale: int) -> np.ndarray:
        """Return the integers for a larger power of two as the denominator."""
        return self.whole * (1 << (scale - self.scale))

    def row(self, i: int) -> list[int]:
        """Return the coefficients of form `i`, then its constant, all multiplied by `2**scale`."""
        return [int(c) for c in self.whole[i]]


class ExactGraph:
    """Computation of exact affine forms of a graph's values, one value at a time.

    The caller chooses one linear piece for every curve unit, and passes the forms of the earlier
    values. A linear piece is the interval between two adjacent knots.

    Args:
        graph: Affine ops without stated error, rearrangements and piecewise-linear curves.
        fixed: `(d,)` the values of inputs that do not vary, NaN for the others.
    """

    def __init__(self, graph: Graph, fixed: np.ndarray) -> None:
        self.graph, self._fixed = graph, fixed
        self._matrices: dict[int, Matrices] = {}

    def knows(self, value: int) -> bool:
        """Return whether an op is a rearrangement, or affine with exactly stored coefficients.

        The stored coefficients of an affine op are exact if its `ulps` are 0.
        """
        op = self.graph.nodes[value - 1].op
        return isinstance(op, Rearrange) or (isinstance(op, Affine) and op.ulps == 0)

    def inputs(self) -> AffineForms:
        """Return the forms of the inputs themselves."""
        free = np.flatnonzero(np.isnan(self._fixed))
        constant, scale = integers(np.where(np.isnan(self._fixed), 0.0, self._fixed))
        whole = np.zeros((self._fixed.size, free.size + 1), object)
        whole[free, np.arange(free.size)] = 1 << scale
        whole[:, -1] += constant
        return AffineForms(whole, scale)

    def affine(self, value: int, before: list[AffineForms]) -> AffineForms:
        """Return the forms of an affine op's or rearrangement's value."""
        op = self.graph.nodes[value - 1].op
        if isinstance(op, Rearrange):
            return self._rearrange(op, before)
        assert isinstance(op, Affine)
        parts, (bias, bias_scale) = self._matrix(value)
        scales = [m[1] + b.scale for m, b in zip(parts, before, strict=True)]
        top = max([bias_scale, *scales])
        total = np.zeros((op.size, before[0].whole.shape[1]), object)
        for (rows, _), form, scale in zip(parts, before, scales, strict=True):
            total = total + _product(rows, form.whole) * (1 << (top - scale))
        total[:, -1] += bias * (1 << (top - bias_scale))
        return AffineForms(total, top)

    def _matrix(self, value: int) -> Matrices:
        """Return the matrices and the bias of an affine op as integers."""
        if value not in self._matrices:
            op = self.graph.nodes[value - 1].op
            assert isinstance(op, Affine)
            parts = []
            for matrix in op.adjoint(np.eye(op.size)):
                whole, scale = integers(matrix)
                rows = [
                    (np.flatnonzero(m), whole[i][np.flatnonzero(m)]) for i, m in enumerate(matrix)
                ]
                parts.append((rows, scale))
            self._matrices[value] = (parts, integers(op.bias))
        return self._matrices[value]

    def _rearrange(self, op: Rearrange, before: list[AffineForms]) -> AffineForms:
        """Return the forms of a rearrangement's value."""
        fill, fill_scale = integers(np.where(op.index < 0, op.fill, 0.0))
        top = max([fill_scale, *(b.scale for b in before)])
        whole = np.concatenate([b.at_scale(top) for b in before])[np.maximum(op.index, 0)]
        absent = op.index < 0
        whole[absent] = 0
        whole[absent, -1] = fill[absent] * (1 << (top - fill_scale))
        return AffineForms(whole, top)

    def curve(self, value: int, before: AffineForms, gaps: np.ndarray) -> AffineForms:
        """Return the forms of a curve's value, with unit `j` on its linear piece `gaps[j]`."""
        op = self.graph.nodes[value - 1].op
        assert isinstance(op, Curve)
        lines = np.array(op.lines, np.float64)[gaps]
        slope, slope_scale = integers(lines[:, 0])
        shift, shift_scale = integers(lines[:, 1])
        top = max(before.scale + slope_scale, shift_scale)
        whole = before.whole * slope[:, None] * (1 << (top - before.scale - slope_scale))
        whole[:, -1] += shift * (1 << (top - shift_scale))
        return AffineForms(whole, top)


def positive_in(op: Curve, before: AffineForms, j: int, gap: int) -> list[list[int]]:
    """Return forms that are positive exactly where unit `j` is inside a linear piece.

    Forms that are 0 everywhere are omitted: in this case, the argument of the unit always equals a
    knot.

    Args:
        before: The forms of the curve's source.
        j: Index of the unit.
        gap: Index of the linear piece, which is an interval between adjacent knots.
    """
    forms = []
    for knot, sign in [(k, 1) for k in op.knots[:gap][-1:]] + [(k, -1) for k in op.knots[gap:][:1]]:
        whole, scale = integers(np.array([knot]))
        form = [sign * c << scale for c in before.row(j)]
        form[-1] -= sign * int(whole[0]) << before.scale
        if any(form):
            forms.append(form)
    return forms


def _product(rows: list[Row], whole: np.ndarray) -> np.ndarray:
    """Return the product of sparse integer rows and the integer matrix `whole`."""
    out = np.zeros((len(rows), whole.shape[1]), object)
    for i, (columns, entries) in enumerate(rows):
        if columns.size:
            out[i] = (entries[:, None] * whole[columns]).sum(axis=0)
    return out


@dataclass(frozen=True)
class RationalPoint:
    """A point with rational coordinates, exactly `whole / over`."""

    whole: list[int]
    over: int

    def value(self, row: list[int]) -> int:
        """Return a positive multiple of the form `row` at the point, which determines its sign."""
        *slopes, constant = row
        return sum(c * x for c, x in zip(slopes, self.whole, strict=True)) + constant * self.over

    def as_floats(self) -> list[float]:
        """Return the coordinates, each rounded to the nearest float64."""
        return [float(Fraction(c, self.over)) for c in self.whole]


class ArrangementCell:
    """A box in which to find rational points where given affine forms are positive.

    Args:
        lo: Lower bounds, shape `(d,)`.
        hi: `(d,)` upper bounds, each larger than the lower bound.
    """

    def __init__(self, lo: np.ndarray, hi: np.ndarray) -> None:
        ends, self._scale = integers(np.stack([lo, hi]))
        self._lo = ends[0].tolist()
        self._width = (ends[1] - ends[0]).tolist()

    @property
    def middle(self) -> RationalPoint:
        """The center of the box."""
        whole = [2 * low + w for low, w in zip(self._lo, self._width, strict=True)]
        return RationalPoint(whole, 2 << self._scale)

    def point(self, rows: list[list[int]], best: bool = False) -> RationalPoint | None:
        """Return a point of the box at which every form is positive, or None if there is none.

        None is a proof that no such point exists.

        Method: the simplex method with Bland's rule maximizes `t` subject to `w_k t <= form_k(x)`
        over the box, with positive weights `w_k`. It computes with integers over one common
        denominator (Bareiss, Edmonds).

        Args:
            rows: Positive multiples of the forms, as integers: coefficients, then the constant.
            best: Whether to continue to the largest `t`, instead of the first point with `t > 0`.

        Example:
            >>> cell = ArrangementCell(np.zeros(1), np.full(1, 2.0))
            >>> cell.point([[1, -1], [-1, 1]]) is None  # x < 1 and x > 1
            True
            >>> cell.point([[1, -1]], best=True)
            RationalPoint(whole=[2], over=1)
        """
        if not rows:
            return self.middle
        d = len(self._lo)
        # Variables: steps from `lo`, then t above its start; last column: the right-hand side.
        at_lo = [self._at_lo(row) for row in rows]
        weight = [1 << max((abs(c) for c in row[:d]), default=0).bit_length() for row in rows]
        start = min(v // w for v, w in zip(at_lo, weight, strict=True))
        table = [
            [*(-c for c in row[:d]), w, v - w * start]
            for row, v, w in zip(rows, at_lo, weight, strict=True)
        ]
        table += [[int(i == j) for j in range(d)] + [0, self._width[i]] for i in range(d)]
        table.append([0] * d + [1, 0])
        basis, outside, over = list(range(d + 1, d + 1 + len(table))), list(range(d + 1)), 1
        while best or start * over - table[-1][-1] <= 0:
            gain = table[-1]
            enter = min(
                (j for j in range(d + 1) if gain[j] > 0), key=lambda j: outside[j], default=None
            )
            if enter is None:
                break
            leave = _leaving(table[:-1], enter, basis)
            over = _pivot(table, leave, enter, over)
            basis[leave], outside[enter] = outside[enter], basis[leave]
        if start * over - table[-1][-1] <= 0:
            return None
        step = [0] * d
        for name, row in zip(basis, table[:-1], strict=False):
            if name < d:
                step[name] = row[-1]
        whole = [low * over + s for low, s in zip(self._lo, step, strict=True)]
        return _reduce(whole, over << self._scale)

    def _at_lo(self, row: list[int]) -> int:
        """Return the value of a form at the lower corner of the box, times `2**self._scale`."""
        *slopes, constant = row
        return sum(c * x for c, x in zip(slopes, self._lo, strict=True)) + (constant << self._scale)


def _reduce(whole: list[int], over: int) -> RationalPoint:
    """Return the point `whole / over`, with common factors canceled."""
    common = gcd(over, *whole)
    return RationalPoint([x // common for x in whole], over // common)


def _leaving(table: list[list[int]], enter: int, basis: list[int]) -> int:
    """Return the index of the row whose variable leaves the basis, by the simplex ratio test.

    Among rows with the same least ratio, the one with the smallest basic variable is chosen
    (Bland's rule). Return -1 if no entry of column `enter` is positive.
    """
    leaving = -1
    for i, row in enumerate(table):
        if row[enter] <= 0:
            continue
        if leaving < 0:
            leaving = i
            continue
        first = table[leaving]
        apart = row[-1] * first[enter] - first[-1] * row[enter]
        if apart < 0 or (apart == 0 and basis[i] < basis[leaving]):
            leaving = i
    return leaving


def _pivot(table: list[list[int]], leave: int, enter: int, over: int) -> int:
    """Exchange a basic and a non-basic variable of `table` in place; return the new denominator."""
    row = table[leave]
    pivot = row[enter]
    for i, other in enumerate(table):
        if i == leave:
            continue
        factor = other[enter]
        if factor == 0:
            other[:] = [c * pivot // over for c in other]
        else:
            other[:] = [(c * pivot - factor * r) // over for c, r in zip(other, row, strict=True)]
            other[enter] = -factor
    row[enter] = over
    return pivot
