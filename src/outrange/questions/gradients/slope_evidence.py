"""Rigorous bounds on slopes at the points of an answer, computed until time runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from ...core import Bounds, Clock, InputError, OutOfTime, deadline, no_deadline
from ...core.box import Box
from ...core.clock import read_clock
from ...graph import Graph
from ...search.gradients.bounds import DerivativeEngine
from ...search.gradients.objectives import AT_ONCE, Partials


MOST_SHARE, LATE = 0.3, 0.5
"""Maximum fraction of the time limit spent on slopes at points, and the number of seconds after the
time limit in which a few slopes may still be evaluated.
"""

MOST_SLOPES = 1 << 20
"""Maximum number of pairs of an output and an input in one question."""

MOST_ENTRIES = 1 << 27
"""Maximum product of the number of slopes and the number of inputs.

An answer contains one input per bound on a slope. As float64 numbers, the inputs for all lower (or
all upper) bounds then fill at most 1 GiB.
"""


def check_count(count: int, inputs: int) -> None:
    """Raise an error if a question has more slopes than fit into memory.

    Args:
        count: Number of pairs of an output and an input.
        inputs: Size of a flat input. The answer contains an input for each bound on a slope.

    Raises:
        InputError: There are too many slopes.
    """
    most = min(MOST_SLOPES, MOST_ENTRIES // max(inputs, 1))
    if count > most:
        raise InputError(
            f"A question must have at most {most:,} slopes, one for each pair of an output and "
            f"an input; the model has {inputs:,} inputs. Select fewer pairs with `inputs=` and "
            f"`outputs=`. Received: {count:,} pairs."
        )


def both_ends(partials: Partials) -> Partials:
    """Return the given partial derivatives, followed by their negatives."""
    sign = np.concatenate([partials.sign, -partials.sign])
    return Partials(np.tile(partials.form, 2), np.tile(partials.direction, 2), sign)


class SlopeEvidence:
    """Evaluator of rigorous bounds on slopes at points; at a kink, the bounds cover all slopes.

    Args:
        graph: The network under study.
        where: Box of the inputs.
        asked: The partial derivatives to bound.
        clock: The clock of the question.
    """

    def __init__(self, graph: Graph, where: Box, asked: Partials, clock: Clock) -> None:
        self._count, self._engine, self._seconds = asked.form.size, None, 0.0
        middle = 0.5 * where.lo[None] + 0.5 * where.hi[None]
        with suppress(OutOfTime), deadline(max(LATE, MOST_SHARE * clock.left)):
            engine = DerivativeEngine(graph, where, both_ends(asked))
            began = read_clock()
            engine.bound(middle, middle)
            self._seconds = read_clock() - began
            self._engine = engine
        self.complete = self._engine is not None
        """Whether there was time for all points so far."""

    def reserve(self, points: int, clock: Clock) -> float:
        """Return how many seconds of the time limit to reserve for a given number of points."""
        if clock.limit == np.inf or self._engine is None:
            return 0.0
        return min(MOST_SHARE * clock.limit, points * self._seconds)

    def chunks(self, points: np.ndarray, clock: Clock) -> Iterator[tuple[np.ndarray, Bounds]]:
        """Yield indices of `c` points and bounds `(c, k)` on their slopes, while there is time."""
        defined = np.flatnonzero(~np.isnan(points).any(axis=1))
        if self._engine is None:
            return
        step = max(1, min(self._engine.chunk, AT_ONCE // max(1, 2 * self._count)))
        if clock.limit + LATE - clock.seconds < len(defined) * self._seconds:
            step = 1
        for i in range(0, len(defined), step):
            if clock.limit + LATE - clock.seconds < step * self._seconds:
                self.complete = False
                return
            at = defined[i : i + step]
            with no_deadline():
                lower = self._engine.bound(points[at], points[at]).least
            yield at, (lower[:, : self._count], -lower[:, self._count :])


class Best:
    """Running maxima of `count` quantities, with the index of the point that attains each."""

    def __init__(self, count: int) -> None:
        self.value, self.at = np.full(count, -np.inf), np.zeros(count, np.int64)

    def take(self, values: np.ndarray, at: np.ndarray) -> None:
        """Update the maxima with values `(c, count)` at the points with indices `at`, `(c,)`."""
        place = values.argmax(axis=0)
        most = values[place, np.arange(len(self.value))]
        better = most > self.value
        self.value[better], self.at[better] = most[better], at[place[better]]
