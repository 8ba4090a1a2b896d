"""Does a simulation leave the pipe, or break what was proved? Then nothing is answered."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ...answers.loops import Pipe
from ...core import ContradictionError
from .attack import Seen
from .claims import TimedClaim
from .system import FlowSystem, simulated


FAR = 1e-4
"""A simulation that leaves the pipe by more, as a share of its states, is looked at closely."""

FINER = 8
"""With so many steps in the place of one."""


def check_seen(system: FlowSystem, pipe: Pipe, found: Seen) -> None:
    """Compare simulations with the pipe, finer ones of those that seem to leave it.

    Args:
        system: The loop.
        pipe: What was proved.
        found: Simulations.

    Raises:
        ContradictionError: One is far outside, and so is a finer one: a bug.
    """
    if not len(found.points):
        return
    out = _outside(pipe, found)
    worst = int(np.argmax(out))
    if out[worst] <= FAR:
        return
    finer, moved = _finer(system, found, worst)
    again = _outside(pipe, finer)[0]
    if again > FAR and moved < 0.1 * again:
        raise ContradictionError(
            "A pipe was proved that a simulated trajectory leaves by "
            f"{again:.3g} of its size. This is a bug in outrange; please report the loop. "
            f"Received: the trajectory from {finer.points[0].tolist()}."
        )


def check_claim(system: FlowSystem, claim: TimedClaim | None, found: Seen) -> None:
    """Compare simulations with a claim in the same way.

    Args:
        system: The loop.
        claim: What was proved; None where nothing was.
        found: Simulations, the one that comes nearest to breaking it first.

    Raises:
        ContradictionError: One breaks it by far, and so does a finer one: a bug.
    """
    if claim is None or not found.far.size:
        return
    size = 1.0 + np.abs(found.flat[0]).max()
    if not found.far[0] < -FAR * size:
        return
    finer, moved = _finer(system, found, 0)
    again = -claim.worth(finer.times, finer.flat)[0] / size
    if again > FAR and moved < 0.1 * again:
        raise ContradictionError(
            f"A specification was proved that a simulated trajectory breaks by {again:.3g} of its "
            "size. This is a bug in outrange; please report the loop. "
            f"Received: the trajectory from {finer.points[0].tolist()}."
        )


def _finer(system: FlowSystem, found: Seen, which: int) -> tuple[Seen, float]:
    """A simulation in finer steps, at the same times, and how far it moves, as a share of its size.

    A simulation that moves as it gets finer proves nothing.
    """
    old, point = found.times, found.points[which : which + 1]
    times = [a + (b - a) * j / FINER for a, b in pairwise(old)
             for j in range(FINER)] + [old[-1]]  # fmt: skip
    states, controls = (each[:, ::FINER] for each in simulated(system, point, times))
    size = 1.0 + np.abs(found.states[which])
    with np.errstate(invalid="ignore"):
        moved = float((np.abs(states[0] - found.states[which]) / size).max())
    return Seen(point, old, states, controls, found.far[:1]), moved


def _outside(pipe: Pipe, found: Seen) -> np.ndarray:
    """How far each simulation leaves the pipe at most, as a share of the size of its states."""
    most = np.zeros(len(found.points))
    clock = np.array([float(t) for t in found.times])
    for start, stop, lo, hi in zip(pipe.start, pipe.stop, pipe.lo, pipe.hi, strict=True):
        # What is remembered changes at an instant: it is told from what is held after it.
        some = found.states[
            :, (start <= clock if start == stop else start < clock) & (clock <= stop)
        ]
        with np.errstate(invalid="ignore"):
            out = np.maximum(lo - some, some - hi) / (1.0 + np.abs(some))
        out = np.where(np.isfinite(out), out, 0.0)
        most = np.maximum(most, out.max(axis=(1, 2), initial=0.0))
    return most
