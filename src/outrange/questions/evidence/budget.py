"""Time reserved for evaluating the points of an answer, so that it meets its time limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import Box, Clock
from ...core.clock import read_clock
from ...graph import Graph
from ...graph.precise import BallEvaluator
from .evaluate import enclose, entries


RUNS = 16.0
"""Cost of the evidence for one point, as a multiple of the cost of running the graph in float64.

The evidence consists of an enclosure, the float32 error of each value, and the output of the user's
own model.
"""

SECONDS_A_PRODUCT = 4e-7
"""Estimated time in seconds per product counted by `BallEvaluator.work`.

It is four times the time measured in dense networks.

A single point of a small network with a softmax took up to 1.4 times this estimate.
"""

LITTLE = 0.02
"""If all points are estimated to take at most this fraction of the time limit, no enclosure is
timed.

For a small network, timing the enclosure of one point may take as long as the whole question.
"""

MOST_SHARE = 0.3
"""Maximum fraction of the time limit spent on points; if all points would take longer, fewer points
are evaluated.
"""

_TOGETHER = 2**18
"""Maximum number of entries of graph values in the timed evaluation, which includes at least
one point."""


@dataclass(frozen=True)
class EvidenceBudget:
    """Time reserved for evaluating the points that an answer reports.

    Args:
        seconds: Part of the time limit, in seconds, that the search must leave for the points; 0 if
            there is no time limit.
        points: Number of needed points that can be evaluated in that time, at least 1.
    """

    seconds: float
    points: int

    @classmethod
    def of(cls, graph: Graph, box: Box, points: int, clock: Clock) -> EvidenceBudget:
        """Estimate the budget from a few timed evaluations.

        Args:
            graph: The graph to evaluate.
            box: The box of the inputs.
            points: Number of points that the answer needs.
            clock: The clock of the question.
        """
        if not np.isfinite(clock.limit):
            return cls(0.0, points)
        count = max(1, min(points, _TOGETHER // max(1, entries(graph))))
        x = np.repeat(0.5 * box.lo[None] + 0.5 * box.hi[None], count, axis=0)
        begin = read_clock()
        graph.run(x)
        each = RUNS * (read_clock() - begin) / count
        precise = BallEvaluator(graph)
        likely = SECONDS_A_PRODUCT * precise.work
        if precise.affordable and likely * points <= LITTLE * clock.limit:
            each = max(each, likely)
        elif precise.affordable:
            # A point may need balls of many digits, and the first one reads the coefficients.
            begin = read_clock()
            enclose(graph, x[:1])
            each = max(each, read_clock() - begin)
        seconds = min(each * points, MOST_SHARE * clock.limit)
        return cls(seconds, max(1, min(points, int(seconds / each))) if each else points)

    def spread(self, count: int) -> np.ndarray:
        """Return the indices of the points to evaluate, out of `count`.

        If only `points` of them can be evaluated, the indices are spread evenly, up to rounding.
        """
        return np.unique(np.linspace(0, count - 1, min(count, self.points)).astype(int))
