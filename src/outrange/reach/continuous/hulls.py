"""From the pieces of an initial set and their pipes to one pipe over intervals of time."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np

from ...answers.loops import Pipe
from ..flow import Cover, Segment
from .attack import Seen
from .system import FlowSystem


FINEST = 64
"""Parts of a period that segments are made of: see `HALVINGS` of flows."""

PARTS = 4
"""Intervals that a period has in an answer, at most; where steps are shorter, several join."""


def pipe_of(system: FlowSystem, cover: Cover | None, found: Seen) -> Pipe:
    """The hull of all pieces at every instant and between two.

    A time that some piece does not reach has no bounds.

    Args:
        system: The loop.
        cover: The pieces and their pipes; None where nothing is known.
        found: What was seen.
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
    seen_lo, seen_hi = _seen(found, times)
    return Pipe(
        system.states, system.controls,
        np.array([float(a) for a, _ in times]), np.array([float(b) for _, b in times]),
        lo, hi, np.maximum(seen_lo, lo), np.minimum(seen_hi, hi), pushed[0], pushed[1],
    )  # fmt: skip


def _times(system: FlowSystem, cover: Cover | None) -> list[tuple[Fraction, Fraction]]:
    """Instants and the intervals between them, in order."""
    parts = np.ones(system.horizon, int)
    for segment in cover.pipe.segments if cover is not None else ():
        k = int(segment.start / system.dt)
        parts[k] = max(parts[k], round(system.dt / (segment.end - segment.start)))
    found = [(Fraction(0), Fraction(0))]
    for k, count in enumerate(np.minimum(parts, PARTS)):
        ends = [k * system.dt + system.dt * j / int(count) for j in range(count + 1)]
        found += list(pairwise(ends))
        found.append((ends[-1], ends[-1]))
    return found


def _hulls(
    system: FlowSystem, cover: Cover, times: list[tuple[Fraction, Fraction]], n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Of each time the hull of all pieces, where all of them are known for all of it."""
    lo, hi = np.full((len(times), n), np.inf), np.full((len(times), n), -np.inf)
    known = np.zeros((len(times), len(cover.lo)), int)
    places = {ends: k for k, ends in enumerate(times)}
    unit = system.dt / FINEST
    for segment in cover.pipe.instants:
        k = places.get((segment.start, segment.start))
        if k is not None:
            _meet(lo, hi, k, segment, n)
            known[k, segment.boxes] = 1
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
                known[k, segment.boxes] += int(shared / unit)
    wanted = np.array([int((b - a) / unit) if a < b else 1 for a, b in times])
    open_ = np.any(known < wanted[:, None], axis=1)
    lo[open_], hi[open_] = -np.inf, np.inf
    return lo, hi


def _meet(lo: np.ndarray, hi: np.ndarray, k: int, segment: Segment, n: int) -> None:
    lo[k] = np.minimum(lo[k], segment.lo[:, :n].min(axis=0))
    hi[k] = np.maximum(hi[k], segment.hi[:, :n].max(axis=0))


def _controls(system: FlowSystem, cover: Cover, m: int) -> np.ndarray:
    """What is held over each period, where every piece is known to its end."""
    found = np.full((2, system.horizon, m), np.inf) * np.array([1.0, -1.0])[:, None, None]
    for segment in cover.pipe.segments:
        if segment.controls is None:
            continue
        k = int(segment.start / system.dt)
        found[0, k] = np.minimum(found[0, k], segment.controls[0].min(axis=0))
        found[1, k] = np.maximum(found[1, k], segment.controls[1].max(axis=0))
    reached = min(cover.pipe.reached, default=Fraction(0))
    for k in range(system.horizon):
        if reached < (k + 1) * system.dt:
            found[0, k], found[1, k] = -np.inf, np.inf
    return found


def _seen(found: Seen, times: list[tuple[Fraction, Fraction]]) -> tuple[np.ndarray, np.ndarray]:
    """What was seen at each time."""
    states = found.states
    finite = np.isfinite(states)
    low = np.where(finite, states, np.inf).min(axis=0, initial=np.inf)
    high = np.where(finite, states, -np.inf).max(axis=0, initial=-np.inf)
    lo, hi = np.full((2, len(times), states.shape[2]), np.nan)
    clock = np.array([float(t) for t in found.times])
    for k, (a, b) in enumerate(times):
        first = np.searchsorted(clock, float(a) - 1e-12 * float(b), side="left")
        last = np.searchsorted(clock, float(b) + 1e-12 * float(b), side="right")
        if first < last and len(states):
            lo[k], hi[k] = low[first:last].min(axis=0), high[first:last].max(axis=0)
    return lo, hi
