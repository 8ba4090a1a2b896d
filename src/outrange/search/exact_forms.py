"""Affine forms in exact arithmetic, and whether several can be positive at once inside a box.

Every float64 is an integer times a power of two, so the affine function that a piecewise-linear
network is on one activation pattern is computed without rounding, in integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..graph import Graph
from ..ops import Affine, Rearrange


def integers(x: np.ndarray) -> tuple[np.ndarray, int]:
    """`(n, s)` with `x = n / 2**s` exactly; `n` an array of Python integers.

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


@dataclass(frozen=True, eq=False)
class Forms:
    """`n` affine forms over `d` inputs: `(n, d + 1)` integers over `2**scale`, constants last."""

    whole: np.ndarray
    scale: int

    def at_scale(self, scale: int) -> np.ndarray:
        """The integers over a larger power of two."""
        return self.whole * (1 << (scale - self.scale))

    def row(self, i: int) -> list[Fraction]:
        """One form: slopes, then its constant."""
        return [Fraction(int(c), 1 << self.scale) for c in self.whole[i]]


class ExactGraph:
    """Forms of the values of a graph, once the gap of every curve is chosen.

    Args:
        graph: Affine ops without stated error, rearrangements and piecewise-linear curves.
        fixed: `(d,)`: the value of inputs that do not vary, NaN for the others.
    """

    def __init__(self, graph: Graph, fixed: np.ndarray):
        self.graph, self._fixed = graph, fixed
        self._matrices: dict[int, tuple] = {}

    @staticmethod
    def suits(graph: Graph) -> bool:
        """Whether the coefficients of a graph are the numbers written in it."""
        return all(not isinstance(n.op, Affine) or n.op.ulps == 0 for n in graph.nodes)

    def knows(self, value: int) -> bool:
        """Whether the coefficients of an op are the numbers written in it."""
        op = self.graph.nodes[value - 1].op
        return isinstance(op, Rearrange) or (isinstance(op, Affine) and op.ulps == 0)

    def inputs(self) -> Forms:
        """The forms of the inputs themselves."""
        free = np.flatnonzero(np.isnan(self._fixed))
        constant, scale = integers(np.where(np.isnan(self._fixed), 0.0, self._fixed))
        whole = np.zeros((self._fixed.size, free.size + 1), object)
        whole[free, np.arange(free.size)] = 1 << scale
        whole[:, -1] += constant
        return Forms(whole, scale)

    def affine(self, value: int, before: list[Forms]) -> Forms:
        """The forms of an affine op's or rearrangement's value."""
        op = self.graph.nodes[value - 1].op
        if isinstance(op, Rearrange):
            return self._rearranged(op, before)
        parts, (bias, bias_scale) = self._matrix(value)
        scales = [m[1] + b.scale for m, b in zip(parts, before, strict=True)]
        top = max([bias_scale, *scales])
        total = np.zeros((op.size, before[0].whole.shape[1]), object)
        for (rows, _), form, scale in zip(parts, before, scales, strict=True):
            total = total + _product(rows, form.whole) * (1 << (top - scale))
        total[:, -1] += bias * (1 << (top - bias_scale))
        return Forms(total, top)

    def _matrix(self, value: int):
        if value not in self._matrices:
            op = self.graph.nodes[value - 1].op
            parts = []
            for matrix in op.adjoint(np.eye(op.size)):
                whole, scale = integers(matrix)
                rows = [(np.flatnonzero(m), whole[i][np.flatnonzero(m)]) for i, m in
                        enumerate(matrix)]
                parts.append((rows, scale))
            self._matrices[value] = (parts, integers(op.bias))
        return self._matrices[value]

    def _rearranged(self, op: Rearrange, before: list[Forms]) -> Forms:
        fill, fill_scale = integers(np.where(op.index < 0, op.fill, 0.0))
        top = max([fill_scale, *(b.scale for b in before)])
        whole = np.concatenate([b.at_scale(top) for b in before])[np.maximum(op.index, 0)]
        absent = op.index < 0
        whole[absent] = 0
        whole[absent, -1] = fill[absent] * (1 << (top - fill_scale))
        return Forms(whole, top)

    def curve(self, value: int, before: Forms, gaps: np.ndarray) -> Forms:
        """The forms of a curve's value, unit `j` on gap `gaps[j]`."""
        lines = np.array(self.graph.nodes[value - 1].op.lines)[gaps]
        slope, slope_scale = integers(lines[:, 0])
        shift, shift_scale = integers(lines[:, 1])
        top = max(before.scale + slope_scale, shift_scale)
        whole = before.whole * slope[:, None] * (1 << (top - before.scale - slope_scale))
        whole[:, -1] += shift * (1 << (top - shift_scale))
        return Forms(whole, top)


