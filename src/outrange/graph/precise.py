"""A graph at points in arithmetic of as many digits as it takes.

Interval arithmetic in float64 loses digits with every layer: where values feed back through many
layers (a loop of a controller and its plant), nothing is left of a value that is known well. Balls
of growing precision lose as many, and have them to lose.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..core import Bounds, InputError, gamma, seconds_left
from ..ops import Affine, Curve, Largest, Product, Rearrange
from ..ops.numerics.balls import (
    Definitions, UndecidedError, ball, cut, float_ends, matrix, precision,
)  # fmt: skip
from .graph import Graph, Op


FIRST_BITS, MOST_BITS = 128, 4096
"""Precision starts at the first and doubles up to the second."""

MOST_COEFFICIENTS = 1 << 23
"""A graph whose affine maps have more coefficients than this together is not evaluated."""

MOST_WORK = 1 << 29
"""Products of 64-bit numbers that one call may take, about: some seconds."""

CURVE_WORK = 256
"""What one value of a curve costs, in such products."""

LEAST_SECONDS = 0.25
"""What a call may take when the deadline has passed: an answer without evidence is little."""

_LEAST = 2.0**-1060
"""More than what underflow takes from a coefficient."""


class Precise:
    """Evaluates a graph at points in balls of growing precision.

    Args:
        graph: The network.

    Sound: a ball holds the real value; a curve without a definition, and a ball that a definition
    cannot take, go through float64 intervals. Complete: every op is continuous but at jumps, so
    balls shrink to the value wherever coefficients are exact and no jump is met. Cost: bounded by
    `MOST_WORK`, by `MOST_COEFFICIENTS` and by the deadline; coefficients are read once.

    Example:
        >>> from outrange.domains import bounds
        >>> from outrange.graph import Builder, Slot
        >>> builder = Builder([Slot("x", (1,))])
        >>> (x,) = builder.input_values()
        >>> graph = builder.finish([builder.curve("tanh", x)], ["y"])
        >>> at = np.array([[0.5]])
        >>> (balls, *_) = Precise(graph).passes(at, bounds(graph, at, at), [graph.output], 128)
        >>> float(balls[0].mid())
        0.46211715726000973
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._maps: dict[int, _Map] = {}

    def passes(
        self, points: np.ndarray, ends: Sequence[Bounds], values: Sequence[int], bits: int
    ) -> Iterator[list[Any]]:
        """Balls around the entries of `values`, pass by pass narrower.

        Args:
            points: `(batch, inputs)`, finite.
            ends: Of every value of the graph, least and largest entries `(batch, n)`: what float64
                intervals know.
            values: Of the graph.
            bits: The precision of the first pass.

        Yields:
            One ball an entry and a point, the points of an entry side by side. It ends where time
            or work are used up, and where more digits do not help.
        """
        if not self._small or not np.isfinite(points).all():
            return
        until = time.perf_counter() + max(seconds_left(), LEAST_SECONDS)
        work, before = float(MOST_WORK), math.inf
        while bits <= MOST_BITS:
            work -= len(points) * self._work * (bits / 64)
            if work < 0:
                return
            with precision(bits):
                run = _Run(self, len(points), ends, until)
                balls = run.values([ball(v) for v in points.T.ravel().tolist()], values)
            if balls is None:
                return
            yield balls
            width = max((_radius(b) for b in balls), default=0.0)
            if width == 0.0 or 0.5 * before < width < math.inf:
                return
            before = width
            bits *= 2

    @property
    def graph(self) -> Graph:
        """The network."""
        return self._graph

    def map_of(self, k: int, op: Affine) -> _Map:
        """The coefficients of node `k`, read once."""
        if k not in self._maps:
            self._maps[k] = _Map.of(op)
        return self._maps[k]

    @cached_property
    def _small(self) -> bool:
        ops = (node.op for node in self._graph.nodes)
        return sum(_products(op) for op in ops if isinstance(op, Affine)) <= MOST_COEFFICIENTS

    @cached_property
    def _work(self) -> int:
        """Products that one point takes at 64 bits."""
        return sum(
            _products(node.op) if isinstance(node.op, Affine)
            else node.size * (CURVE_WORK if isinstance(node.op, Curve) else 4)
            for node in self._graph.nodes
        )  # fmt: skip

    @cached_property
    def last_use(self) -> list[int]:
        """After which node each value is not read any more."""
        last = [0] * (len(self._graph.nodes) + 1)
        for k, node in enumerate(self._graph.nodes, 1):
            for j in node.inputs:
                last[j] = k
        return last


