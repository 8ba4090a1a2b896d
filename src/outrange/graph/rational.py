"""Evaluation of a piecewise-linear graph at a point, in exact rational arithmetic."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property

import numpy as np

from ..core import seconds_left
from ..ops import Affine, Curve, Largest, Rearrange
from .graph import Graph, Op


MOST_COEFFICIENTS = 1 << 20
"""Largest total number of coefficients in the affine maps of a graph that is evaluated."""

MOST_WORK = 1 << 26
"""Approximate limit on the multiplications of 64-bit numbers per point."""


class RationalEvaluator:
    """An evaluator of a graph at points in rational numbers.

    Where an enclosure straddles a threshold, exact evaluation decides on which side the value lies.
    Numbers are integers times a power of two. Coefficients are found by applying the ops to unit
    vectors, which is exact for ops with `Affine.plain`. A value is unknown if it depends on a
    rounded coefficient, on a product, or on a curve that jumps or is not an exact line at its
    argument.

    Args:
        graph: The network to evaluate.

    Sound: nothing is rounded. Complete: no, see above. Cost: a multiplication of long integers per
    coefficient, limited by `MOST_WORK` and the deadline; the coefficients are read once.

    Example:
        >>> from outrange.graph import Builder, Slot
        >>> builder = Builder([Slot("x", (2,))])
        >>> (x,) = builder.input_values()
        >>> graph = builder.finish([builder.curve("relu", x)], ["y"])
        >>> RationalEvaluator(graph).at(np.array([0.5, -1.0]), [graph.output])
        [[Fraction(1, 2), Fraction(0, 1)]]
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def at(self, x: np.ndarray, values: Sequence[int]) -> list[list[Fraction] | None]:
        """Return the exact entries of each of `values` at the point `x`, `(d,)`.

        The result is None for each value that has an unknown entry.
        """
        if not self._small or not np.isfinite(x).all():
            return [None] * len(values)
        computed: list[_Dyadic | None] = [_Dyadic.of(x)]
        work = float(MOST_WORK)
        for k, node in enumerate(self._graph.nodes, 1):
            if isinstance(node.op, Affine):
                digits = max((-g.power for j in node.inputs if (g := computed[j])), default=0) / 64
                work -= node.op.size * sum(node.op.sizes) * (1.0 + digits)
            if work < 0 or seconds_left() < 0:
                return [None] * len(values)
            inputs = [computed[j] for j in node.inputs]
            arguments = [g for g in inputs if g is not None]
            computed.append(
                self._step(k, node.op, arguments) if len(arguments) == len(inputs) else None
            )
        return [None if (v := computed[value]) is None else v.fractions() for value in values]

    @cached_property
    def _small(self) -> bool:
        ops = (node.op for node in self._graph.nodes)
        sizes = (op.size * sum(op.sizes) for op in ops if isinstance(op, Affine))
        return sum(sizes) <= MOST_COEFFICIENTS

    @cached_property
    def _read(self) -> dict[int, list[_Dyadic] | None]:
        return {}

    def _step(self, k: int, op: Op, inputs: list[_Dyadic]) -> _Dyadic | None:
        if isinstance(op, Affine):
            if k not in self._read:
                self._read[k] = _coefficients(op)
            matrices = self._read[k]
            if matrices is None:
                return None
            *parts, bias = matrices
            products = (g.times(part) for g, part in zip(inputs, parts, strict=True))
            return _Dyadic.sum([*products, bias])
        if isinstance(op, Rearrange):
            return _rearrange(op, inputs)
        if isinstance(op, Largest):
            numbers = inputs[0].numbers
            most = [max(numbers[i] for i in window if i >= 0) for window in op.windows.tolist()]
            return _Dyadic(np.array(most, object), inputs[0].power)
        if isinstance(op, Curve):
            moved = [_on_line(op, value) for value in inputs[0].fractions()]
            exact = [value for value in moved if value is not None]
            return _Dyadic.from_fractions(exact) if len(exact) == len(moved) else None
        return None


