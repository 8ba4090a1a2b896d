"""Where a loop can be, and when: what a flow returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np

from ...core import Bounds
from ...graph import Graph
from ...ops import dense
from ..polynomials.field import Trouble, evaluate
from ..polynomials.models import Models, affine, constant
from ..polynomials.ranges import Hull, piece
from .edges import FirstBox


@dataclass(eq=False)
class Segment:
    """Where some of the boxes are between two times.

    Args:
        start: Exactly.
        end: Exactly; equal to `start` for an instant.
        boxes: `(b,)` which of the boxes.
        lo: `(b, n)` the least values of the states.
        hi: `(b, n)` the largest.
        controls: The ends of the controls that are held, `(b, m)` each; None at instants.
        tube: The models, over `tau` in [0, 1] from `start` to `end`; None where not kept.
        slack: `(b,)` how much of what is asked is left here, proved; None where nothing was asked.
        edge: Of a segment that begins at time 0, the boxes that it begins with.
    """

    start: Fraction
    end: Fraction
    boxes: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    controls: Bounds | None = None
    tube: Models | None = field(default=None, repr=False)
    slack: np.ndarray | None = None
    edge: FirstBox | None = field(default=None, repr=False)

    @staticmethod
    def of(
        start: Fraction,
        end: Fraction,
        boxes: np.ndarray,
        tube: Models,
        controls: Bounds | None,
        edge: FirstBox | None = None,
    ) -> Segment:
        """Models and their hull."""
        return Segment(start, end, boxes, *Hull.of(tube).ends(), controls, tube, edge=edge)

    @cached_property
    def hull(self) -> Hull:
        """Models of which the states are convex combinations.

        Raises:
            ValueError: The models were not kept.
        """
        return Hull.of(self.models)

    @property
    def models(self) -> Models:
        """The Taylor models.

        Raises:
            ValueError: They were not kept.
        """
        if self.tube is None:
            raise ValueError("The forms of this pipe were not kept; ask for them with `keep`.")
        return self.tube

    def range(self, rows: Sequence[Sequence[float]] | np.ndarray) -> Bounds:
        """Least and largest values of `rows @ x`, `(b, R)` each."""
        return self.hull.forms(np.atleast_2d(np.asarray(rows, np.float64)))

    def within(self, rows: np.ndarray, low: np.ndarray, high: np.ndarray) -> Bounds:
        """The same, cut to the limits that no trajectory from the initial boxes crosses.

        Args:
            rows: `(R, n)`.
            low: `(R,)`; `-inf` where there is no limit.
            high: `(R,)`; `inf` where there is none.
        """
        ends = self.range(rows)
        return ends if self.edge is None else self.edge.within(rows, ends, low, high)

    def measure(self, graph: Graph) -> Bounds:
        """Least and largest values of any function of `x` and `t`, `(b, outputs)` each.

        Infinite where the function is not defined on all of the segment.

        Args:
            graph: Its inputs are named `x` and `t`, or one of the two.
        """
        return Hull.of(self.measured(graph)).ends()

    def measured(self, graph: Graph) -> Models:
        """The function as Taylor models; infinite remainders where it is not defined."""
        tube = self.models
        return evaluate(graph, {"x": tube, "t": self._clock(tube)}, Trouble())

    def forms(self, rows: np.ndarray) -> Models:
        """`rows @ x` as Taylor models."""
        return affine(dense(np.asarray(rows, np.float64).T), [self.models])

    def _clock(self, tube: Models) -> Models:
        frame = tube.frame
        size = abs(float(self.start)) + abs(float(self.end))
        off = np.full((tube.count, 1), size * 2.0**-51)
        clock = constant(frame, np.full((tube.count, 1), float(self.start)), off, 0)
        if frame.time:
            clock.coef[..., frame.width] = float(self.end - self.start)
        return clock.padded(tube.sym.shape[-1])

    def halves(self) -> tuple[Segment, Segment]:
        """The same in two parts of equal time."""
        middle = (self.start + self.end) / 2
        return self.between(self.start, middle), self.between(middle, self.end)

    def between(self, start: Fraction, end: Fraction) -> Segment:
        """The same over what it shares with an interval of time; the two do meet."""
        start, end, whole = max(start, self.start), min(end, self.end), self.end - self.start
        if whole == 0 or (start, end) == (self.start, self.end):
            return self
        part = piece(self.models, (start - self.start) / whole, (end - self.start) / whole)
        return Segment.of(start, end, self.boxes, part, self.controls, self.edge)

    def take(self, some: np.ndarray, keep: bool) -> Segment:
        """Some of its boxes, with or without the models."""
        controls = None
        if self.controls is not None:
            controls = self.controls[0][some], self.controls[1][some]
        tube = self.tube.take(some) if keep and self.tube is not None else None
        slack = None if self.slack is None else self.slack[some]
        ends = self.lo[some], self.hi[some]
        edge = self.edge.take(some) if keep and self.edge is not None else None
        return Segment(self.start, self.end, self.boxes[some], *ends, controls, tube, slack, edge)


@dataclass(frozen=True, eq=False)
class PipeDecision:
    """What a question makes of a segment.

    Args:
        open: `(b,)` the boxes of which the segment does not answer it: they stop.
        forms: Of each box one form that is too wide there: what makes it so is blamed. None where
            no box is open.
        excess: `(b,)` how far that form leaves its limits, as a share of its width.
        slack: `(b,)` how far all forms stay from their limits at least; None where nothing counts.
    """

    open: np.ndarray
    forms: Models | None
    excess: np.ndarray
    slack: np.ndarray | None = None


Decide = Callable[[Segment], PipeDecision]
"""Asked about every segment and every instant, while its models are at hand."""


@dataclass(frozen=True)
class Failure:
    """Where a flow had to stop.

    Args:
        box: Which of the boxes.
        time: Up to when its pipe holds.
        cause: "open" (the question could not be decided), "step", "controller", "domain" or "time".
        text: The same as a sentence.
        lo: The least values of the states at that time.
        hi: The largest.
        blame: Of each initial variable, how much it adds to what was too wide; they are those of
            `free`.
        free: The states that are not points at the beginning.
        kinds: How much the remainders of the controller and of the flow add to it.
    """

    box: int
    time: Fraction
    cause: str
    text: str
    lo: tuple[float, ...]
    hi: tuple[float, ...]
    blame: tuple[float, ...] = ()
    free: tuple[int, ...] = ()
    kinds: tuple[float, ...] = ()


@dataclass(eq=False)
class FlowPipe:
    """Everything a flow proved.

    Args:
        states: How many states there are.
        boxes: How many boxes there were.
        segments: Between instants; together they cover all times up to `reached`.
        instants: At the beginning of each period and at the end.
        failures: One a box at most.
        reached: Of each box, up to when the pipe holds.
        loose: Of each box, the largest share that remainders have in the width of a state at an
            instant, and how much of those each initial variable is to blame for.
        free: The states that are not points at the beginning: those variables.
        interrupted: Whether Ctrl-C ended it.
    """

    states: int
    boxes: int
    segments: list[Segment] = field(default_factory=list)
    instants: list[Segment] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    reached: list[Fraction] = field(default_factory=list)
    loose: list[tuple[float, tuple[float, ...]]] = field(default_factory=list)
    free: tuple[int, ...] = ()
    interrupted: bool = False

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
        self, rows: Sequence[Sequence[float]] | np.ndarray, segments: Iterable[Segment]
    ) -> Bounds:
        """Least and largest values of `rows @ x` of each box over some segments, `(boxes, R)`.

        A box that no segment holds has the ends `inf` and `-inf`.
        """
        rows = np.atleast_2d(np.asarray(rows, np.float64))
        least = np.full((self.boxes, len(rows)), np.inf)
        most = np.full((self.boxes, len(rows)), -np.inf)
        for segment in segments:
            low, high = segment.range(rows)
            least[segment.boxes] = np.minimum(least[segment.boxes], low)
            most[segment.boxes] = np.maximum(most[segment.boxes], high)
        return least, most
