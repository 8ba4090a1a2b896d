"""Linear plants: from one instant to the next by the matrix exponential, in balls.

With `x' = A x + B u + b t + c` and `u` held, the vector `(x, u, t, 1)` has a linear derivative `M`,
and `exp(M h)` takes it from the beginning of a step to its end. Nothing is cut, so the form at the
end is exact up to the rounding of its coefficients; between the instants Picard's operator encloses
the flow as it does any other.

Reference: F. Johansson, *Arb: efficient arbitrary-precision midpoint-radius interval arithmetic*,
IEEE Transactions on Computers 66 (2017).
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from ...core import gamma
from ...graph import Graph
from ...graph.ball_pass import BallPass, CoefficientBalls
from ...ops import Affine, Rearrange
from ...ops.numerics.balls import ball, float_ends, matrix, precision
from ..polynomials.models import Models, paid


BITS = 128
"""Precision of the exponential."""

MOST = 40
"""Numbers that a plant takes; with more, the exponential would take longer than it is worth."""


class LinearFlow:
    """The flow of a plant whose right side is affine.

    Args:
        graph: Of affine maps and rearrangements alone.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._states = graph.value_size(graph.output)
        self._made: dict[Fraction, tuple[np.ndarray, np.ndarray]] = {}
        self._names = [slot.name for slot in graph.inputs for _ in range(slot.size)]

    @staticmethod
    def of(graph: Graph) -> LinearFlow | None:
        """The flow of a graph if it is linear in `x`, `u` and `t`."""
        plain = all(isinstance(node.op, Affine | Rearrange) for node in graph.nodes)
        known = all(slot.name in ("x", "u", "t") for slot in graph.inputs)
        return LinearFlow(graph) if plain and known and graph.size <= MOST else None

    def end(self, x: Models, held: Models | None, start: Fraction, h: Fraction) -> Models:
        """The states at `start + h`, from models at `start` without remainders.

        Args:
            x: The states.
            held: The controls, with the symbols of the states.
            start: Of the step.
            h: Of the step.
        """
        near, off = self._map(h)
        n, m = self._states, 0 if held is None else held.entries
        parts = [x] if held is None else [x, held]
        coef = np.concatenate([part.coef for part in parts], axis=1)
        sym = np.concatenate([part.sym for part in parts], axis=1)
        # What of the time and of the constant adds up to is a number.
        with precision(BITS):
            shift = [_near(near[i, n + m + 1] + ball(start) * near[i, n + m]) for i in range(n)]
        middle, wide = np.array(shift).T
        linear = np.array([[_near(near[i, j])[0] for j in range(n + m)] for i in range(n)])
        slack = off[:, : n + m]
        found, symbols = np.matmul(linear, coef), np.einsum("ij,bjts->bits", linear, sym)
        found[..., 0] += middle
        size = np.abs(coef).sum(axis=-1) + np.abs(sym).sum(axis=(-2, -1))
        g = gamma(n + m + 2)
        rest = size @ (np.abs(linear) * g + slack).T + wide + g * np.abs(middle)
        return Models(x.frame, found, symbols, paid(rest))

    def _map(self, h: Fraction) -> tuple[Any, np.ndarray]:
        """`exp(M h)`, in the order `x, u, t, 1`, and how far its middles may be off."""
        if h not in self._made:
            with precision(BITS):
                rows = self._derivative()
                size = len(rows)
                entries = [entry * ball(h) for row in rows for entry in row]
                found = matrix(size, size, entries).exp()
                off = [[_near(found[i, j])[1] for j in range(size)] for i in range(self._states)]
            self._made[h] = found, np.array(off)
        return self._made[h]

    def _derivative(self) -> list[list[Any]]:
        """`M` in balls: what the graph makes of zero and of unit vectors."""
        graph, d = self._graph, self._graph.size
        points = np.concatenate([np.zeros((1, d)), np.eye(d)])
        # Nothing reads them: there is no curve.
        nothing = np.zeros((d + 1, 0)), np.zeros((d + 1, 0))
        ends = [nothing] * (len(graph.nodes) + 1)
        run = BallPass(graph, lambda k, op: CoefficientBalls.of(op), d + 1, ends, math.inf)
        balls = run.values([ball(v) for v in points.T.ravel().tolist()], [graph.output])
        assert balls is not None
        order = [j for name in ("x", "u") for j, own in enumerate(self._names) if own == name]
        clock = [j for j, own in enumerate(self._names) if own == "t"]
        size = len(order) + 2
        rows = []
        for i in range(self._states):
            at = balls[i * (d + 1) : (i + 1) * (d + 1)]
            row = [at[1 + j] - at[0] for j in order]
            row.append(at[1 + clock[0]] - at[0] if clock else ball(0.0))
            rows.append([*row, at[0]])
        rows += [[ball(0.0)] * size for _ in range(size - self._states)]
        rows[-2][-1] = ball(1.0)
        return rows


def _near(x: Any) -> tuple[float, float]:
    """A float64 near a ball, and more than the distance of any number in it."""
    low, high = float_ends(x)
    middle = 0.5 * low + 0.5 * high
    return middle, math.nextafter(max(high - middle, middle - low), math.inf)
