"""Simulations of a loop in continuous time, and proofs that a trajectory violates a claim."""

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
from ..simulation import draw_points, perturb_points
from .claims import TimedClaim
from .decisions import build_decision, choose_conditions, reads_controls
from .system import FlowSystem, simulate


POINTS = 96
"""Number of random points, and number of random corners, for each part of the initial set."""

LEAST, MOST = 4, 32
"""Smallest and largest number of equal parts into which `_times` divides a period."""

NEAR = 1e-6
"""Largest change of the final states, relative to their size, when the number of steps is doubled;
a simulation that changes no more than this is accurate enough."""

SIZES = (0.3, 0.1, 0.03)
"""Sizes of the random perturbations in an attack, relative to the initial set."""

GAIN = 0.02
"""An attack ends if a round decreases the least robustness by less than this fraction."""

BETWEEN, NEAREST = 16, 8
"""Number of parts into which `refine_nearest` splits an interval of time, and the largest number of
trajectories that it repeats.
"""

TRIED = 4
"""Largest number of simulated trajectories that `enclose_violation` considers."""


@dataclass(frozen=True, eq=False)
class Simulations:
    """Simulated trajectories; if there is a claim, the one nearest to a violation is first.

    Args:
        points: Initial states, constants and a constant disturbance, `(batch, x + w)`.
        times: Times of the states, ascending.
        states: States at these times, `(batch, times, n)`.
        controls: Controls held from these times on, `(batch, times, m)`.
        robustness: `(batch,)`: distance of each trajectory from violating the claim, negative if
            it violates the claim; 0 without a claim.
    """

    points: np.ndarray
    times: Sequence[Fraction]
    states: np.ndarray
    controls: np.ndarray
    robustness: np.ndarray

    @property
    def flat(self) -> np.ndarray:
        """States and controls, concatenated: `(batch, times, n + m)`."""
        return np.concatenate([self.states, self.controls], axis=2)


def regions(system: FlowSystem) -> list[Region]:
    """Return the input sets of a simulation: initial states, constants, and the disturbance."""
    sets, fixed, noise = [], system.fixed, system.noise
    for region in system.initial:
        ends = (
            Box(*(
                np.concatenate([getattr(box, end) for box in (region.box, fixed, noise)])
                for end in ("lo", "hi")
            )),
            np.concatenate([region.integer, np.zeros(fixed.size + noise.size, bool)]),
        )  # fmt: skip
        sets.append(replace(region, box=ends[0], integer=ends[1]))
    return sets


def initial_points(system: FlowSystem, points: np.ndarray) -> np.ndarray:
    """Select the points that lie in the initial set."""
    sets = regions(system)
    inside = [any(contains(region, point) for region in sets) for point in points]
    return points[np.array(inside, bool)]


def no_simulations(system: FlowSystem) -> Simulations:
    """Return an empty batch of trajectories."""
    times = [system.dt * k for k in range(system.horizon + 1)]
    n, m = len(system.states), len(system.controls)
    points = np.zeros((0, n + system.fixed.size + system.noise.size))
    states, controls = np.zeros((0, len(times), n)), np.zeros((0, len(times), m))
    return Simulations(points, times, states, controls, np.zeros(0))


def simulate_worst(system: FlowSystem, claim: TimedClaim | None, seed: int) -> Simulations:
    """Simulate from corners, from random points, and from points that approach a violation.

    If the deadline passes, some or all of these trajectories are missing from the result.

    Args:
        claim: The claim; None without a specification.
        seed: Random seed of the points.
    """
    rng, sets = np.random.default_rng(seed), regions(system)
    points = np.concatenate([draw_points(region, rng, POINTS) for region in sets])
    try:
        times = _times(system, claim, points[:8])
        simulations = Simulations(
            points, times, *simulate(system, points, times), np.zeros(len(points))
        )
    except OutOfTime:
        return no_simulations(system)
    if claim is None or not len(points):
        return simulations
    simulations = _sort_by_robustness(
        replace(simulations, robustness=claim.robustness(times, simulations.flat))
    )
    try:
        return _nearer(system, claim, simulations, rng)
    except OutOfTime:
        return simulations


def _nearer(
    system: FlowSystem, claim: TimedClaim, simulations: Simulations, rng: np.random.Generator
) -> Simulations:
    """Add trajectories that begin near the initial points of the least robust trajectories."""
    sets = regions(system)
    for size in SIZES:
        last = simulations.robustness[0]
        if last < 0:
            break
        simulations = add_simulations(
            system, claim, simulations, perturb_points(simulations.points[:8], sets, size, rng)
        )
        if simulations.robustness[0] > last - GAIN * abs(last):
            break
    return simulations


def refine_nearest(system: FlowSystem, claim: TimedClaim, simulations: Simulations) -> Simulations:
    """Repeat the simulations nearest to a violation, adding times around the closest approach."""
    near, times = simulations.flat[:1], set(simulations.times)
    for leaf in claim.leaves():
        index, each = (
            leaf.index(simulations.times),
            leaf.robustness_by_time(simulations.times, near)[0],
        )
        at = int(index[each.argmin() if leaf.op == "always" else each.argmax()])
        for k in (at - 1, at):
            if 0 <= k < len(simulations.times) - 1:
                a, b = simulations.times[k], simulations.times[k + 1]
                times |= {a + (b - a) * j / BETWEEN for j in range(1, BETWEEN)}
    points, order = simulations.points[:NEAREST], sorted(times)
    new = Simulations(points, order, *simulate(system, points, order), np.zeros(len(points)))
    return _sort_by_robustness(replace(new, robustness=claim.robustness(order, new.flat)))


