"""The pipe of a loop: a plant in continuous time whose controls are held over each period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from ..core import Bounds, InputError, OutOfTime, check_deadline, deadline as until, up
from ..graph import Graph
from .controllers import Controller
from .field import Trouble, evaluate
from .picard import Step, step
from .pipe import Failure, FlowPipe, Segment, instant
from .polynomials.frame import Frames
from .polynomials.models import Models, constant
from .polynomials.ranges import Hull, at_end, instant_hull
from .symbols import absorbed, reduced


HALVINGS = 8
"""A step is halved so often at most."""

LATE = 2e-4
"""A step is short enough where what its cut powers of time add is this share of the radius."""

SYMBOLS = 12
"""Symbols a state may have, before the smallest are put together."""


def flow_pipe(
    plant: Graph,
    controller: Graph | None,
    boxes: Sequence[tuple[Sequence[float], Sequence[float]]] | Bounds,
    dt: Fraction,
    steps: int,
    deadline: float | None = None,
    *,
    disturbance: Bounds | None = None,
    order: int = 2,
    time: int = 5,
    keep: bool = True,
) -> FlowPipe:
    """Everywhere the loop can be, from each of many boxes of initial states.

    Sound: for every initial state in a box and every disturbance, the solution of
    `x' = f(t, x, u, w)`, `u` = the controller at the beginning of each period, lies in every
    segment of its box at all its times; every rounding is paid for. Complete: no; boxes that are
    too wide fail, and a failure says when and why. Cost: a few evaluations of the plant on Taylor
    models a step, for all boxes at once, and a sweep of linear bounds of the controller a period.

    Args:
        plant: The right side: inputs named among `t`, `x`, `u`, `w`, and one output per state.
        controller: From the state (and `t`) to the controls; None where there are no controls.
        boxes: Lower and upper corners, `(boxes, n)` each, or pairs of them.
        dt: The period, exactly.
        steps: How many periods.
        deadline: Seconds; what is found by then is returned, with a failure of cause "time".
        disturbance: Ends of `w`, which may vary in time within them in any way.
        order: The degree of the models in the initial variables.
        time: The degree in time.
        keep: Whether segments keep their models, which rows are bounded by.

    Raises:
        InputError: A box, the period or the graphs do not fit.
    """
    lo, hi = _corners(boxes)
    loop = Loop(plant, controller, lo, hi, Fraction(dt), disturbance, order, time, keep)
    with until(deadline):
        try:
            for k in range(steps):
                if not loop.alive.size:
                    break
                loop.period(k)
        except OutOfTime:
            loop.give_up("time", "the time was over")
    return loop.finished()


def _corners(boxes: Sequence | Bounds) -> Bounds:
    """Corners `(B, n)` of boxes that are pairs of rows or of matrices."""
    pairs = np.asarray(boxes, np.float64)
    if isinstance(boxes, tuple) and len(boxes) == 2 and np.ndim(boxes[0]) == 2:
        lo, hi = np.asarray(boxes[0], np.float64), np.asarray(boxes[1], np.float64)
    elif pairs.ndim == 3 and pairs.shape[1] == 2:
        lo, hi = pairs[:, 0], pairs[:, 1]
    else:
        raise InputError(
            "Initial sets are boxes: pairs of a lower and an upper corner with one number per "
            f"state. Received: numbers of shape {pairs.shape}."
        )
    if lo.shape != hi.shape or not (np.isfinite(lo) & np.isfinite(hi) & (lo <= hi)).all():
        raise InputError(
            "An initial box needs finite corners with `lo <= hi` in every state. Received: "
            f"lo={lo.tolist()}, hi={hi.tolist()}."
        )
    return lo, hi


def initial_models(lo: np.ndarray, hi: np.ndarray, frames: Frames, free: np.ndarray) -> Models:
    """`center + radius eps` for every state that some box leaves free."""
    frame = frames.at(0)
    middle = 0.5 * lo + 0.5 * hi
    radius = up(np.maximum(hi - middle, middle - lo))
    radius = np.where(lo == hi, 0.0, radius)
    found = constant(frame, middle, np.zeros_like(middle), 0)
    found.coef[:, free, frame.linear] = radius[:, free]
    return found


@dataclass(eq=False)
class Loop:
    """What is under way.

    Args:
        plant: See `flow_pipe`, and so on.
        alive: The boxes that go on.
        levels: Of those, how often the period was halved last.
    """

    plant: Graph
    controller: Graph | None
    lo: np.ndarray
    hi: np.ndarray
    dt: Fraction
    disturbance: Bounds | None
    order: int
    time: int
    keep: bool
    alive: np.ndarray = field(init=False)
    levels: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        n = self.plant.value_size(self.plant.output)
        if self.lo.shape[1] != n:
            raise InputError(
                f"The plant has {n} states, one per output, and the initial boxes have "
                f"{self.lo.shape[1]}; give each state a range, a point where it is known."
            )
        if self.dt <= 0:
            raise InputError(f"A period is longer than 0. Received: dt={self.dt}.")
        count = len(self.lo)
        free = np.flatnonzero((self.lo < self.hi).any(axis=0))
        self.frames = Frames(free.size, self.order if free.size else 0)
        self.states = initial_models(self.lo, self.hi, self.frames, free)
        self.network = None if self.controller is None else Controller(self.controller, n)
        self.alive = np.arange(count)
        self.levels = np.zeros(count, np.int64)
        self.pipe = FlowPipe(n, count, reached=[Fraction(0)] * count)
        self.now = Fraction(0)
        self.pipe.instants.append(instant(self.states, self.alive, self.now, self.keep))

    def period(self, k: int) -> None:
        """One period: the controls, then as many steps as it takes."""
        check_deadline()
        start = k * self.dt
        states = reduced(absorbed(self.states), SYMBOLS * self.states.entries)
        controls = None
        if self.network is not None:
            controls, _ = self.network.control(states, start)
            states = states.padded(controls.sym.shape[-1])
        parts = []
        for level in np.unique(self.levels):
            some = np.flatnonzero(self.levels == level)
            held = None if controls is None else controls.take(some)
            h = self.dt / 2**int(level)
            at = Span(self.alive[some], states.take(some), held, some)
            for j in range(2**int(level)):
                at = self._cross(at, start + j * h, h, int(level))
                if not at.boxes.size:
                    break
            parts.append(at)
        self._settle(parts, start + self.dt)

    def _settle(self, parts: list[Span], now: Fraction) -> None:
        """Put the boxes together again that got through."""
        symbols = max(part.states.sym.shape[-1] for part in parts)
        whole = [part for part in parts if part.boxes.size]
        self.now = now
        if not whole:
            self.alive = np.zeros(0, np.int64)
            return
        joined = _joined([part.states.padded(symbols) for part in whole])
        boxes = np.concatenate([part.boxes for part in whole])
        self.levels = np.concatenate([self.levels[part.places] for part in whole])
        order = np.argsort(boxes)
        self.states, self.alive = joined.take(order), boxes[order]
        # A period that was easy is tried in one step less the next time.
        self.levels = np.maximum(self.levels[order] - self._easy[self.alive], 0)
        for box in self.alive:
            self.pipe.reached[box] = now
        self.pipe.instants.append(instant(self.states, self.alive, now, self.keep))

    @property
    def _easy(self) -> np.ndarray:
        return np.zeros(len(self.lo), np.int64)

    def _cross(self, span: Span, start: Fraction, h: Fraction, level: int) -> Span:
        """Bring some boxes from `start` to `start + h`, in shorter steps where need be."""
        check_deadline()
        states = absorbed(span.states)
        trouble = Trouble()
        held = None if span.controls is None else span.controls.padded(states.sym.shape[-1])

        def field_of(x: Models, t0: Fraction, length: Fraction) -> Models:
            return evaluate(self.plant, self._given(x, held, t0, length), trouble)

        found = step(field_of, states, start, h, self.time, self.frames)
        good = found.held & ~self._too_late(found, level)
        done = np.flatnonzero(good)
        open_ = np.flatnonzero(~good)
        out = span.take(done, at_end(found.tube, self.frames.at(0)).take(done))
        if done.size:
            self._record(found.tube.take(done), out, start, h)
        if not open_.size:
            return out
        if level >= HALVINGS:
            ended = instant_hull(span.states)
            for i in open_:
                cause = trouble.of(int(i))
                self._fail(span, int(i), start, ended.ends(), cause)
            return out
        self.levels[span.places[open_]] = level + 1
        rest = span.take(open_, span.states.take(open_))
        for j in range(2):
            rest = self._cross(rest, start + j * h / 2, h / 2, level + 1)
            if not rest.boxes.size:
                return out
        return out.with_(rest)

    def _too_late(self, found: Step, level: int) -> np.ndarray:
        """Where a shorter step would be worth it."""
        if level >= HALVINGS:
            return np.zeros(found.held.shape, bool)
        radius = found.tube.radius
        radius = np.maximum(radius, 1e-3 * radius.max(axis=1, keepdims=True))
        return (found.late > LATE * radius + 1e-13 * found.tube.norm).any(axis=1)

    def _given(
        self, x: Models, held: Models | None, start: Fraction, h: Fraction
    ) -> dict[str, Models]:
        """The inputs of the plant."""
        given, symbols = {"x": x}, x.sym.shape[-1]
        if held is not None:
            own = held if x.rest is not None else held.plain()
            given["u"] = own.raised(x.frame)
        names = {slot.name for slot in self.plant.inputs}
        off = None if x.rest is None else np.zeros((x.count, 1))
        if "t" in names:
            clock = constant(x.frame, np.full((x.count, 1), float(start)), off, symbols)
            if x.frame.time:
                clock.coef[..., x.frame.width] = float(h)
            if off is not None:
                late = abs(float(start)) + abs(float(h))
                part = 0.0 if x.frame.time else float(h)
                clock = constant_off(clock, late * 2.0**-52 + part)
            given["t"] = clock
        if "w" in names and self.disturbance is not None:
            least, most = (np.asarray(end, np.float64) for end in self.disturbance)
            middle = np.broadcast_to(0.5 * least + 0.5 * most, (x.count, least.size))
            wide = up(np.maximum(most - middle, middle - least))
            given["w"] = constant(x.frame, middle, None if off is None else wide, symbols)
        return given

    def _record(self, tube: Models, span: Span, start: Fraction, h: Fraction) -> None:
        hull = Hull.of(tube, self.frames.at(0))
        low, high = hull.ends()
        controls = None if span.controls is None else instant_hull(span.controls).ends()
        kept = hull if self.keep else None
        self.pipe.segments.append(
            Segment(start, start + h, span.boxes, low, high, kept, controls)
        )

    def _fail(self, span: Span, i: int, time: Fraction, ends: Bounds, cause: str) -> None:
        box = int(span.boxes[i])
        lo, hi = (tuple(float(v) for v in end[i]) for end in ends)
        control = span.controls is not None and not np.isfinite(span.controls.radius[i]).all()
        kind = "domain" if cause else "control" if control else "step"
        text = {
            "domain": cause,
            "control": "the controller has no bounds over these states",
            "step": f"a step of {float(self.dt / 2**HALVINGS):.3g} is still too long: the states "
            "are known too roughly",
        }[kind]
        self.pipe.reached[box] = time
        self.pipe.failures.append(Failure(box, time, kind, text, lo, hi))

    def give_up(self, cause: str, text: str) -> None:
        """No box goes on."""
        failed = {f.box for f in self.pipe.failures}
        lo, hi = instant_hull(self.states).ends()
        for i, box in enumerate(self.alive):
            if int(box) not in failed:
                ends = tuple(map(float, lo[i])), tuple(map(float, hi[i]))
                self.pipe.failures.append(
                    Failure(int(box), self.pipe.reached[box], cause, text, *ends)
                )
        self.alive = np.zeros(0, np.int64)

    def finished(self) -> FlowPipe:
        """What was found."""
        if self.alive.size:
            self.pipe.final = self.states, self.alive
        return self.pipe


def constant_off(models: Models, off: float) -> Models:
    """The same, known up to `off`."""
    return Models(models.frame, models.coef, models.sym, np.full(models.coef.shape[:2], off))


@dataclass(frozen=True, eq=False)
class Span:
    """Some of the boxes on their way through a period.

    Args:
        boxes: `(b,)` their numbers.
        states: Their models at an instant.
        controls: What is held.
        places: `(b,)` where they are among those alive.
    """

    boxes: np.ndarray
    states: Models
    controls: Models | None
    places: np.ndarray

    def take(self, some: np.ndarray, states: Models) -> Span:
        """Some of them, with new states."""
        controls = None if self.controls is None else self.controls.take(some)
        return Span(self.boxes[some], states, controls, self.places[some])

    def with_(self, other: Span) -> Span:
        """Both together."""
        if not self.boxes.size:
            return other
        symbols = max(self.states.sym.shape[-1], other.states.sym.shape[-1])
        states = _joined([self.states.padded(symbols), other.states.padded(symbols)])
        controls = None
        if self.controls is not None and other.controls is not None:
            most = max(self.controls.sym.shape[-1], other.controls.sym.shape[-1])
            controls = _joined([self.controls.padded(most), other.controls.padded(most)])
        boxes = np.concatenate([self.boxes, other.boxes])
        return Span(boxes, states, controls, np.concatenate([self.places, other.places]))


def _joined(parts: list[Models]) -> Models:
    """Batches put together."""
    rests = [part.rest for part in parts if part.rest is not None]
    return Models(
        parts[0].frame,
        np.concatenate([part.coef for part in parts]),
        np.concatenate([part.sym for part in parts]),
        np.concatenate(rests) if len(rests) == len(parts) else None,
    )
