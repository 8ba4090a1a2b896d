"""The pipe of a flow: bounds on the states over time, and the failures that stopped it."""

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
    """Bounds on the states between two times, for some of the boxes.

    Args:
        end: Exact end; equal to `start` for an instant.
        boxes: `(b,)`: indices of the boxes.
        lo: `(b, n)`: lower bounds on the states.
        hi: `(b, n)`: upper bounds on the states.
        controls: Bounds on the held controls, `(b, m)` each; None at instants and without controls.
        tube: Models of the states over `tau` in [0, 1], from `start` to `end`; None if not kept.
        slack: `(b,)`: proved distance of the constrained functions from their limits; None if the
            question does not apply to this segment.
        edge: The initial boxes, for the instant 0, for the segment that begins at time 0, and for
            parts of this segment. None for all other segments, and if not kept. Also None after the
            instant 0 if a controller's memory changes the states there.
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
        """Build a segment from models, with bounds computed from their hull."""
        return Segment(start, end, boxes, *Hull.of(tube).ends(), controls, tube, edge=edge)

    @cached_property
    def hull(self) -> Hull:
        """The control points: models whose convex combinations are the states over the segment.

        Raises:
            ValueError: The models were not kept.
        """
        return Hull.of(self.models)

    @property
    def models(self) -> Models:
        """The Taylor models of the states over the segment.

        Raises:
            ValueError: The models were not kept.
        """
        if self.tube is None:
            raise ValueError(
                "The Taylor models of this pipe were not stored; compute the pipe again with "
                "`keep`."
            )
        return self.tube

    def range(self, rows: Sequence[Sequence[float]] | np.ndarray) -> Bounds:
        """Return lower and upper bounds on `rows @ x`, `(b, R)` each."""
        return self.hull.forms(np.atleast_2d(np.asarray(rows, np.float64)))

    def within(self, rows: np.ndarray, low: np.ndarray, high: np.ndarray) -> Bounds:
        """Return bounds on `rows @ x`, `(b, R)` each.

        If `edge` is given, the bounds are tightened: at time 0 to the range over the initial boxes,
        and after that to each limit that is proved not to be crossed from these boxes.

        Args:
            rows: Coefficients of the forms, `(R, n)`.
            low: `(R,)`: lower limits; `-inf` where there is no limit.
            high: `(R,)`: upper limits; `inf` where there is none.
        """
        ends = self.range(rows)
        return ends if self.edge is None else self.edge.within(rows, ends, low, high)

    def measure(self, graph: Graph) -> Bounds:
        """Return bounds on a function of `x` and `t` over the segment, `(b, outputs)` each.

        The bounds are infinite if the function may be undefined somewhere in the segment.

        Args:
            graph: A graph with inputs `x` and `t` or only one of the two.
        """
        return Hull.of(self.models_of(graph)).ends()

    def models_of(self, graph: Graph) -> Models:
        """Return a graph's values as Taylor models, with infinite remainders where undefined."""
        tube = self.models
        return evaluate(graph, {"x": tube, "t": self._clock(tube)}, Trouble())

    def forms(self, rows: np.ndarray) -> Models:
        """Return the linear forms `rows @ x` as Taylor models."""
        return affine(dense(np.asarray(rows, np.float64).T), [self.models])

    def _clock(self, tube: Models) -> Models:
        frame = tube.frame
        size = abs(float(self.start)) + abs(float(self.end))
        off = np.full((tube.count, 1), size * 2.0**-51)
        clock = constant(frame, np.full((tube.count, 1), float(self.start)), off, 0)
        if frame.time:
            clock.coef[..., frame.width] = float(self.end - self.start)
        return clock.pad(tube.sym.shape[-1])

    def bisect(self) -> tuple[Segment, Segment]:
        """Return the two halves of the segment in time."""
        middle = (self.start + self.end) / 2
        return self.restrict(self.start, middle), self.restrict(middle, self.end)

    def restrict(self, start: Fraction, end: Fraction) -> Segment:
        """Return the part of the segment that lies in `[start, end]`, which must overlap it."""
        start, end, whole = max(start, self.start), min(end, self.end), self.end - self.start
        if whole == 0 or (start, end) == (self.start, self.end):
            return self
        part = piece(self.models, (start - self.start) / whole, (end - self.start) / whole)
        return Segment.of(start, end, self.boxes, part, self.controls, self.edge)

    def take(self, some: np.ndarray, keep: bool) -> Segment:
        """Return the segment for the boxes that `some` selects, with models if `keep` is true."""
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
    """The answer to a question about a segment of a flowpipe, for each box.

    Args:
        open: `(b,)`: whether the segment leaves the question open for each box, which then stops.
        forms: For each box, Taylor models of the constrained function that leaves the box open.
            None if no box is open.
        excess: `(b,)`: how far this function exceeds its limits, relative to its width.
        slack: `(b,)`: least distance of any constrained function from its limits; None if the
            question does not apply to the segment.
    """

    open: np.ndarray
    forms: Models | None
    excess: np.ndarray
    slack: np.ndarray | None = None


Decide = Callable[[Segment], PipeDecision]
"""A question about a pipe: a function from a segment to a `PipeDecision`.

It is called for each segment and each instant while the models still exist."""


@dataclass(frozen=True)
class Failure:
    """The time at which the flow of a box stopped, and the reason.

    Args:
        box: Index of the box.
        time: The time up to which the pipe of the box is valid.
        cause: "open" (the question could not be decided), "step", "controller", "domain" or "time".
        text: Explanation of the cause for messages.
        lo: Lower bounds on the states at that time.
        hi: Upper bounds on the states at that time.
        blame: Contribution of each initial variable in `free` to the excess width.
        free: Indices of the states that vary at the beginning.
        kinds: Contributions of the controller's remainders and of the flow's remainders to the
            excess width.
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
    """Proved bounds on the states over time, and the failures of boxes that stopped early.

    Args:
        segments: Segments between instants, which together cover all times up to `reached`.
        instants: Segments at the beginning of each period and at the end.
        failures: At most one for each box.
        reached: The time up to which the pipe of each box is valid.
        loose: For each box, the largest fraction of a state's width at an instant that is due to
            remainders, and the contribution of each initial variable to these remainders.
        free: Indices of the states that vary at the beginning.
        interrupted: Whether Ctrl-C ended the flow.
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
        """Whether every box reached the end of the flow without a failure."""
        return not self.failures

    def at(self, time: Fraction) -> list[Segment]:
        """Return the segments that contain a time: its instant, or the segments around it."""
        exact = [s for s in self.instants if s.start == time]
        return exact or [s for s in self.segments if s.start <= time <= s.end]

    def during(self, start: Fraction, end: Fraction) -> list[Segment]:
        """Return segments that together cover `[start, end]`."""
        if start == end:
            return self.at(start)
        return [s for s in self.segments if s.start < end and start < s.end]

    def range(
        self, rows: Sequence[Sequence[float]] | np.ndarray, segments: Iterable[Segment]
    ) -> Bounds:
        """Return lower and upper bounds on `rows @ x` over segments, `(boxes, R)` each.

        A box that appears in no segment has the lower bound `inf` and the upper bound `-inf`.
        """
        rows = np.atleast_2d(np.asarray(rows, np.float64))
        least = np.full((self.boxes, len(rows)), np.inf)
        most = np.full((self.boxes, len(rows)), -np.inf)
        for segment in segments:
            low, high = segment.range(rows)
            least[segment.boxes] = np.minimum(least[segment.boxes], low)
            most[segment.boxes] = np.maximum(most[segment.boxes], high)
        return least, most