def add_simulations(
    system: FlowSystem, claim: TimedClaim, old: Simulations, points: np.ndarray
) -> Simulations:
    """Simulate from more initial points; return these trajectories together with those in `old`."""
    new = Simulations(
        points, old.times, *simulate(system, points, old.times), np.zeros(len(points))
    )
    new = replace(new, robustness=claim.robustness(new.times, new.flat))
    return _sort_by_robustness(
        Simulations(
            np.concatenate([old.points, new.points]), old.times,
            np.concatenate([old.states, new.states]),
            np.concatenate([old.controls, new.controls]),
            np.concatenate([old.robustness, new.robustness]),
        )
    )  # fmt: skip


def _sort_by_robustness(simulations: Simulations) -> Simulations:
    order = np.argsort(simulations.robustness, kind="stable")
    return Simulations(
        simulations.points[order], simulations.times, simulations.states[order],
        simulations.controls[order], simulations.robustness[order],
    )  # fmt: skip


def _times(system: FlowSystem, claim: TimedClaim | None, points: np.ndarray) -> list[Fraction]:
    """Return times between which single integrator steps are accurate (see `NEAR`).

    A period is divided into at most `MOST` parts, even if steps are then still inaccurate.
    """
    pieces, last = LEAST, None
    while True:
        grid = {system.dt * k / pieces for k in range(system.horizon * pieces + 1)}
        if claim is not None:
            grid |= {end for leaf in claim.leaves() for end in (leaf.start, leaf.stop)}
        times = sorted(grid)
        end = simulate(system, points, times)[0][:, -1]
        size = np.abs(end).max(initial=1e-3)
        with np.errstate(invalid="ignore"):
            same = last is not None and not np.abs(end - last).max(initial=0.0) > NEAR * size
        if same:
            return times
        if pieces >= MOST:
            return times
        last, pieces = end, 2 * pieces


def enclose_violation(
    system: FlowSystem, claim: TimedClaim, simulations: Simulations, deadline: float | None
) -> LoopTrajectory | None:
    """Return a trajectory proved to violate a claim, or None if no proof succeeds.

    The proof is a flowpipe that begins at the initial point of a simulated trajectory.

    Args:
        claim: The claim to refute.
        simulations: Simulated trajectories, the one nearest to a violation first.
        deadline: Time limit in seconds, or None.
    """
    size, sets = len(system.states) + system.fixed.size, regions(system)
    clock = Clock(deadline)
    for i in range(min(TRIED, len(simulations.points))):
        point = simulations.points[i]
        if clock.expired:
            break
        if not simulations.robustness[i] <= 0 or not any(
            contains(region, point) for region in sets
        ):
            continue
        times, flat = simulations.times, simulations.flat[i : i + 1]
        denied = claim.negation()
        conditions = choose_conditions(denied, times, flat, system.dt, early=True)
        last = max(stop for _, _, stop in conditions)
        steps = max(_periods(system, formula, stop) for formula, _, stop in conditions)
        start, w = point[None, :size], point[size:]
        pipe = flow_pipe(
            system.plant, system.sampled, (start, start), system.dt, steps,
            clock.left if np.isfinite(clock.limit) else None,
            disturbance=(w, w) if w.size else None,
            decide=build_decision(denied, times, flat, system.dt, len(system.states), early=True),
        )  # fmt: skip
        if pipe.complete:
            return _trajectory(system, claim, simulations, i, pipe, last)
        if pipe.interrupted:
            raise KeyboardInterrupt
    return None


def _periods(system: FlowSystem, formula: Formula, stop: Fraction) -> int:
    """Return the number of periods to run before a condition at the time `stop` can be decided."""
    if reads_controls(formula, len(system.states)):
        return min(floor(stop / system.dt) + 1, system.horizon)
    return max(1, ceil(stop / system.dt))


def _trajectory(
    system: FlowSystem,
    claim: TimedClaim,
    simulations: Simulations,
    i: int,
    pipe: FlowPipe,
    broken: Fraction,
) -> LoopTrajectory:
    n, m = len(system.states), len(system.controls)
    times = sorted({segment.start for segment in pipe.instants} | {broken})
    lo, hi = np.zeros((2, len(times), n))
    for k, time in enumerate(times):
        parts = [s.restrict(time, time) for s in pipe.at(time)]
        lo[k] = np.max([part.lo[0, :n] for part in parts], axis=0)
        hi[k] = np.min([part.hi[0, :n] for part in parts], axis=0)
    point = simulations.points[i]
    model = reproduced = None
    if system.model_control is not None:
        run, pushed = simulate(system, point[None], simulations.times, by_model=True)
        flat = np.concatenate([run, pushed], axis=2)
        reproduced = bool(claim.robustness(simulations.times, flat)[0] <= 0)
        model = run[0, [simulations.times.index(time) for time in times]]
    begins = [simulations.times.index(k * system.dt) for k in range(system.horizon)]
    ends = np.cumsum([n, system.parameters, system.fixed.size - system.parameters - system.late])
    disturbance = np.concatenate([point[ends[1] : ends[2]], point[ends[2] + system.late :]])
    return LoopTrajectory(
        point[:n], lo, hi, simulations.controls[i, begins].reshape(-1, m), disturbance[None],
        point[n : ends[1]], np.zeros(0), times.index(broken), model, reproduced,
        times=np.array([float(time) for time in times]),
    )  # fmt: skip
