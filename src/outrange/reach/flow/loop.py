"""Computation of the flowpipe of a loop whose controls are constant over each period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from ...core import Bounds, InputError, OutOfTime, check_deadline, deadline as until
from ...graph import Graph
from ..polynomials.field import Trouble, evaluate
from ..polynomials.frame import MonomialFrames
from ..polynomials.models import Models
from ..polynomials.ranges import Hull, at_end
from .controllers import Controller, SampledControl
from .edges import FirstBox
from .initial import corners, initial_models, plant_inputs
from .linear import LinearFlow
from .picard import TIME, ordered_step
from .pipe import Decide, Failure, FlowPipe, Segment
from .spans import Span
from .symbols import SymbolOrigins, reduce_symbols, reduce_symbols_jointly


HALVINGS = 6
"""Largest number of times that a period is bisected into shorter steps."""

SYMBOLS = 12
"""Maximum number of symbols per state at the beginning of a period, and half the maximum within a
period. If there are more, the smallest symbols are merged."""

ORDER = 2
"""The default degree of the models in the initial variables."""


def flow_pipe(
    plant: Graph,
    controller: Graph | SampledControl | None,
    boxes: Sequence | Bounds,
    dt: Fraction,
    steps: int,
    deadline: float | None = None,
    *,
    disturbance: Bounds | None = None,
    decide: Decide | None = None,
    keep: bool = True,
    order: int = ORDER,
) -> FlowPipe:
    """Bound the states of a loop at all times, for each of many boxes of initial states.

    Sound: for every initial state in a box and every disturbance, the solution of
    `x' = f(t, x, u, w)`, with `u` set by the controller at the beginning of each period, lies in
    every segment of its box at all times of that segment; every truncation and rounding is
    accounted for. Not complete: boxes that are too wide fail, and each failure states its time and
    reason. Cost: per step, a few evaluations of the plant on Taylor models for all boxes together;
    per period, at least one pass through the controller.

    Args:
        plant: The right-hand side: a graph with inputs among `t`, `x`, `u`, `w`, and one output per
            state.
        controller: Graph from the state (and `t`) to the controls; None without controls.
        boxes: Lower and upper corners, `(boxes, n)` each, or a pair of corners for each box.
        dt: Length of a period.
        steps: Number of periods.
        deadline: Time limit in seconds. After it, the results so far are returned, with failures of
            cause "time".
        disturbance: Bounds on `w`, which may vary arbitrarily in time within them. Model a constant
            disturbance as a state whose derivative is 0.
        decide: A question; each box stops at the first segment that leaves it open.
        keep: Whether segments keep their models, which `Segment.range` needs.
        order: The degree of the models in the initial variables.

    Raises:
        InputError: The boxes, the period and the graphs are incompatible.
    """
    ends, dt = corners(boxes), Fraction(dt)
    loop = FlowRun(plant, controller, *ends, dt, disturbance, decide, keep, order)
    with until(deadline):
        try:
            for k in range(steps):
                if not loop.span.size:
                    break
                loop.period(k)
        except OutOfTime:
            loop.out_of_time()
        except KeyboardInterrupt:
            # The results so far are still an answer; the caller checks `interrupted`.
            loop.out_of_time()
            loop.pipe.interrupted = True
    return loop.pipe


@dataclass(eq=False)
class FlowRun:
    """The state of the computation of a flowpipe; see `flow_pipe`.

    Args:
        powers: Highest power of time to try in the next step, by the number of bisections of the
            period.
        span: The active boxes, at the beginning of a period.
        pipe: The results so far.
    """

    plant: Graph
    controller: Graph | SampledControl | None
    lo: np.ndarray
    hi: np.ndarray
    dt: Fraction
    disturbance: Bounds | None
    decide: Decide | None
    keep: bool
    order: int
    powers: dict[int, int] = field(default_factory=dict)
    span: Span = field(init=False)
    pipe: FlowPipe = field(init=False)

    def __post_init__(self) -> None:
        n = self.plant.value_size(self.plant.output)
        if self.lo.shape[1] != n:
            raise InputError(
                f"The initial boxes must have one range per state of the plant, which has {n} "
                "states. Give a known state equal bounds. Received: boxes with "
                f"{self.lo.shape[1]} ranges."
            )
        if self.dt <= 0:
            raise InputError(f"A period must be greater than 0. Received: dt={self.dt}.")
        count = len(self.lo)
        self.free = np.flatnonzero((self.lo < self.hi).any(axis=0))
        self.frames = MonomialFrames(self.free.size, self.order if self.free.size else 0)
        self.network = None if self.controller is None else Controller(self.controller, n)
        self.remembers = self.network is not None and self.network.memory.size > 0
        free = tuple(map(int, self.free))
        self.linear = LinearFlow.of(self.plant)
        self.pipe = FlowPipe(n, count, reached=[Fraction(0)] * count, free=free)
        self.pipe.loose = [(0.0, (0.0,) * self.free.size)] * count
        self.span = Span(
            np.arange(count), initial_models(self.lo, self.hi, self.frames, self.free),
            SymbolOrigins(np.zeros((count, 0, self.free.size + 2))),
            np.zeros(count, np.int64), np.zeros(count, bool),
        )  # fmt: skip
        first, now = FirstBox(self.lo, self.hi), Fraction(0)
        self.span = self._record(self.span, self.span.states, now, now, first)

    def period(self, k: int) -> None:
        """Run period `k`: compute the controls, then advance in as many steps as needed."""
        span, start = self.span.absorb_remainders(), k * self.dt
        states, origins = reduce_symbols(span.states, span.origins, SYMBOLS * span.states.entries)
        span = replace(span, states=states, origins=origins, calm=np.ones(span.size, bool))
        if self.network is not None:
            span, held = self._control(span, start)
            if held is None:
                self.span = span
                return
            states, origins = span.states, span.origins
            fine = np.isfinite(held.rest).all(axis=1) if held.rest is not None else True
            span = replace(
                span, states=states.pad(held.sym.shape[-1]), controls=held,
                origins=origins.with_controls(held),
            )  # fmt: skip
            for i in np.flatnonzero(~np.asarray(fine)):
                self._fail(span, int(i), start, "controller", "no bounds over these states")
            span = span.take(np.flatnonzero(fine))
            if self.remembers:
                span = span.with_memory(self.network.memory)
        done = span.take(np.zeros(0, np.int64))
        for level in np.unique(span.levels):
            part = span.take(np.flatnonzero(span.levels == level))
            pieces = 2 ** int(level)
            for j in range(pieces):
                part = self._cross(part, start + j * self.dt / pieces, self.dt / pieces, int(level))
                if not part.size:
                    break
            done = done.join(part)
        done = done.take(np.argsort(done.boxes))
        # If all steps could have been longer, the next period is tried with fewer steps.
        levels = np.maximum(done.levels - done.calm, 0)
        done = replace(done, levels=levels, controls=None)
        now = start + self.dt
        self.span = self._record(done, done.states, now, now)

    def _control(self, span: Span, start: Fraction) -> tuple[Span, Models | None]:
        """Return the boxes on which the controller is defined, and their controls.

        The controls are None if no box is left. The other boxes fail.
        """
        assert self.network is not None
        try:
            return span, self.network.control(span.states, start)
        except InputError as error:
            if span.size == 1:
                self._fail(span, 0, start, "controller", str(error))
                return span.take(np.zeros(0, np.int64)), None
            parts = np.array_split(np.arange(span.size), 2)
            first, second = (self._control(span.take(part), start)[0] for part in parts)
            span = first.join(second)
        return span, self.network.control(span.states, start) if span.size else None

    def _cross(self, span: Span, start: Fraction, h: Fraction, level: int) -> Span:
        """Advance boxes from `start` to `start + h`, in shorter steps where necessary.

        Returns the boxes that reached `start + h`. The others stop, and their failures are
        recorded.
        """
        check_deadline()
        before, span, trouble = span, self._limit_symbols(span.absorb_remainders()), Trouble()
        held = span.controls

        def field_of(x: Models, t0: Fraction, length: Fraction) -> Models:
            inputs = plant_inputs(self.plant, x, held, t0, length, self.disturbance)
            return evaluate(self.plant, inputs, trouble)

        power = self.powers.get(level, TIME)
        picard_step, power = ordered_step(field_of, span.states, start, h, power, self.frames)
        self.powers[level] = power
        late, calm = picard_step.step_length_advice(trouble.passed, level)
        good = picard_step.verified & (~late | (level >= HALVINGS))
        done, open_ = np.flatnonzero(good), np.flatnonzero(~good)
        ends = at_end(picard_step.tube, self.frames.at(0))
        if self.linear is not None:
            ends = self.linear.end(span.states, held, start, h)
        out = replace(span, states=ends)
        out = replace(out, calm=out.calm & calm).take(done)
        if done.size:
            tube, edge = picard_step.tube.take(done), None
            if start == 0 and not self.remembers:
                rate, at = field_of(picard_step.tube, start, h).take(done), out.boxes
                edge = FirstBox(self.lo[at], self.hi[at], tube, rate)
            out = self._record(out, tube, start, start + h, edge)
        if not open_.size:
            return out
        rest = before.take(open_)
        if level >= HALVINGS:
            for i, at in enumerate(open_):
                cause = trouble.of(int(at))
                long = f"a step of {float(h):.3g} is still too long to bound the states"
                self._fail(rest, i, start, "domain" if cause else "step", cause or long)
            return out
        rest = replace(rest, levels=np.maximum(rest.levels, level + 1), calm=rest.calm & False)
        for j in range(2):
            rest = self._cross(rest, start + j * h / 2, h / 2, level + 1)
            if not rest.size:
                return out
        return out.join(rest)

    def _limit_symbols(self, span: Span) -> Span:
        """Merge the smallest symbols if there are more than twice `SYMBOLS` per state."""
        most = 2 * SYMBOLS * span.states.entries
        if span.states.sym.shape[-1] <= most:
            return span
        states, held, origins = reduce_symbols_jointly(
            span.states, span.controls, span.origins, most
        )
        return replace(span, states=states, controls=held, origins=origins)

    def _record(
        self, span: Span, tube: Models, start: Fraction, end: Fraction, by: FirstBox | None = None
    ) -> Span:
        """Record the bounds over a segment or at an instant; return the boxes that continue.

        A box stops if the segment leaves the question open.
        """
        if not span.size:
            return span
        held = None if span.controls is None or start == end else Hull.of(span.controls).ends()
        segment = Segment.of(start, end, span.boxes, tube, held, by)
        if self.decide is not None:
            decision = self.decide(segment)
            segment.slack = decision.slack
            for i in np.flatnonzero(decision.open):
                text = "the bounds do not decide the specification"
                forms = None if decision.forms is None else decision.forms.take(np.array([i]))
                self._fail(span, int(i), start, "open", text, forms)
            going = np.flatnonzero(~decision.open)
            segment, span = segment.take(going, self.keep), span.take(going)
        elif not self.keep:
            segment = segment.take(np.arange(span.size), False)
        (self.pipe.instants if start == end else self.pipe.segments).append(segment)
        for box in span.boxes:
            self.pipe.reached[box] = end
        if start == end:
            for box, share, blame in zip(span.boxes, *span.loose(), strict=True):
                if share > self.pipe.loose[box][0]:
                    self.pipe.loose[box] = (float(share), tuple(map(float, blame)))
        return span

    def _fail(
        self, span: Span, i: int, time: Fraction, cause: str, text: str, form: Models | None = None
    ) -> None:
        """Record the failure of a box that stopped at `time`.

        The failure also records how much each initial variable contributes to the width of `form`,
        or to the widths of all states if `form` is None.
        """
        failed, box = span.take(np.array([i])), int(span.boxes[i])
        states, origins = failed.states, failed.origins
        lo, hi = Hull.of(states).ends()
        if form is None:
            with np.errstate(all="ignore"):
                weight = np.where(lo < hi, 1.0 / (hi - lo), 0.0)
            blame = np.matmul(weight, origins.widths(states)[0])[0]
            kinds = np.matmul(weight, origins.kinds(states)[0])[0]
        else:
            origins = origins.pad(form.sym.shape[-1])
            blame, kinds = origins.blame(form)[0, 0], origins.kinds(form)[0, 0]
        self.pipe.reached[box] = time
        self.pipe.failures.append(
            Failure(
                box, time, cause, text, tuple(map(float, lo[0])), tuple(map(float, hi[0])),
                tuple(map(float, blame)), self.pipe.free, tuple(map(float, kinds)),
            )
        )  # fmt: skip

    def out_of_time(self) -> None:
        """Stop all active boxes with a failure of cause "time"."""
        failed = {failure.box for failure in self.pipe.failures}
        for i, box in enumerate(self.span.boxes):
            if int(box) not in failed:
                reached = self.pipe.reached[box]
                self._fail(self.span, i, reached, "time", "the time was over")
