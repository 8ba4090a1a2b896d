"""Exact flows of linear plants by the matrix exponential, computed in ball arithmetic.

With `x' = A x + B u + b t + c` and `u` held, the vector `z = (x, u, t, 1)` satisfies `z' = M z`,
and `exp(M h)` maps it from the beginning of a step to its end. Nothing is truncated, so the result
is exact up to the rounding of its coefficients. Between the instants Picard's operator encloses the
flow, as for any other plant.

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
from ..polynomials.models import Models, with_rounding


BITS = 128
"""Precision of the exponential, in bits."""

MOST = 40
"""Largest number of entries of a plant's inputs; with more, the exponential takes too long."""


class LinearFlow:
    """The flow of a plant whose right-hand side is affine.

    Args:
        graph: The right-hand side, made of affine maps and rearrangements only.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._states = graph.value_size(graph.output)
        self._maps: dict[Fraction, tuple[np.ndarray, np.ndarray]] = {}
        self._names = [slot.name for slot in graph.inputs for _ in range(slot.size)]

    @staticmethod
    def of(graph: Graph) -> LinearFlow | None:
        """Return the flow of a graph; None if the graph has no exact flow.

        A graph has an exact flow if it consists of affine maps and rearrangements, and if its only
        inputs are `x`, `u` and `t`, with at most `MOST` entries in total.
        """
        plain = all(isinstance(node.op, Affine | Rearrange) for node in graph.nodes)
        has_known_inputs = all(slot.name in ("x", "u", "t") for slot in graph.inputs)
        return LinearFlow(graph) if plain and has_known_inputs and graph.size <= MOST else None

    def end(self, x: Models, held: Models | None, start: Fraction, h: Fraction) -> Models:
        """Return the states at `start + h`, from models at `start` without remainders.

        Args:
            x: Models of the states.
            held: The controls, with the symbols of the states.
            start: Start of the step.
            h: Length of the step.
        """
        near, off = self._map(h)
        n, m = self._states, 0 if held is None else held.entries
        parts = [x] if held is None else [x, held]
        coef = np.concatenate([part.coef for part in parts], axis=1)
        sym = np.concatenate([part.sym for part in parts], axis=1)
        # The terms of the time and of the constant add up to one number per state.
        with precision(BITS):
            shift = [_near(near[i, n + m + 1] + ball(start) * near[i, n + m]) for i in range(n)]
        middle, wide = np.array(shift).T
        linear = np.array([[_near(near[i, j])[0] for j in range(n + m)] for i in range(n)])
        slack = off[:, : n + m]
        mapped, symbols = np.matmul(linear, coef), np.einsum("ij,bjts->bits", linear, sym)
        mapped[..., 0] += middle
        size = np.abs(coef).sum(axis=-1) + np.abs(sym).sum(axis=(-2, -1))
        g = gamma(n + m + 2)
        rest = size @ (np.abs(linear) * g + slack).T + wide + g * np.abs(middle)
        return Models(x.frame, mapped, symbols, with_rounding(rest))

    def _map(self, h: Fraction) -> tuple[Any, np.ndarray]:
        """Return `exp(M h)` in balls, ordered as `x, u, t, 1`, and bounds on its float64 errors."""
        if h not in self._maps:
            with precision(BITS):
                rows = self._derivative()
                size = len(rows)
                entries = [entry * ball(h) for row in rows for entry in row]
                exponential = matrix(size, size, entries).exp()
                off = [
                    [_near(exponential[i, j])[1] for j in range(size)] for i in range(self._states)
                ]
            self._maps[h] = exponential, np.array(off)
        return self._maps[h]

    def _derivative(self) -> list[list[Any]]:
        """Compute `M` in balls from the graph's values at zero and at unit vectors."""
        graph, d = self._graph, self._graph.size
        points = np.concatenate([np.zeros((1, d)), np.eye(d)])
        # Ranges are unused, since there is no curve.
        nothing = np.zeros((d + 1, 0)), np.zeros((d + 1, 0))
        ends = [nothing] * (len(graph.nodes) + 1)
        run = BallPass(graph, lambda k, op: CoefficientBalls.of(op), d + 1, ends, math.inf)
        balls = run.values([ball(v) for v in points.T.ravel().tolist()], [graph.output])
        assert balls is not None
        order = [
            j
            for name in ("x", "u")
            for j, name_of_input in enumerate(self._names)
            if name_of_input == name
        ]
        clock = [j for j, name_of_input in enumerate(self._names) if name_of_input == "t"]
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
    """Return a float64 near a ball's midpoint, and a bound on its distance to the ball's points."""
    low, high = float_ends(x)
    middle = 0.5 * low + 0.5 * high
    return middle, math.nextafter(max(high - middle, middle - low), math.inf)
