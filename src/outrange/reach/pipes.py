"""Bounds on the states at every step, from zonotopes and from ranges of the unrolled loop."""

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
from .simulation import hull, points_inside
from .specification import Trajectory
from .system import LoopSystem, simulate
from .tubes import Tubes


LEAST, BROKEN, SHARE = 8.0, 1.0, 0.5
"""Time allowed for the pipe if no `tol` was given: the larger of `LEAST` seconds (`BROKEN`
seconds if the specification is violated) and the fraction `SHARE` of the time that the verdict
took."""

REACH = 8.0
"""Time limit, in seconds, for making the pipe finite up to the step of a violation."""

SURVEY = 5.0
"""Minimum time, in seconds, for propagating every box to the end, if the time limit permits."""

MANY_NODES = 1000
"""Number of operations above which a search of the unrolled loop takes seconds to start, so that a
pipe of moderate width is accepted without such a search."""

MANY_BOXES = 256
"""Number of open boxes above which the pipe is computed from the whole initial set again, because
propagating each open box to the end would take too long."""

MOST_ROWS = 4096
"""Maximum number of lower bounds that are computed by a search of the unrolled loop. If there are
more, the loop is not searched."""


class LoopState(Protocol):
    """The protocol of a search for a verdict on a loop, with its results so far."""

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
    """Proved bounds on the states and controls at every step.

    Args:
        lo: `(steps + 1, n)`: lower bounds on the states.
        hi: `(steps + 1, n)`: upper bounds on the states.
        control_lo: `(steps, m)`: lower bounds on the controls.
        control_hi: `(steps, m)`: upper bounds on the controls.
        forms: Maps an inequality to a lower bound on its left-hand side; contains only the
            inequalities for which a bound was computed.
    """

    lo: np.ndarray
    hi: np.ndarray
    control_lo: np.ndarray
    control_hi: np.ndarray
    forms: dict[Atom, float]

    @staticmethod
    def of(tubes: Tubes) -> Bounds:
        """Return the hull of all boxes of the zonotope search, both finished and waiting."""
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
        """Intersect with bounds on the states from step 1 on, and with bounds on the controls."""
        self.lo[1:] = np.maximum(self.lo[1:], states[0])
        self.hi[1:] = np.minimum(self.hi[1:], states[1])
        self.control_lo = np.maximum(self.control_lo, controls[0])
        self.control_hi = np.minimum(self.control_hi, controls[1])

    def margin(self, unsafe: Formula, where: Trajectory) -> float:
        """Return a lower bound on the robustness, from the bounds for the inequalities."""
        if isinstance(unsafe, Atom):
            return self.forms.get(unsafe, -np.inf)
        margins = [self.margin(part, where) for part in unsafe.parts]
        if isinstance(unsafe, And):
            return max(margins, default=-np.inf)
        return min(margins, default=np.inf)

    def pipe(self, names: dict[str, tuple[str, ...]], states: np.ndarray) -> Pipe:
        """Return an answer's pipe, which consists of these bounds and the simulated ranges."""
        seen = hull(states)
        times = np.arange(len(self.lo), dtype=float)
        seen_lo, seen_hi = np.maximum(seen[0], self.lo), np.minimum(seen[1], self.hi)
        return Pipe(
            names["states"], names["controls"], times, times, self.lo, self.hi,
            seen_lo, seen_hi, self.control_lo, self.control_hi,
        )  # fmt: skip


def bound_pipe(search: LoopState, tol: float | None, spent: float) -> Bounds:
    """Bound the states at every step, by splits and, if necessary, by the unrolled loop.

    Args:
        search: The search for the verdict; its boxes may be refined.
        tol: Tolerated excess of the pipe over the simulated range, relative to its width. If it is
            None, defaults apply, and the time is limited by `LEAST` (or `BROKEN`) and `SHARE`.
        spent: Time that the verdict took, in seconds.
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
        # The plant may be undefined at some step; later states have no bounds.
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
    """Propagate every box to the end, then cut boxes to raise the margin or to narrow the pipe."""
    try:
        # Without a specification every box is propagated to the end.
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
    """Return whether the unrolled loop has too many operations, or is not piecewise linear.

    Otherwise, a search of the unrolled loop quickly finds the exact ranges of the states.
    """
    return len(search.graph.nodes) > MANY_NODES or is_curved(search.graph)


def _bound_violation(search: LoopState, tubes: Tubes, seen: tuple[np.ndarray, np.ndarray]) -> None:
    """Cut boxes until the states have finite bounds up to the step of the violation."""
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
    """Cut boxes to raise the margin toward the least simulated robustness, before the deadline."""
    try:
        while sharpen(tubes, near, enough):
            pass
    except OutOfTime:
        pass


def _meet_unrolled(search: LoopState, bounds: Bounds, tol: float | None, clock: Clock) -> None:
    """Intersect `bounds` with ranges of the unrolled loop, and add bounds for the inequalities.

    Do nothing if more than `MOST_ROWS` bounds are needed, or if the initial set is a union, a norm
    ball, or a set of real points with further conditions.
    """
    system, steps = search.system, search.system.horizon
    n, m = len(system.states), len(system.controls)
    size = steps * (n + m)
    inequalities = [] if search.unsafe is None else list(dict.fromkeys(atoms(search.unsafe)))
    forms = [
        (atom, row) for atom in inequalities if (row := _row(atom, search.where, size)) is not None
    ]
    rows = np.concatenate([np.eye(size), -np.eye(size), *(row[None] for _, row in forms)])
    plain = [r for r in search.regions if not r.is_box and not r.integer.any()]
    if len(rows) > MOST_ROWS or len(search.regions) > 1 or search.regions[0].distances or plain:
        return
    box: Box = search.regions[0].box
    left = None if clock.limit == np.inf else max(clock.left, 1e-3)
    solution = solve(search.graph, box, rows, tol=tol, time_limit=left, solver=False)
    search.boxes += solution.boxes
    lower = solution.lower
    lo, hi = lower[:size], -lower[size : 2 * size]
    first = steps * n
    bounds.meet(
        (lo[:first].reshape(steps, n), hi[:first].reshape(steps, n)),
        (lo[first:].reshape(steps, m), hi[first:].reshape(steps, m)),
    )
    for (atom, _), low in zip(forms, lower[2 * size :], strict=True):
        bounds.forms[atom] = float(np.nextafter(low + atom.offset, -np.inf))
    _see(search, solution.at)
    if solution.status is Status.INTERRUPTED:
        raise KeyboardInterrupt


def _row(atom: Atom, where: Trajectory, size: int) -> np.ndarray | None:
    """Return an inequality's coefficients on the outputs, or None if it also involves an input."""
    row = np.zeros(size)
    for i, c in atom.terms:
        if i < where.inputs:
            return None
        row[i - where.inputs] = c
    return row


def _see(search: LoopState, at: Any) -> None:
    """Simulate from the points at which a search attained bounds; store the trajectories."""
    points = np.unique(at[~np.isnan(at).any(axis=1)], axis=0)
    if not len(points):
        return
    region = search.regions[0]
    points = points_inside(np.clip(points, region.box.lo, region.box.hi), region)
    if not len(points):
        return
    with np.errstate(all="ignore"):
        states, controls = simulate(search.system, points, search.system.horizon)
    search.points = np.concatenate([search.points, points])
    search.states = np.concatenate([search.states, states])
    search.controls = np.concatenate([search.controls, controls])
