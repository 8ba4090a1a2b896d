"""Best-first branch and bound over the input box, on the compiled kernel."""

from __future__ import annotations

import os

import numpy as np

from ...core import Box
from ..attack.pgd import First, first_points, polish
from ..common.domain_boxes import Roots
from ..common.incumbent import State
from ..kernel.binding import CompiledTape, address
from ..kernel.layer_program import Tape
from .attack_open_boxes import Scout
from .best_first import PooledSearch
from .frontier import Pool


METHODS = (
    "linear bounds by back-substitution (CROWN, Zhang et al. 2018)",
    "slope ascent on the objective row (alpha-CROWN, Xu et al. 2021)",
    "input splits by gap attribution",
    "clipping (Zhou et al. 2025)",
    "exact leaves: phase enumeration by dual simplex, safe bounds (Neumaier, Shcherbina 2004)",
)

LEAF_UNITS = 14
LEAF_LPS = 2000
ASCENT = 5
MOST_TASKS = 512
MOST_BUDGET = 16
SECONDS_A_CALL = 0.1


def threads() -> int:
    """The cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def root_magnitudes(tape: Tape, box: Box, whole: np.ndarray | None = None) -> CompiledTape:
    """The compiled tape, its noise radii sized by linear bounds on this box."""
    reach = np.maximum(np.abs(box.lo), np.abs(box.hi))
    coarse = CompiledTape(tape, reach)
    *_, lo_z, hi_z = coarse.bound(box.lo, box.hi, np.zeros(tape.states, np.int8), 1)
    values, at = [], 0
    for level in tape.levels:
        if level.linear:
            values.append(np.full(level.size, np.inf))
            continue
        lo, hi = lo_z[at : at + level.size], hi_z[at : at + level.size]
        top = np.maximum(np.abs(lo), np.abs(hi)) * max(abs(level.below), abs(level.above))
        values.append(np.where(np.isnan(top), np.inf, top))
        at += level.size
    return CompiledTape(tape, reach, values, whole=whole)


class KernelSearch(PooledSearch):
    """A search that can be stopped, asked, and gone on with.

    Args:
        tape: The network and its objectives.
        box: `(d,)` of the tape's inputs.
        state: The clock and the tolerances; it keeps the points and bounds found.
        seed: Of the samples.
        roots: Where to search, if not the whole box.
        whole: `(d,)` bool: the inputs that take whole numbers only.
        first: Finds the first points; see `local.first_points`.
    """

    def __init__(
        self,
        tape: Tape,
        box: Box,
        state: State,
        *,
        seed: int = 0,
        roots: Roots | None = None,
        whole: np.ndarray | None = None,
        first: First = first_points,
    ) -> None:
        self.tape, self.state = tape, state
        self.roots = Roots.of(box) if roots is None else roots
        self.kernel = root_magnitudes(tape, box, whole)
        self._rng = np.random.default_rng(seed)
        self._pace = _Pace()
        m = self.kernel.objectives
        state.floor = 8 * self.kernel.radius
        found = first(tape.gradient, self.kernel.evaluate, self.roots, m, self._rng)
        state.start(*found)
        self._scout = Scout(tape.gradient, self.roots, self._rng)
        self._pool = Pool.of(self.roots, m, tape.states)

    def _turn(self) -> None:
        before = self.state.best.copy()
        tasks = self._pool.pop(self._pace.tasks(len(self._pool)))
        left = _explore(self.kernel, tasks, self.state, self._pace)
        if len(left["lo"]):
            self._pool.push(*left.values())
        self._pool.settle()
        improved = np.flatnonzero(self.state.best < before)
        if improved.size:
            at = self.state.best_at[improved]
            near = self.roots.around(at)
            self.state.offer(*polish(self.tape.gradient, at, improved, near, self._rng)[:2])


class _Pace:
    """How many boxes to hand over at once, and where what is left of them goes.

    Few at the start (best-first matters), then enough.
    """

    def __init__(self) -> None:
        self.threads = threads()
        self.budget = 1
        self.most = 2 * self.threads
        self._room: dict[str, np.ndarray] = {}

    def room(self, count: int, kernel: CompiledTape) -> dict[str, np.ndarray]:
        """Arrays for so many boxes; the same again: fresh memory costs a tenth of a box."""
        if not self._room or len(self._room["lo"]) < count:
            m, d, s = kernel.objectives, kernel.tape.inputs, kernel.tape.states
            self._room = {
                "lo": np.empty((count, d)),
                "hi": np.empty((count, d)),
                "lb": np.empty((count, m)),
                "status": np.empty((count, s), np.int8),
                "open_": np.empty((count, m), np.uint8),
            }
        return self._room

    def tasks(self, waiting: int) -> int:
        return max(1, min(self.most, waiting // 2))

    def learn(self, seconds: float) -> None:
        if seconds < SECONDS_A_CALL / 2:
            self.most = min(MOST_TASKS, self.most * 2)
            self.budget = min(MOST_BUDGET, self.budget * 2)
        elif seconds > 2 * SECONDS_A_CALL:
            share = SECONDS_A_CALL / seconds
            self.most = max(2 * self.threads, int(self.most * share))


def _explore(kernel: CompiledTape, tasks: dict, state: State, pace: _Pace) -> dict:
    count = len(tasks["lo"])
    budget = pace.budget
    out = pace.room(count * (budget + 1), kernel)
    tol, scale, cutoff = state.aim(), state.scale(), state.cutoff()
    target = goal = None
    if state.target is not None:
        target, goal = np.ascontiguousarray(cutoff), np.ascontiguousarray(state.goal, np.float64)
    stats = np.zeros(5, np.int64)
    began = state.seconds
    given = [np.ascontiguousarray(tasks[n]) for n in ("lo", "hi", "lb", "status", "open")]
    left = kernel.lib.outrange_explore(
        kernel.handle,
        count,
        *map(address, given),
        budget,
        LEAF_UNITS,
        LEAF_LPS,
        ASCENT,
        pace.threads,
        *map(address, (state.best, state.best_at, tol, scale)),
        *(None if a is None else address(a) for a in (target, goal)),
        *(address(a) for a in out.values()),
        address(state.closed),
        address(stats),
    )
    pace.learn(state.seconds - began)
    state.boxes += int(stats[0])
    out = {name: array[:left] for name, array in out.items()}
    gaps = np.where(out["open_"].astype(bool), (state.best - out["lb"]) / scale, -np.inf)
    out["priority"] = gaps.max(axis=1, initial=-np.inf)
    return out
