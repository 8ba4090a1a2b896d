"""Time set aside for evaluating the points of an answer, so that it comes within its limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import Box, Clock
from ...core.clock import read_clock
from ...graph import Graph
from ...graph.precise import Precise
from .evaluate import enclose, entries


RUNS = 16.0
"""Plain evaluations that the evidence of a point costs: its enclosure, what float32 may do to each
value, the user's own model."""

SECONDS_A_PRODUCT = 4e-7
"""Of `Precise.work`: four times what dense networks took, 0.1 microseconds; of small ones with a
softmax a point alone took up to 1.4 times this."""

LITTLE = 0.02
"""Of the time limit: points that take no more by that estimate are evaluated without timing one,
which would take as long as many questions about a small network."""

MOST_SHARE = 0.3
"""Of the time limit: beyond it fewer points are evaluated."""

_TOGETHER = 2**18
"""Values of the graph in the evaluation that is timed, if there are so many points."""


@dataclass(frozen=True)
class EvidenceBudget:
    """How long the points of an answer may be evaluated.

    Args:
        seconds: To keep back from the search.
        points: How many points they are enough for.
    """

    seconds: float
    points: int

    @classmethod
    def of(cls, graph: Graph, box: Box, points: int, clock: Clock) -> EvidenceBudget:
        """Time a few evaluations.

        Args:
            graph: What is evaluated.
            box: The inputs.
            points: How many points there will be.
            clock: Of the question.
        """
        if not np.isfinite(clock.limit):
            return cls(0.0, points)
        count = max(1, min(points, _TOGETHER // max(1, entries(graph))))
        x = np.repeat(0.5 * box.lo[None] + 0.5 * box.hi[None], count, axis=0)
        begin = read_clock()
        graph.run(x)
        each = RUNS * (read_clock() - begin) / count
        precise = Precise(graph)
        likely = SECONDS_A_PRODUCT * precise.work
        if precise.affordable and likely * points <= LITTLE * clock.limit:
            each = max(each, likely)
        elif precise.affordable:
            # A point may take balls of many digits, and its coefficients are read for the first.
            begin = read_clock()
            enclose(graph, x[:1])
            each = max(each, read_clock() - begin)
        seconds = min(each * points, MOST_SHARE * clock.limit)
        return cls(seconds, max(1, min(points, int(seconds / each))) if each else points)

    def spread(self, count: int) -> np.ndarray:
        """Which of `count` points are evaluated: evenly chosen, all if there is time."""
        return np.unique(np.linspace(0, count - 1, min(count, self.points)).astype(int))
