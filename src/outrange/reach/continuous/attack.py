"""Simulations of a loop in continuous time, and a trajectory that breaks a claim, enclosed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor

import numpy as np

from ...answers.loops import LoopTrajectory
from ...core import Box, Clock, Formula, OutOfTime, Region
from ...questions.evidence.check_point import contains
from ..flow import FlowPipe, flow_pipe
from ..seen import drawn, moved
from .claims import TimedClaim
from .decisions import chosen, deciding, is_held
from .system import FlowSystem, simulated


POINTS = 96
"""Random points, and as many corners, for every part of the initial set."""

LEAST, MOST = 4, 32
"""Steps of the integrator in a period."""

NEAR = 1e-6
"""Twice as many steps change the end by less than this share of its size: that is enough."""

SIZES = (0.3, 0.1, 0.03)
"""Of the steps of an attack, as shares of the initial set."""

GAIN = 0.02
"""An attack that comes nearer by less than this share is at its end."""

BETWEEN, NEAREST = 16, 8
"""Times between two that are looked at closely, of so many trajectories."""

TRIED = 4
"""Trajectories that are enclosed at most."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Trajectories that were simulated, the one that came nearest to breaking the claim first.

    Args:
        points: `(batch, x + w)`.
        times: At which they are known.
        states: `(batch, times, n)`.
        controls: `(batch, times, m)`.
        far: `(batch,)` how far each is from breaking the claim; empty without one.
    """

    points: np.ndarray
    times: Sequence[Fraction]
    states: np.ndarray
    controls: np.ndarray
    far: np.ndarray

    @property
    def flat(self) -> np.ndarray:
        """States and controls, as claims read them."""
        return np.concatenate([self.states, self.controls], axis=2)


def regions(system: FlowSystem) -> list[Region]:
    """The sets of points that simulations begin from."""
    found, fixed, noise = [], system.fixed, system.noise
    for region in system.initial:
        ends = (
            Box(*(
                np.concatenate([getattr(box, end) for box in (region.box, fixed, noise)])
                for end in ("lo", "hi")
            )),
            np.concatenate([region.integer, np.zeros(fixed.size + noise.size, bool)]),
        )  # fmt: skip
        found.append(replace(region, box=ends[0], integer=ends[1]))
    return found


def initial_points(system: FlowSystem, points: np.ndarray) -> np.ndarray:
    """Those of some points that lie in the initial set."""
    sets = regions(system)
    inside = [any(contains(region, point) for region in sets) for point in points]
    return points[np.array(inside, bool)]


def nothing_seen(system: FlowSystem) -> Seen:
    """No trajectories."""
    times = [system.dt * k for k in range(system.horizon + 1)]
    n, m = len(system.states), len(system.controls)
    points = np.zeros((0, n + system.fixed.size + system.noise.size))
    states, controls = np.zeros((0, len(times), n)), np.zeros((0, len(times), m))
    return Seen(points, times, states, controls, np.zeros(0))


def seen(system: FlowSystem, claim: TimedClaim | None, seed: int) -> Seen:
    """Trajectories from corners and random points, and from points that come nearer to breaking.

    Where the deadline passes before, what was seen by then: nothing, perhaps.

    Args:
        system: The loop.
        claim: What shall hold; None without a specification.
        seed: Of the random points.
    """
    rng, sets = np.random.default_rng(seed), regions(system)
    points = np.concatenate([drawn(region, rng, POINTS) for region in sets])
    try:
        times = _times(system, claim, points[:8])
        found = Seen(points, times, *simulated(system, points, times), np.zeros(len(points)))
    except OutOfTime:
        return nothing_seen(system)
    if claim is None or not len(points):
        return found
    found = _sorted(replace(found, far=claim.worth(times, found.flat)))
    try:
        return _nearer(system, claim, found, rng)
    except OutOfTime:
        return found


def _nearer(system: FlowSystem, claim: TimedClaim, found: Seen, rng: np.random.Generator) -> Seen:
    """And trajectories about those that come nearest to breaking the claim."""
    sets = regions(system)
    for size in SIZES:
        last = found.far[0]
        if last < 0:
            break
        found = more(system, claim, found, moved(found.points[:8], sets, size, rng))
        if found.far[0] > last - GAIN * abs(last):
            break
    return found


def sharper(system: FlowSystem, claim: TimedClaim, found: Seen) -> Seen:
    """The nearest trajectories at more times about those when they are nearest."""
    near, times = found.flat[:1], set(found.times)
    for leaf in claim.leaves():
        index, each = leaf.index(found.times), leaf.each(found.times, near)[0]
        at = int(index[each.argmin() if leaf.op == "always" else each.argmax()])
        for k in (at - 1, at):
            if 0 <= k < len(found.times) - 1:
                a, b = found.times[k], found.times[k + 1]
                times |= {a + (b - a) * j / BETWEEN for j in range(1, BETWEEN)}
    points, order = found.points[:NEAREST], sorted(times)
    new = Seen(points, order, *simulated(system, points, order), np.zeros(len(points)))
    return _sorted(replace(new, far=claim.worth(order, new.flat)))


def more(system: FlowSystem, claim: TimedClaim, old: Seen, points: np.ndarray) -> Seen:
    """Further trajectories."""
    new = Seen(points, old.times, *simulated(system, points, old.times), np.zeros(len(points)))
    new = replace(new, far=claim.worth(new.times, new.flat))
    return _sorted(
        Seen(
            np.concatenate([old.points, new.points]), old.times,
            np.concatenate([old.states, new.states]),
            np.concatenate([old.controls, new.controls]), np.concatenate([old.far, new.far]),
        )
    )  # fmt: skip


def _sorted(found: Seen) -> Seen:
    order = np.argsort(found.far, kind="stable")
    return Seen(
        found.points[order], found.times, found.states[order], found.controls[order],
        found.far[order],
    )  # fmt: skip


def _times(system: FlowSystem, claim: TimedClaim | None, points: np.ndarray) -> list[Fraction]:
    """Times so near to each other that steps between them are good simulations."""
    pieces, last = LEAST, None
    while True:
        grid = {system.dt * k / pieces for k in range(system.horizon * pieces + 1)}
        if claim is not None:
            grid |= {end for leaf in claim.leaves() for end in (leaf.start, leaf.stop)}
        times = sorted(grid)
        end = simulated(system, points, times)[0][:, -1]
        size = np.abs(end).max(initial=1e-3)
        with np.errstate(invalid="ignore"):
            same = last is not None and not np.abs(end - last).max(initial=0.0) > NEAR * size
        if same:
            return times
        if pieces >= MOST:
            return times
        last, pieces = end, 2 * pieces


def enclosed(
    system: FlowSystem, claim: TimedClaim, found: Seen, deadline: float | None
) -> LoopTrajectory | None:
    """A trajectory that breaks a claim: the flow of one initial point, which proves it.

    Args:
        system: The loop.
        claim: What shall hold.
        found: Simulations, the worst first.
        deadline: Seconds.
    """
    size, sets = len(system.states) + system.fixed.size, regions(system)
    clock = Clock(deadline)
    for i in range(min(TRIED, len(found.points))):
        point = found.points[i]
        if clock.expired:
            break
        if not found.far[i] <= 0 or not any(contains(region, point) for region in sets):
            continue
        times, flat = found.times, found.flat[i : i + 1]
        denied = claim.denied()
        asked = chosen(denied, times, flat, system.dt, early=True)
        last = max(stop for _, _, stop in asked)
        steps = max(_periods(system, formula, stop) for formula, _, stop in asked)
        start, w = point[None, :size], point[size:]
        pipe = flow_pipe(
            system.plant, system.sampled, (start, start), system.dt, steps,
            clock.left if np.isfinite(clock.limit) else None,
            disturbance=(w, w) if w.size else None,
            decide=deciding(denied, times, flat, system.dt, len(system.states), early=True),
        )  # fmt: skip
        if pipe.complete:
            return _trajectory(system, claim, found, i, pipe, last)
        if pipe.interrupted:
            raise KeyboardInterrupt
    return None


def _periods(system: FlowSystem, formula: Formula, stop: Fraction) -> int:
    """How many periods it takes to know a condition at a time."""
    if is_held(formula, len(system.states)):
        return min(floor(stop / system.dt) + 1, system.horizon)
    return max(1, ceil(stop / system.dt))


def _trajectory(
    system: FlowSystem, claim: TimedClaim, found: Seen, i: int, pipe: FlowPipe, broken: Fraction
) -> LoopTrajectory:
    n, m = len(system.states), len(system.controls)
    times = sorted({segment.start for segment in pipe.instants} | {broken})
    lo, hi = np.zeros((2, len(times), n))
    for k, time in enumerate(times):
        parts = [s.between(time, time) for s in pipe.at(time)]
        lo[k] = np.max([part.lo[0, :n] for part in parts], axis=0)
        hi[k] = np.min([part.hi[0, :n] for part in parts], axis=0)
    point = found.points[i]
    model = reproduced = None
    if system.model_control is not None:
        run, pushed = simulated(system, point[None], found.times, by_model=True)
        flat = np.concatenate([run, pushed], axis=2)
        reproduced = bool(claim.worth(found.times, flat)[0] <= 0)
        model = run[0, [found.times.index(time) for time in times]]
    begins = [found.times.index(k * system.dt) for k in range(system.horizon)]
    ends = np.cumsum([n, system.parameters, system.fixed.size - system.parameters - system.late])
    disturbance = np.concatenate([point[ends[1] : ends[2]], point[ends[2] + system.late :]])
    return LoopTrajectory(
        point[:n], lo, hi, found.controls[i, begins].reshape(-1, m), disturbance[None],
        point[n : ends[1]], np.zeros(0), times.index(broken), model, reproduced,
        times=np.array([float(time) for time in times]),
    )  # fmt: skip
