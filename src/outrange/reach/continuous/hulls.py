"""The hull of the pipes of all pieces at each instant and over each interval of time."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np

from ...answers.loops import Pipe
from ..flow import Cover, Segment
from .attack import Simulations
from .system import FlowSystem


FINEST = 64
"""Number of parts of a period into which segments may be cut; see `HALVINGS` in `flow.loop`."""

PARTS = 4
"""Largest number of intervals of a period in an answer; shorter steps are joined."""


def answer_pipe(system: FlowSystem, cover: Cover | None, simulations: Simulations) -> Pipe:
    """Return the pipe of an answer: the hull of all pieces' pipes, and the simulated ranges.

    At times after 0 that some piece's pipe does not reach, the bounds are infinite.

    Args:
        cover: The pieces and their pipes; None if there are none.
    """
    times = _times(system, cover)
    count, n, m = len(times), len(system.states), len(system.controls)
    lo, hi = np.full((count, n), -np.inf), np.full((count, n), np.inf)
    pushed = np.full((2, system.horizon, m), np.inf) * np.array([-1.0, 1.0])[:, None, None]
    if cover is not None:
        lo, hi = _hulls(system, cover, times, n)
        pushed = _controls(system, cover, m)
    boxes = system.boxes()
    lo[0] = np.maximum(lo[0], boxes[0].min(axis=0)[:n])
    hi[0] = np.minimum(hi[0], boxes[1].max(axis=0)[:n])
    seen_lo, seen_hi = _simulated_range(simulations, times)
    return Pipe(
        system.states, system.controls,
        np.array([float(a) for a, _ in times]), np.array([float(b) for _, b in times]),
        lo, hi, np.maximum(seen_lo, lo), np.minimum(seen_hi, hi), pushed[0], pushed[1],
    )  # fmt: skip


def _times(system: FlowSystem, cover: Cover | None) -> list[tuple[Fraction, Fraction]]:
    """Return the instants and the intervals between them as pairs `(start, end)`, in order."""
    parts = np.ones(system.horizon, int)
    for segment in cover.pipe.segments if cover is not None else ():
        k = int(segment.start / system.dt)
        parts[k] = max(parts[k], round(system.dt / (segment.end - segment.start)))
    intervals = [(Fraction(0), Fraction(0))]
    for k, count in enumerate(np.minimum(parts, PARTS)):
        ends = [k * system.dt + system.dt * j / int(count) for j in range(count + 1)]
        intervals += list(pairwise(ends))
        intervals.append((ends[-1], ends[-1]))
    return intervals


def _hulls(
    system: FlowSystem, cover: Cover, times: list[tuple[Fraction, Fraction]], n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the hull of all pieces at each time, with infinite bounds if a piece is missing."""
    lo, hi = np.full((len(times), n), np.inf), np.full((len(times), n), -np.inf)
    parts_known = np.zeros((len(times), len(cover.lo)), int)
    places = {ends: k for k, ends in enumerate(times)}
    unit = system.dt / FINEST
    for segment in cover.pipe.instants:
        k = places.get((segment.start, segment.start))
        if k is not None:
            _meet(lo, hi, k, segment, n)
            parts_known[k, segment.boxes] = 1
    between = [(k, a, b) for k, (a, b) in enumerate(times) if a < b]
    starts = np.array([float(a) for _, a, _ in between])
    for segment in cover.pipe.segments:
        first = max(0, int(np.searchsorted(starts, float(segment.start))) - 2)
        for k, a, b in between[first:]:
            if a >= segment.end:
                break
            shared = min(b, segment.end) - max(a, segment.start)
            if shared > 0:
                _meet(lo, hi, k, segment, n)
                parts_known[k, segment.boxes] += int(shared / unit)
    parts_needed = np.array([int((b - a) / unit) if a < b else 1 for a, b in times])
    open_ = np.any(parts_known < parts_needed[:, None], axis=1)
    lo[open_], hi[open_] = -np.inf, np.inf
    return lo, hi


def _meet(lo: np.ndarray, hi: np.ndarray, k: int, segment: Segment, n: int) -> None:
    lo[k] = np.minimum(lo[k], segment.lo[:, :n].min(axis=0))
    hi[k] = np.maximum(hi[k], segment.hi[:, :n].max(axis=0))


def _controls(system: FlowSystem, cover: Cover, m: int) -> np.ndarray:
    """Return the least and largest held controls over each period, `(2, periods, m)`.

    The bounds are infinite for a period that some piece does not complete.
    """
    ranges = np.full((2, system.horizon, m), np.inf) * np.array([1.0, -1.0])[:, None, None]
    for segment in cover.pipe.segments:
        if segment.controls is None:
            continue
        k = int(segment.start / system.dt)
        ranges[0, k] = np.minimum(ranges[0, k], segment.controls[0].min(axis=0))
        ranges[1, k] = np.maximum(ranges[1, k], segment.controls[1].max(axis=0))
    reached = min(cover.pipe.reached, default=Fraction(0))
    for k in range(system.horizon):
        if reached < (k + 1) * system.dt:
            ranges[0, k], ranges[1, k] = -np.inf, np.inf
    return ranges


def _simulated_range(
    simulations: Simulations, times: list[tuple[Fraction, Fraction]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and largest simulated states at each time; NaN if there are none."""
    states = simulations.states
    finite = np.isfinite(states)
    low = np.where(finite, states, np.inf).min(axis=0, initial=np.inf)
    high = np.where(finite, states, -np.inf).max(axis=0, initial=-np.inf)
    lo, hi = np.full((2, len(times), states.shape[2]), np.nan)
    clock = np.array([float(t) for t in simulations.times])
    for k, (a, b) in enumerate(times):
        first = np.searchsorted(clock, float(a) - 1e-12 * float(b), side="left")
        last = np.searchsorted(clock, float(b) + 1e-12 * float(b), side="right")
        if first < last and len(states):
            lo[k], hi[k] = low[first:last].min(axis=0), high[first:last].max(axis=0)
    return lo, hi
