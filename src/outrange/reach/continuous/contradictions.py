"""Checks of proved pipes and claims against simulations; a contradiction raises an error."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ...answers.loops import Pipe
from ...core import ContradictionError
from .attack import Simulations
from .claims import TimedClaim
from .system import FlowSystem, simulate


FAR = 1e-4
"""Distance from the pipe, or size of a violation of the claim, above which a simulation is repeated
with finer steps. It is relative to 1 plus the size of the states."""

FINER = 8
"""Number of steps by which a finer simulation replaces each original step."""


def check_seen(system: FlowSystem, pipe: Pipe, simulations: Simulations) -> None:
    """Compare simulations with the pipe; repeat the one farthest outside it with finer steps.

    Raises:
        ContradictionError: The simulation is more than `FAR` outside the pipe even with finer
            steps, which is a bug. No error is raised if these steps change it by a tenth of its
            distance or more.
    """
    if not len(simulations.points):
        return
    out = _outside(pipe, simulations)
    worst = int(np.argmax(out))
    if out[worst] <= FAR:
        return
    finer, moved = _finer(system, simulations, worst)
    again = _outside(pipe, finer)[0]
    if again > FAR and moved < 0.1 * again:
        raise ContradictionError(
            f"A simulated trajectory leaves the proved pipe by {again:.3g}, relative to the size "
            "of its states. This is a bug in outrange; please report the loop. "
            f"Received: the trajectory from {finer.points[0].tolist()}."
        )


def check_claim(system: FlowSystem, claim: TimedClaim | None, simulations: Simulations) -> None:
    """Check the worst simulation against a proved claim; repeat a violation with finer steps.

    Args:
        claim: The proved claim; None if there is none.
        simulations: Simulated trajectories, the one nearest to a violation first.

    Raises:
        ContradictionError: The simulation violates the claim by more than `FAR` even with finer
            steps, which is a bug. No error is raised if these steps change it by a tenth of the
            violation or more.
    """
    if claim is None or not simulations.robustness.size:
        return
    size = 1.0 + np.abs(simulations.flat[0]).max()
    if not simulations.robustness[0] < -FAR * size:
        return
    finer, moved = _finer(system, simulations, 0)
    again = -claim.robustness(finer.times, finer.flat)[0] / size
    if again > FAR and moved < 0.1 * again:
        raise ContradictionError(
            f"A simulated trajectory violates the proved specification by {again:.3g}, "
            "relative to the size of its states. This is a bug in outrange; please report the "
            "loop. "
            f"Received: the trajectory from {finer.points[0].tolist()}."
        )


def _finer(system: FlowSystem, simulations: Simulations, row: int) -> tuple[Simulations, float]:
    """Repeat a simulation with finer steps; return the new simulation and the relative change.

    A simulation that changes with the step length is inaccurate and proves nothing.
    """
    old, point = simulations.times, simulations.points[row : row + 1]
    times = [a + (b - a) * j / FINER for a, b in pairwise(old)
             for j in range(FINER)] + [old[-1]]  # fmt: skip
    states, controls = (each[:, ::FINER] for each in simulate(system, point, times))
    size = 1.0 + np.abs(simulations.states[row])
    with np.errstate(invalid="ignore"):
        moved = float((np.abs(states[0] - simulations.states[row]) / size).max())
    return Simulations(point, old, states, controls, simulations.robustness[:1]), moved


def _outside(pipe: Pipe, simulations: Simulations) -> np.ndarray:
    """Return each simulation's largest distance from the pipe, relative to the states' size."""
    most = np.zeros(len(simulations.points))
    clock = np.array([float(t) for t in simulations.times])
    for start, stop, lo, hi in zip(pipe.start, pipe.stop, pipe.lo, pipe.hi, strict=True):
        # A controller's memory jumps at an instant: the interval after it excludes its start.
        states = simulations.states[
            :, (start <= clock if start == stop else start < clock) & (clock <= stop)
        ]
        with np.errstate(invalid="ignore"):
            out = np.maximum(lo - states, states - hi) / (1.0 + np.abs(states))
        out = np.where(np.isfinite(out), out, 0.0)
        most = np.maximum(most, out.max(axis=(1, 2), initial=0.0))
    return most
