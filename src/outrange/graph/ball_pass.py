"""One pass through a graph in balls of one precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from ..core import Bounds, InputError, gamma
from ..core.clock import read_clock
from ..ops import Affine, Curve, Largest, Product, Rearrange
from ..ops.numerics.balls import ball, balls, cut, float_ends, matrix
from ..ops.numerics.definitions import Definitions, UndecidedError
from .graph import Graph, Node


_LEAST = 2.0**-1060
"""More than what underflow takes from a coefficient."""


@dataclass(frozen=True, eq=False)
class CoefficientBalls:
    """The coefficients of an affine op, as balls.

    Args:
        parts: Of each input the matrix `(m, n_i)`: a matrix of balls if it is full, else of each
            row the pairs `(entry, coefficient)`.
        bias: `(m,)` balls.
    """

    parts: list[Any]
    bias: list[Any]

    @classmethod
    def of(cls, op: Affine) -> CoefficientBalls:
        """Read them off an op."""
        exact = op.plain and op.ulps == 0
        off = 0.0 if exact else gamma(2 * op.terms + 6)
        parts = []
        for i, n in enumerate(op.sizes):
            if op.factor is not None:
                near = [[(j, _near(c, off * abs(c)))] for j, c in enumerate(op.factor.tolist())]
            elif op.coefficients is not None:
                c = ball(op.coefficients[i])
                near = [[(j, c)] for j in range(n)]
            else:
                near = _matrix(op, i, off)
            parts.append(near)
        bias = op.bias.tolist()
        return cls(parts, [_near(b, off * abs(b)) for b in bias] if op.ulps else balls(bias))


def _near(value: float, off: float) -> Any:
    """The ball of numbers within `off` of a float64, with room for the rounding of its ends."""
    off = 2.0 * off + _LEAST if off else 0.0
    return ball(value - off, value + off) if off else ball(value)


def _matrix(op: Affine, i: int, off: float) -> Any:
    """The coefficients of input `i`, read with unit vectors: one product and zeros each."""
    units = [np.zeros((op.sizes[i], n)) for n in op.sizes]
    units[i] = np.eye(op.sizes[i])
    near = op.apply(tuple(units), False).T
    size = op.apply(tuple(units), True).T if off else np.abs(near)
    used = size != 0
    if 4 * used.sum() > used.size:
        # A matrix takes float64 numbers as they are, in a fraction of the memory of balls.
        entries = near.ravel().tolist()
        if off:
            sizes = size.ravel().tolist()
            entries = [_near(c, off * s) for c, s in zip(entries, sizes, strict=True)]
        rows, columns = near.shape
        return matrix(rows, columns, entries)
    return [
        [(int(j), _near(float(row[j]), off * float(of[j]))) for j in np.flatnonzero(use)]
        for row, of, use in zip(near, size, used, strict=True)
    ]


class BallPass:
    """Every value as a list of balls, the points of an entry side by side.

    Args:
        graph: The network.
        map_of: The coefficients of a node.
        count: Points.
        ends: Of every value, what float64 intervals know: `(count, n)` each.
        until: When to give up, on the clock of `core.clock.read_clock`.
    """

    def __init__(
        self,
        graph: Graph,
        map_of: Callable[[int, Affine], CoefficientBalls],
        count: int,
        ends: Sequence[Bounds],
        until: float,
    ) -> None:
        self._graph, self._map_of = graph, map_of
        self._count, self._ends, self._until = count, ends, until
        self._definitions = Definitions()

    def values(self, x: list[Any], wanted: Sequence[int]) -> list[Any] | None:
        """The entries of `wanted`, one value after the other; None if time ran out."""
        graph = self._graph
        last = {j: k for k, node in enumerate(graph.nodes, 1) for j in node.inputs}
        found: dict[int, list[Any]] = {0: x}
        for k, node in enumerate(graph.nodes, 1):
            if read_clock() > self._until:
                return None
            found[k] = self._step(k, node, [found[j] for j in node.inputs])
            for j in {*node.inputs, k}:
                if last.get(j, 0) <= k and j not in wanted:
                    del found[j]
        return [b for value in wanted for b in found[value]]

    def _step(self, k: int, node: Node, given: list[list[Any]]) -> list[Any]:
        p, op = self._count, node.op
        if isinstance(op, Affine):
            return self._affine(self._map_of(k, op), given)
        if isinstance(op, Rearrange):
            flat = [b for part in given for b in part]
            fill = op.fill.tolist()
            found = []
            for j, i in enumerate(op.index.tolist()):
                found += flat[i * p : (i + 1) * p] if i >= 0 else [ball(fill[j])] * p
            return found
        if isinstance(op, Largest):
            return [
                _largest([given[0][i * p + q] for i in window if i >= 0])
                for window in op.windows.tolist() for q in range(p)
            ]  # fmt: skip
        if isinstance(op, Product):
            pairs = zip(op.left.tolist(), op.right.tolist(), strict=True)
            found = [given[0][i * p + q] * given[1][j * p + q] for i, j in pairs for q in range(p)]
            return self._known(k, found, [n for n, b in enumerate(found) if not b.is_finite()])
        return self._curve(k, op, given[0], self._ends[node.inputs[0]])

    def _affine(self, map_: CoefficientBalls, given: list[list[Any]]) -> list[Any]:
        p = self._count
        total = [b for b in map_.bias for _ in range(p)]
        for part, x in zip(map_.parts, given, strict=True):
            if isinstance(part, list):
                for j, row in enumerate(part):
                    for i, c in row:
                        for q in range(p):
                            total[j * p + q] = total[j * p + q] + c * x[i * p + q]
            else:
                more = part * matrix(len(x) // p, p, x)
                total = (matrix(len(map_.bias), p, total) + more).entries()
        return total

    def _curve(self, k: int, op: Curve, x: list[Any], ends: Bounds) -> list[Any]:
        lines = [line for line in op.lines or () if line is not None]
        if lines and len(lines) == len(op.knots) + 1 and not op.jumps:
            return _on_lines(op.knots, lines, x, ends)
        found, open_ = [], []
        for n, b in enumerate(x):
            try:
                if op.exact is None:
                    raise UndecidedError
                found.append(self._definitions.run(op.exact, b))
            except (UndecidedError, ValueError, ZeroDivisionError, OverflowError):
                found.append(None)
            if found[n] is None or not found[n].is_finite():
                open_.append(n)
        if open_:
            self._through_float64(op, x, found, open_)
        return self._known(k, found, open_)

    def _through_float64(self, op: Curve, x: list[Any], found: list[Any], open_: list[int]) -> None:
        """What the curve's facts say of balls that its definition cannot take."""
        ends = np.array([float_ends(x[n]) for n in open_])
        lo, hi = np.clip(ends[:, 0], *op.on), np.clip(ends[:, 1], *op.on)
        if op.beyond is not None:
            lo, hi = ends[:, 0], ends[:, 1]
        try:
            least, most = op.range(lo, hi)
        except InputError:
            least, most = np.full(len(open_), -np.inf), np.full(len(open_), np.inf)
        for n, low, high in zip(open_, least.tolist(), most.tolist(), strict=True):
            found[n] = ball(low, high)

    def _known(self, k: int, found: list[Any], open_: list[int]) -> list[Any]:
        """Balls that lost their digits, cut to what float64 intervals know of the value."""
        p = self._count
        for n in open_:
            lo, hi = (float(end[n % p, n // p]) for end in self._ends[k])
            found[n] = cut(found[n], lo, hi)
        return found


def _on_lines(
    knots: Sequence[float], lines: Sequence[tuple[float, float]], x: list[Any], ends: Bounds
) -> list[Any]:
    """A curve of lines alone, without jumps, at balls: the hull of the lines each may lie on.

    Where float64 intervals tell the line, no ball is compared with a knot.
    """
    lo, hi = (end.T.ravel() for end in ends)
    firsts = np.searchsorted(knots, np.where(np.isnan(lo), -np.inf, lo), "right").tolist()
    lasts = np.searchsorted(knots, np.where(np.isnan(hi), np.inf, hi), "left").tolist()
    places = balls(knots)
    parts = [(slope, ball(slope), ball(offset) if offset else None) for slope, offset in lines]
    same = [line == (1.0, 0.0) for line in lines]
    found = []
    for b, first, last in zip(x, firsts, lasts, strict=True):
        if first >= last:
            found.append(b if same[first] else _along(parts[first], b))
            continue
        first = sum(b >= knot for knot in places)
        last = len(places) - sum(b <= knot for knot in places)
        values = [_along(part, b) for part in parts[first : max(first, last) + 1]]
        found.append(reduce(lambda a, b: a.union(b), values))
    return found


def _along(line: tuple[float, Any, Any], b: Any) -> Any:
    """One line at a ball: slopes 1 and 0 as they are, so that nothing infinite is multiplied."""
    slope, factor, offset = line
    value = b if slope == 1.0 else factor if slope == 0.0 else b * factor
    return value if offset is None else value + offset


def _largest(balls: list[Any]) -> Any:
    most = balls[0]
    for b in balls[1:]:
        most = most.max(b)
    return most
