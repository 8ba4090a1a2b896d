"""One pass through a graph in ball arithmetic of a fixed precision."""

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
"""Upper bound on the error of a coefficient due to underflow."""


@dataclass(frozen=True, eq=False)
class CoefficientBalls:
    """The coefficients of an affine op, enclosed in balls (intervals of arbitrary precision).

    Args:
        parts: For each input, its matrix of coefficients `(m, n_i)`: a list of pairs `(entry,
            coefficient)` for each row. It is a matrix of balls instead if the op is not entrywise
            and more than a quarter of the entries are nonzero.
        bias: Balls `(m,)`, one per result.
    """

    parts: list[Any]
    bias: list[Any]

    @classmethod
    def of(cls, op: Affine) -> CoefficientBalls:
        """Enclose the coefficients of an op in balls."""
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
    """Return a ball that contains all numbers within `off` of `value`."""
    off = 2.0 * off + _LEAST if off else 0.0
    return ball(value - off, value + off) if off else ball(value)


def _matrix(op: Affine, i: int, off: float) -> Any:
    """Compute the coefficients of input `i` by applying the op to unit vectors.

    Each result is a sum of one product and zeros.
    """
    units = [np.zeros((op.sizes[i], n)) for n in op.sizes]
    units[i] = np.eye(op.sizes[i])
    near = op.apply(tuple(units), False).T
    size = op.apply(tuple(units), True).T if off else np.abs(near)
    used = size != 0
    if 4 * used.sum() > used.size:
        # A matrix stores float64 numbers directly, in a fraction of the memory of balls.
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
    """A pass that computes every value as a list of balls, entry by entry, for several points.

    Args:
        graph: The network to evaluate.
        map_of: Function that returns the coefficients of a node.
        count: The number of points.
        ends: Float64 lower and upper bounds of every value, `(count, n)` each.
        until: Deadline, as a value of `core.clock.read_clock`.
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
        """Return one list with the balls of all values in `wanted`; None if time ran out.

        The list contains one value after another. For each value, the balls of its first entry at
        all points come first, then the balls of its second entry, and so on.
        """
        graph = self._graph
        last = {j: k for k, node in enumerate(graph.nodes, 1) for j in node.inputs}
        computed: dict[int, list[Any]] = {0: x}
        for k, node in enumerate(graph.nodes, 1):
            if read_clock() > self._until:
                return None
            computed[k] = self._step(k, node, [computed[j] for j in node.inputs])
            for j in {*node.inputs, k}:
                if last.get(j, 0) <= k and j not in wanted:
                    del computed[j]
        return [b for value in wanted for b in computed[value]]

    def _step(self, k: int, node: Node, inputs: list[list[Any]]) -> list[Any]:
        p, op = self._count, node.op
        if isinstance(op, Affine):
            return self._affine(self._map_of(k, op), inputs)
        if isinstance(op, Rearrange):
            flat = [b for part in inputs for b in part]
            fill = op.fill.tolist()
            entries = []
            for j, i in enumerate(op.index.tolist()):
                entries += flat[i * p : (i + 1) * p] if i >= 0 else [ball(fill[j])] * p
            return entries
        if isinstance(op, Largest):
            return [
                _largest([inputs[0][i * p + q] for i in window if i >= 0])
                for window in op.windows.tolist() for q in range(p)
            ]  # fmt: skip
        if isinstance(op, Product):
            pairs = zip(op.left.tolist(), op.right.tolist(), strict=True)
            entries = [
                inputs[0][i * p + q] * inputs[1][j * p + q] for i, j in pairs for q in range(p)
            ]
            return self._clip_to_intervals(
                k, entries, [n for n, b in enumerate(entries) if not b.is_finite()]
            )
        return self._curve(k, op, inputs[0], self._ends[node.inputs[0]])

    def _affine(self, map_: CoefficientBalls, inputs: list[list[Any]]) -> list[Any]:
        p = self._count
        total = [b for b in map_.bias for _ in range(p)]
        for part, x in zip(map_.parts, inputs, strict=True):
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
        enclosures, open_ = [], []
        for n, b in enumerate(x):
            try:
                if op.exact is None:
                    raise UndecidedError
                enclosures.append(self._definitions.run(op.exact, b))
            except (UndecidedError, ValueError, ZeroDivisionError, OverflowError):
                enclosures.append(None)
            if enclosures[n] is None or not enclosures[n].is_finite():
                open_.append(n)
        if open_:
            self._through_float64(op, x, enclosures, open_)
        return self._clip_to_intervals(k, enclosures, open_)

    def _through_float64(
        self, op: Curve, x: list[Any], enclosures: list[Any], open_: list[int]
    ) -> None:
        """Replace the entries `open_` of `enclosures` by ranges computed in float64.

        At these entries, the curve's definition in ball arithmetic has no finite result.
        """
        ends = np.array([float_ends(x[n]) for n in open_])
        lo, hi = np.clip(ends[:, 0], *op.on), np.clip(ends[:, 1], *op.on)
        if op.beyond is not None:
            lo, hi = ends[:, 0], ends[:, 1]
        try:
            least, most = op.range(lo, hi)
        except InputError:
            least, most = np.full(len(open_), -np.inf), np.full(len(open_), np.inf)
        for n, low, high in zip(open_, least.tolist(), most.tolist(), strict=True):
            enclosures[n] = ball(low, high)

    def _clip_to_intervals(self, k: int, enclosures: list[Any], open_: list[int]) -> list[Any]:
        """Clip the entries `open_`, whose balls may be wide, to the float64 intervals."""
        p = self._count
        for n in open_:
            lo, hi = (float(end[n % p, n // p]) for end in self._ends[k])
            enclosures[n] = cut(enclosures[n], lo, hi)
        return enclosures


def _on_lines(
    knots: Sequence[float], lines: Sequence[tuple[float, float]], x: list[Any], ends: Bounds
) -> list[Any]:
    """Evaluate a continuous piecewise-linear curve at each of the balls `x`.

    Each result is the hull of the values on all lines that apply to some point of the ball. Where
    the float64 intervals determine the line, the ball is not compared with the knots.
    """
    lo, hi = (end.T.ravel() for end in ends)
    firsts = np.searchsorted(knots, np.where(np.isnan(lo), -np.inf, lo), "right").tolist()
    lasts = np.searchsorted(knots, np.where(np.isnan(hi), np.inf, hi), "left").tolist()
    places = balls(knots)
    parts = [(slope, ball(slope), ball(offset) if offset else None) for slope, offset in lines]
    same = [line == (1.0, 0.0) for line in lines]
    results = []
    for b, first, last in zip(x, firsts, lasts, strict=True):
        if first >= last:
            results.append(b if same[first] else _along(parts[first], b))
            continue
        first = sum(b >= knot for knot in places)
        last = len(places) - sum(b <= knot for knot in places)
        values = [_along(part, b) for part in parts[first : max(first, last) + 1]]
        results.append(reduce(lambda a, b: a.union(b), values))
    return results


def _along(line: tuple[float, Any, Any], b: Any) -> Any:
    """Evaluate one line of a piecewise-linear curve at the ball `b`.

    Slopes 1 and 0 need no product, so that an infinite ball is not multiplied by 0.
    """
    slope, factor, offset = line
    value = b if slope == 1.0 else factor if slope == 0.0 else b * factor
    return value if offset is None else value + offset


def _largest(balls: list[Any]) -> Any:
    most = balls[0]
    for b in balls[1:]:
        most = most.max(b)
    return most