def _coefficients(op: Affine) -> list[_Dyadic] | None:
    """Return the matrix `(n_i, m)` of each input, followed by the bias.

    Returns None if they are not known exactly.
    """
    if not op.plain or op.ulps:
        return None
    zeros = [np.zeros((1, n)) for n in op.sizes]
    matrices = []
    for i, n in enumerate(op.sizes):
        unit = [np.broadcast_to(z, (n, z.size)) for z in zeros]
        unit[i] = np.eye(n)
        matrices.append(np.asarray(op.apply(tuple(unit), False), np.float64).reshape(n, op.size))
    matrices.append(np.asarray(op.bias, np.float64))
    if not all(np.isfinite(m).all() for m in matrices):
        return None
    return [_Dyadic.of(m) for m in matrices]


def _rearrange(op: Rearrange, inputs: list[_Dyadic]) -> _Dyadic | None:
    if not np.isfinite(op.fill[op.index < 0]).all():
        return None
    fill = _Dyadic.of(np.where(op.index < 0, op.fill, 0.0))
    power = min(fill.power, *(g.power for g in inputs))
    every = np.concatenate([g.align(power) for g in inputs])
    picked = every[np.maximum(op.index, 0)]
    return _Dyadic(np.where(op.index < 0, fill.align(power), picked), power)


def _on_line(curve: Curve, value: Fraction) -> Fraction | None:
    """Return the curve at `value` if it is an exact line without a jump there, otherwise None."""
    if curve.lines is None or not curve.on[0] <= value <= curve.on[1]:
        return None
    if any(value == p for p in (*curve.jumps, *curve.holes)):
        return None
    # At a knot both neighboring lines must agree.
    gaps = {bisect_left(curve.knots, value), bisect_right(curve.knots, value)}
    results = set()
    for gap in gaps:
        line = curve.lines[gap]
        if line is None:
            return None
        results.add(Fraction(float(line[0])) * value + Fraction(float(line[1])))
    return results.pop() if len(results) == 1 else None


class _Dyadic:
    """An array of dyadic numbers `numbers * 2**power`, with Python integers as `numbers`."""

    def __init__(self, numbers: np.ndarray, power: int) -> None:
        self.numbers, self.power = numbers, power

    @classmethod
    def of(cls, values: np.ndarray) -> _Dyadic:
        """Convert finite float64 values to dyadic numbers."""
        values = np.asarray(values, np.float64)
        part, power = np.frexp(values)
        whole = np.ldexp(part, 53).astype(np.int64)
        power = power.astype(np.int64) - 53
        least = int(power[whole != 0].min(initial=0))
        numbers = np.empty(values.size, object)
        numbers[:] = [
            w << (p - least) if w else 0
            for w, p in zip(whole.ravel().tolist(), power.ravel().tolist(), strict=True)
        ]
        return cls(numbers.reshape(values.shape), least)

    @classmethod
    def from_fractions(cls, values: Sequence[Fraction]) -> _Dyadic:
        """Convert fractions whose denominators are powers of two to dyadic numbers."""
        power = -max((v.denominator.bit_length() - 1 for v in values), default=0)
        numbers = np.empty(len(values), object)
        numbers[:] = [int(v * (1 << -power)) for v in values]
        return cls(numbers, power)

    @classmethod
    def sum(cls, parts: Sequence[_Dyadic]) -> _Dyadic:
        power = min(part.power for part in parts)
        total = parts[0].align(power)
        for part in parts[1:]:
            total = total + part.align(power)
        return cls(total, power)

    def align(self, power: int) -> np.ndarray:
        """Return the integers that represent the same numbers with a lower power."""
        shift = self.power - power
        return self.numbers * (1 << shift) if shift else self.numbers

    def times(self, matrix: _Dyadic) -> _Dyadic:
        return _Dyadic(np.dot(self.numbers, matrix.numbers), self.power + matrix.power)

    def fractions(self) -> list[Fraction]:
        if self.power >= 0:
            return [Fraction(n << self.power) for n in self.numbers.tolist()]
        unit = 1 << -self.power
        return [Fraction(n, unit) for n in self.numbers.tolist()]
