"""Where a loop can be, and when: what a flow returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from ..core import Bounds
from .polynomials.models import Models
from .polynomials.ranges import Hull, instant_hull


@dataclass(frozen=True, eq=False)
class Segment:
    """Where some of the boxes are between two times.

    Args:
        start: Exactly.
        end: Exactly; equal to `start` for an instant.
        boxes: `(b,)` which of the boxes.
        lo: `(b, n)` the least values of the states.
        hi: `(b, n)` the largest.
        hull: Models of which the states are convex combinations; None where not kept.
        controls: The ends of the controls `(b, m)` that are held; None without controls.
    """

    start: Fraction
    end: Fraction
    boxes: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    hull: Hull | None = None
    controls: Bounds | None = None

    def range(self, rows: np.ndarray) -> Bounds:
        """Least and largest values of `rows @ x`, `(b, R)` each.

        Raises:
            ValueError: The models were not kept.
        """
        if self.hull is None:
            raise ValueError("The forms of this pipe were not kept; ask for them with `keep`.")
        return self.hull.forms(np.atleast_2d(np.asarray(rows, np.float64)))


@dataclass(frozen=True)
class Failure:
    """Where a flow had to stop.

    Args:
        box: Which of the boxes.
        time: Up to when its pipe holds.
        cause: "step", "remainder", "control", "domain" or "time".
        text: The same as a sentence.
        lo: The least values of the states at that time.
        hi: The largest.
    """

    box: int
    time: Fraction
    cause: str
    text: str
    lo: tuple[float, ...]
    hi: tuple[float, ...]


@dataclass(eq=False)
class FlowPipe:
    """Everything a flow proved.

    Args:
        states: How many states there are.
        boxes: How many boxes there were.
        segments: Between instants, by time; together they cover all times up to `reached`.
        instants: At the beginning of each period and at the end.
        failures: One a box at most.
        reached: Of each box, up to when the pipe holds.
        final: The models of the boxes that reached the end, and which those are.
    """

    states: int
    boxes: int
    segments: list[Segment] = field(default_factory=list)
    instants: list[Segment] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    reached: list[Fraction] = field(default_factory=list)
    final: tuple[Models, np.ndarray] | None = None

    @property
    def complete(self) -> bool:
        """Whether every box reached the end."""
        return not self.failures

    def at(self, time: Fraction) -> list[Segment]:
        """What is known of one time: the instant itself, or the segments that hold it."""
        exact = [s for s in self.instants if s.start == time]
        return exact or [s for s in self.segments if s.start <= time <= s.end]

    def during(self, start: Fraction, end: Fraction) -> list[Segment]:
        """Segments that together hold all times of `[start, end]`."""
        if start == end:
            return self.at(start)
        return [s for s in self.segments if s.start < end and start < s.end]

    def range(
        self, rows: Sequence[Sequence[float]] | np.ndarray, segments: Sequence[Segment]
    ) -> Bounds:
        """Least and largest values of `rows @ x` of each box over some segments, `(boxes, R)`."""
        rows = np.atleast_2d(np.asarray(rows, np.float64))
        least = np.full((self.boxes, len(rows)), np.inf)
        most = np.full((self.boxes, len(rows)), -np.inf)
        for segment in segments:
            low, high = segment.range(rows)
            least[segment.boxes] = np.minimum(least[segment.boxes], low)
            most[segment.boxes] = np.maximum(most[segment.boxes], high)
        return least, most


def instant(models: Models, boxes: np.ndarray, time: Fraction, keep: bool) -> Segment:
    """A segment of one time."""
    hull = instant_hull(models)
    return Segment(time, time, boxes, *hull.ends(), hull if keep else None)
