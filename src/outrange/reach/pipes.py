"""From two searches to one pipe: boxes of the zonotopes, and ranges of the loop unrolled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..answers.loops import Pipe
from ..core import And, Atom, Box, Clock, Formula, InputError, OutOfTime, Region, deadline
from ..core.formula import atoms
from ..graph import Graph
from ..search.common.failures import SearchFailedError, attempt
from ..search.common.solution import Status
from ..search.common.tolerance import is_curved
from ..search.solve import solve
from .refine import LOOSE, looseness, refine, sharpen
from .seen import hull, inside
from .specification import Trajectory
from .system import LoopSystem, simulated
from .tubes import Tubes


LEAST, BROKEN, SHARE = 8.0, 1.0, 0.5
"""Seconds for the pipe where no `tol` was asked for: at least, where the specification is broken
(so that nobody waits for more than the trajectory), and as a share of what the verdict took."""

REACH = 8.0
"""Seconds at most until the pipe of a broken specification is finite up to the violation."""

SURVEY = 5.0
"""Seconds for the first box of every step, at least."""

MANY_NODES = 1000
"""Of a loop of more operations it takes seconds to begin: a pipe that is near enough will do."""

MANY_BOXES = 256
"""Of more open boxes it takes too long to lead each to the end: the whole set is taken anew."""

MOST_ROWS = 4096
"""More rows than this are not asked of the loop unrolled."""


class LoopState(Protocol):
    """What is asked of a loop, and what is known by now."""

    system: LoopSystem
    where: Trajectory
    graph: Graph
    regions: list[Region]
    unsafe: Formula | None
    clock: Clock
    tubes: Tubes
    witness: Any
    proved: bool
    boxes: int
    points: np.ndarray
    states: np.ndarray
    controls: np.ndarray

    @property
    def broken_at(self) -> int | None: ...

    def nearest(self) -> float | None: ...


@dataclass(eq=False)
class Bounds:
    """What is proved of every step.

    Args:
        lo: `(steps + 1, n)` of the states.
        hi: `(steps + 1, n)`.
        control_lo: `(steps, m)`.
        control_hi: `(steps, m)`.
        forms: Least value of the left side of inequalities, where it was asked for.
    """

    lo: np.ndarray
    hi: np.ndarray
    control_lo: np.ndarray
    control_hi: np.ndarray
    forms: dict[Atom, float]

    @staticmethod
    def of(tubes: Tubes) -> Bounds:
        """What the zonotopes say: the hull of all boxes, done or waiting."""
        boxes = [*tubes.done, *tubes.waiting]
        states, controls = (
            [np.stack([getattr(box, kind)[end] for box in boxes]) for end in (0, 1)]
            for kind in ("states", "controls")
        )
        return Bounds(
            states[0].min(axis=0), states[1].max(axis=0),
            controls[0].min(axis=0), controls[1].max(axis=0), {},
        )  # fmt: skip

    def meet(self, states: tuple[np.ndarray, ...], controls: tuple[np.ndarray, ...]) -> None:
        """Intersect with other bounds, of the states after step 0."""
        self.lo[1:] = np.maximum(self.lo[1:], states[0])
        self.hi[1:] = np.minimum(self.hi[1:], states[1])
        self.control_lo = np.maximum(self.control_lo, controls[0])
        self.control_hi = np.minimum(self.control_hi, controls[1])

    def margin(self, unsafe: Formula, where: Trajectory) -> float:
        """The least value of what breaks the specification, by these bounds."""
        if isinstance(unsafe, Atom):
            return self.forms.get(unsafe, -np.inf)
        found = [self.margin(part, where) for part in unsafe.parts]
        if isinstance(unsafe, And):
            return max(found, default=-np.inf)
        return min(found, default=np.inf)

    def pipe(self, names: dict[str, tuple[str, ...]], states: np.ndarray) -> Pipe:
        """The pipe of an answer, beside what was seen."""
        seen = hull(states)
        times = np.arange(len(self.lo), dtype=float)
        seen_lo, seen_hi = np.maximum(seen[0], self.lo), np.minimum(seen[1], self.hi)
        return Pipe(
            names["states"], names["controls"], times, times, self.lo, self.hi,
            seen_lo, seen_hi, self.control_lo, self.control_hi,
        )  # fmt: skip


def pipe_of(search: LoopState, tol: float | None, spent: float) -> Bounds:
    """Bound every step: splits first, then the loop unrolled, in the time there is.

    Args:
        search: What was asked; its tubes go on.
        tol: The gap to reach; None for what `output_range` aims at, in a time like that of the
            verdict.
        spent: Seconds so far.
    """
    least = LEAST if search.witness is None else BROKEN
    seconds = max(least, SHARE * spent) if tol is None else np.inf
    seconds = min(seconds, search.clock.left)
    clock = Clock(seconds if np.isfinite(seconds) else None)
    tubes = Tubes(search.system, search.where, [])
    if len(search.tubes.waiting) <= MANY_BOXES:
        tubes.done, tubes.waiting = list(search.tubes.done), list(search.tubes.waiting)
    seen, enough = hull(search.states), LOOSE if tol is None else tol
    try:
        _narrow(search, tubes, seen, enough, seconds)
        _bound_violation(search, tubes, seen)
    except InputError:
        # The plant may not be defined somewhere; nothing is known after that.
        return Bounds.of(tubes)
    search.boxes += tubes.boxes
    bounds = Bounds.of(tubes)
    near = LOOSE if _is_far(search) else 1e-6
    done = looseness(tubes, *seen) <= (near if tol is None else tol)
    if clock.left > 0 and not tubes.trouble and not done:
        _meet_unrolled(search, bounds, tol, clock)
    return bounds


def _narrow(
    search: LoopState,
    tubes: Tubes,
    seen: tuple[np.ndarray, np.ndarray],
    enough: float,
    seconds: float,
) -> None:
    """Take every box to the end, then cut boxes until the pipe is narrow or the time is over."""
    try:
        # Without a specification every box is taken to the end.
        with deadline(min(max(SURVEY, seconds), search.clock.left)):
            while tubes.waiting:
                attempt(tubes.advance, "the splits of the initial set")
        part = 0.4 * seconds if np.isfinite(seconds) else 30.0
        near = search.nearest()
        if search.proved and near is not None and not search.tubes.waiting:
            with deadline(part):
                _sharpen(search.tubes, near, enough)
            tubes.done = list(search.tubes.done)
        # A small piecewise-linear loop is exact once it is unrolled.
        with deadline(part):
            while _is_far(search) and attempt(
                lambda: refine(tubes, *seen, enough), "the cuts of the pipe"
            ):
                pass
    except (OutOfTime, SearchFailedError):
        pass


def _is_far(search: LoopState) -> bool:
    """Return whether the loop unrolled is too large or too curved to be solved exactly."""
    return len(search.graph.nodes) > MANY_NODES or is_curved(search.graph)


def _bound_violation(search: LoopState, tubes: Tubes, seen: tuple[np.ndarray, np.ndarray]) -> None:
    """Cut boxes until the states are bounded up to the step that breaks the specification."""
    step = search.broken_at
    if step is None or tubes.waiting:
        return
    lo, hi = (end[: step + 1] for end in seen)
    try:
        with deadline(min(REACH, search.clock.left)):
            while not np.isfinite(looseness(tubes, lo, hi)) and attempt(
                lambda: refine(tubes, lo, hi), "the cuts of the pipe"
            ):
                pass
    except (OutOfTime, SearchFailedError):
        pass


def _sharpen(tubes: Tubes, near: float, enough: float) -> None:
    """Raise the margin to what was seen, in the time there is."""
    try:
        while sharpen(tubes, near, enough):
            pass
    except OutOfTime:
        pass


def _meet_unrolled(search: LoopState, bounds: Bounds, tol: float | None, clock: Clock) -> None:
    """Intersect with the ranges of the loop unrolled, and bound the inequalities asked for."""
    system, steps = search.system, search.system.horizon
    n, m = len(system.states), len(system.controls)
    size = steps * (n + m)
    asked = [] if search.unsafe is None else list(dict.fromkeys(atoms(search.unsafe)))
    forms = [(atom, row) for atom in asked if (row := _row(atom, search.where, size)) is not None]
    rows = np.concatenate([np.eye(size), -np.eye(size), *(row[None] for _, row in forms)])
    plain = [r for r in search.regions if not r.is_box and not r.integer.any()]
    if len(rows) > MOST_ROWS or len(search.regions) > 1 or search.regions[0].distances or plain:
        return
    box: Box = search.regions[0].box
    left = None if clock.limit == np.inf else max(clock.left, 1e-3)
    found = solve(search.graph, box, rows, tol=tol, time_limit=left, solver=False)
    search.boxes += found.boxes
    lower = found.lower
    lo, hi = lower[:size], -lower[size : 2 * size]
    first = steps * n
    bounds.meet(
        (lo[:first].reshape(steps, n), hi[:first].reshape(steps, n)),
        (lo[first:].reshape(steps, m), hi[first:].reshape(steps, m)),
    )
    for (atom, _), low in zip(forms, lower[2 * size :], strict=True):
        bounds.forms[atom] = float(np.nextafter(low + atom.offset, -np.inf))
    _see(search, found.at)
    if found.status is Status.INTERRUPTED:
        raise KeyboardInterrupt


def _row(atom: Atom, where: Trajectory, size: int) -> np.ndarray | None:
    """The inequality's left side as a row on the outputs; None if it reads the initial state."""
    row = np.zeros(size)
    for i, c in atom.terms:
        if i < where.inputs:
            return None
        row[i - where.inputs] = c
    return row


def _see(search: LoopState, at: Any) -> None:
    """Trajectories from the points that a search found for the ends count as seen."""
    points = np.unique(at[~np.isnan(at).any(axis=1)], axis=0)
    if not len(points):
        return
    region = search.regions[0]
    points = inside(np.clip(points, region.box.lo, region.box.hi), region)
    if not len(points):
        return
    with np.errstate(all="ignore"):
        states, controls = simulated(search.system, points, search.system.horizon)
    search.points = np.concatenate([search.points, points])
    search.states = np.concatenate([search.states, states])
    search.controls = np.concatenate([search.controls, controls])