def _product(rows, whole: np.ndarray) -> np.ndarray:
    out = np.zeros((len(rows), whole.shape[1]), object)
    for i, (columns, entries) in enumerate(rows):
        if columns.size:
            out[i] = (entries[:, None] * whole[columns]).sum(axis=0)
    return out


def inside(forms: list[list[Fraction]], lo: list[Fraction], hi: list[Fraction]):
    """A point of the box at which every form is positive; None if there is none (a proof).

    The simplex method with Bland's rule on `max t, t <= form_k(x), lo <= x <= hi`, in rationals.

    Args:
        forms: Each slopes, then a constant.
        lo: Lower ends.
        hi: Upper ends, each above `lo`.

    Returns:
        `(x, t)` with the largest `t > 0`, or None.

    Example:
        >>> one = Fraction(1)
        >>> inside([[one, -one], [-one, one]], [Fraction(0)], [Fraction(2)]) is None  # x<1 and x>1
        True
        >>> inside([[one, -one]], [Fraction(0)], [Fraction(2)])
        ([Fraction(2, 1)], Fraction(1, 1))
    """
    d = len(lo)
    at_lo = [sum((f[i] * lo[i] for i in range(d)), f[d]) for f in forms]
    width = [h - low for low, h in zip(lo, hi, strict=True)]
    if not forms:
        return [low + w / 2 for low, w in zip(lo, width, strict=True)], Fraction(1)
    start = min(at_lo)
    # Columns: x - lo, t - start; rows: slack variables.
    table = [[-c for c in f[:d]] + [Fraction(1), v - start] for f, v in zip(forms, at_lo,
                                                                            strict=True)]
    table += [[Fraction(int(i == j)) for j in range(d)] + [Fraction(0), width[i]] for i in range(d)]
    gain = [Fraction(0)] * d + [Fraction(1), Fraction(0)]
    basis, outside = list(range(d + 1, d + 1 + len(table))), list(range(d + 1))
    while True:
        enter = min((j for j in range(d + 1) if gain[j] > 0), key=lambda j: outside[j],
                    default=None)
        if enter is None:
            break
        ratios = [(row[-1] / row[enter], basis[i], i) for i, row in enumerate(table)
                  if row[enter] > 0]
        _pivot(table, gain, min(ratios)[2], enter, basis, outside)
    most = start - gain[-1]
    if most <= 0:
        return None
    x = [Fraction(0)] * d
    for name, row in zip(basis, table, strict=True):
        if name < d:
            x[name] = row[-1]
    return [low + step for low, step in zip(lo, x, strict=True)], most


def _pivot(table, gain, leave: int, enter: int, basis: list[int], outside: list[int]) -> None:
    """Exchange a basic and a non-basic variable."""
    row = table[leave]
    pivot = row[enter]
    row[enter] = Fraction(1)
    table[leave] = row = [c / pivot for c in row]
    for i, other in enumerate([*table, gain]):
        if i == leave or other[enter] == 0:
            continue
        factor = other[enter]
        other[enter] = Fraction(0)
        other[:] = [c - factor * r for c, r in zip(other, row, strict=True)]
    basis[leave], outside[enter] = outside[enter], basis[leave]