def _products(op: Affine) -> int:
    """Products of one application."""
    if op.factor is not None:
        return op.size
    if op.coefficients is not None:
        return op.size * len(op.coefficients)
    return op.size * sum(op.sizes)


def _radius(b: Any) -> float:
    return float(b.rad()) if b.is_finite() else math.inf


@dataclass(frozen=True, eq=False)
class _Map:
    """The coefficients of an affine op, as balls.

    Args:
        parts: Of each input the matrix `(m, n_i)`: a matrix of balls if it is full, else of each
            row the pairs `(entry, coefficient)`.
        bias: `(m,)` balls.
    """

    parts: list[Any]
    bias: list[Any]

    @classmethod
    def of(cls, op: Affine) -> _Map:
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
        wide = off if op.ulps else 0.0
        return cls(parts, [_near(b, wide * abs(b)) for b in op.bias.tolist()])


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
        entries = [
            _near(c, off * s)
            for c, s in zip(near.ravel().tolist(), size.ravel().tolist(), strict=True)
        ]
        return matrix(*near.shape, entries)
    return [
        [(int(j), _near(float(row[j]), off * float(of[j]))) for j in np.flatnonzero(use)]
        for row, of, use in zip(near, size, used, strict=True)
    ]


class _Run:
    """One pass: every value is a list of balls, the points of an entry side by side."""

    def __init__(
        self, precise: Precise, count: int, ends: Sequence[Bounds], until: float
    ) -> None:
        self._precise, self._count, self._ends, self._until = precise, count, ends, until
        self._definitions = Definitions()

    def values(self, x: list[Any], wanted: Sequence[int]) -> list[Any] | None:
        """The entries of `wanted`, one value after the other; None if time ran out."""
        graph, last = self._precise.graph, self._precise.last_use
        found: dict[int, list[Any]] = {0: x}
        for k, node in enumerate(graph.nodes, 1):
            if time.perf_counter() > self._until:
                return None
            found[k] = self._step(k, node.op, [found[j] for j in node.inputs])
            for j in {*node.inputs, k}:
                if last[j] <= k and j not in wanted:
                    del found[j]
        return [b for value in wanted for b in found[value]]

    def _step(self, k: int, op: Op, given: list[list[Any]]) -> list[Any]:
        p = self._count
        if isinstance(op, Affine):
            return self._affine(self._precise.map_of(k, op), given)
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
            found = [
                given[0][i * p + q] * given[1][j * p + q] for i, j in pairs for q in range(p)
            ]
            return self._known(k, found, [n for n, b in enumerate(found) if not b.is_finite()])
        return self._curve(k, op, given[0])

    def _affine(self, map_: _Map, given: list[list[Any]]) -> list[Any]:
        p = self._count
        total = [b for b in map_.bias for _ in range(p)]
        for part, x in zip(map_.parts, given, strict=True):
            if isinstance(part, list):
                for j, row in enumerate(part):
                    for i, c in row:
                        for q in range(p):
                            total[j * p + q] = total[j * p + q] + c * x[i * p + q]
            else:
                product = (part * matrix(len(x) // p, p, x)).entries()
                total = [a + b for a, b in zip(total, product, strict=True)]
        return total

    def _curve(self, k: int, op: Curve, x: list[Any]) -> list[Any]:
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

    def _through_float64(
        self, op: Curve, x: list[Any], found: list[Any], open_: list[int]
    ) -> None:
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


def _largest(balls: list[Any]) -> Any:
    most = balls[0]
    for b in balls[1:]:
        most = most.max(b)
    return most
