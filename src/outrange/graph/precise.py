"""Evaluation of a graph at points in ball arithmetic of growing precision.

Interval arithmetic in float64 loses digits with every layer. Where values feed back through many
layers (a loop of a controller and its plant), a well-determined value may have no correct digit
left. Balls of growing precision lose as many digits, but start with more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..core import Bounds, seconds_left, work
from ..core.clock import charge, read_clock
from ..ops import Affine, Curve
from ..ops.numerics.balls import balls, precision
from .ball_pass import BallPass, CoefficientBalls
from .graph import Graph


FIRST_BITS, MOST_BITS = 128, 4096
"""The precision in bits starts at the first number and doubles up to the second."""

MOST_COEFFICIENTS = 1 << 22
"""Largest total number of coefficients in the affine maps of a graph that is evaluated."""

MOST_WORK = 1 << 29
"""Approximate limit on products of 64-bit numbers per call: a few seconds of work."""

CURVE_WORK = 256
"""Cost of one value of a curve, in products of 64-bit numbers."""

LEAST_SECONDS = 0.25
"""Least time limit of a call, in seconds, even after the deadline."""


class BallEvaluator:
    """An evaluator of a graph at points in balls of growing precision.

    Args:
        graph: The network to evaluate.

    Sound: a ball contains the real value. Float64 intervals replace balls for a curve without a
    definition in ball arithmetic, and where that definition fails. Elsewhere, every op is
    continuous except at jumps, so balls shrink to the value wherever coefficients are exact and no
    jump is met. Cost: bounded by `MOST_WORK`, by `MOST_COEFFICIENTS` and by the deadline;
    coefficients are read once.

    Example:
        >>> from outrange.domains import bounds
        >>> from outrange.graph import Builder, Slot
        >>> builder = Builder([Slot("x", (1,))])
        >>> (x,) = builder.input_values()
        >>> graph = builder.finish([builder.curve("tanh", x)], ["y"])
        >>> at = np.array([[0.5]])
        >>> evaluator, ends = BallEvaluator(graph), bounds(graph, at, at)
        >>> (balls, *_) = evaluator.passes(at, ends, [graph.output], 128)
        >>> round(float(balls[0].mid()), 12)
        0.46211715726
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._maps: dict[int, CoefficientBalls] = {}

    def passes(
        self,
        points: np.ndarray,
        ends: Sequence[Bounds],
        values: Sequence[int],
        bits: int,
        until: float | None = None,
    ) -> Iterator[list[Any]]:
        """Yield balls around the entries of `values`, with more bits in each pass.

        Args:
            points: Finite points, `(batch, inputs)`.
            ends: Float64 lower and upper bounds of every value of the graph, `(batch, n)` each.
            values: Indices of the requested values.
            bits: The precision of the first pass.
            until: Time at which to give up, as `read_clock` counts it; `latest()` by default.

        Yields:
            One ball per entry and point, ordered by entry and then by point. Passes end when time
            or work is used up, after `MOST_BITS`, or when more digits do not help. There is no pass
            if the graph has too many coefficients or a point is not finite.
        """
        if not self.affordable or not np.isfinite(points).all():
            return
        until = latest() if until is None else until
        products, last_width = float(MOST_WORK), math.inf
        while bits <= MOST_BITS:
            products -= len(points) * self.work * (bits / 64)
            if products < 0:
                return
            charge(work.BALL * len(points) * self.work * (bits / 64))
            with precision(bits):
                run = BallPass(self._graph, self._map_of, len(points), ends, until)
                enclosures = run.values(balls(points.T.ravel().tolist()), values)
            if enclosures is None:
                return
            yield enclosures
            width = max((_radius(b) for b in enclosures), default=0.0)
            if width == 0.0 or 0.5 * last_width < width < math.inf:
                return
            last_width = width
            bits *= 2

    @property
    def graph(self) -> Graph:
        """The graph that is evaluated."""
        return self._graph

    def _map_of(self, k: int, op: Affine) -> CoefficientBalls:
        """Return the coefficients of node `k` as balls, which are computed once."""
        if k not in self._maps:
            self._maps[k] = CoefficientBalls.of(op)
        return self._maps[k]

    @cached_property
    def affordable(self) -> bool:
        """Whether the graph has at most `MOST_COEFFICIENTS` coefficients."""
        ops = (node.op for node in self._graph.nodes)
        return sum(_products(op) for op in ops if isinstance(op, Affine)) <= MOST_COEFFICIENTS

    @cached_property
    def work(self) -> int:
        """Estimated number of 64-bit products for one point at a precision of 64 bits."""
        return sum(
            _products(node.op) if isinstance(node.op, Affine)
            else node.size * (CURVE_WORK if isinstance(node.op, Curve) else 4)
            for node in self._graph.nodes
        )  # fmt: skip


def latest(seconds: float = math.inf) -> float:
    """Return the time, as `read_clock` counts it, at which an evaluation gives up.

    Args:
        seconds: Time limit from now. The ambient deadline shortens it, but never to less than
            `LEAST_SECONDS`.
    """
    return read_clock() + max(min(seconds, seconds_left()), LEAST_SECONDS)


def _products(op: Affine) -> int:
    """Return the number of multiplications in one application of an affine op."""
    if op.factor is not None:
        return op.size
    if op.coefficients is not None:
        return op.size * len(op.coefficients)
    return op.size * sum(op.sizes)


def _radius(b: Any) -> float:
    return float(b.rad()) if b.is_finite() else math.inf
