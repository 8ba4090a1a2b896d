"""Best-first branch and bound over the input box, on the compiled kernel."""

from __future__ import annotations

import numpy as np

from ..attack.first_points import First, first_points
from ..attack.pgd import PacedGradient
from ..common.domain_boxes import DomainBoxes
from ..common.incumbent import Incumbent
from ..common.parallel import threads
from ..kernel.binding import CompiledProgram, address, root_magnitudes
from ..kernel.layer_program import LayerProgram
from .best_first import BestFirstSearch


METHODS = (
    "linear bounds by back-substitution (CROWN, Zhang et al. 2018)",
    "slope ascent on the objective row (alpha-CROWN, Xu et al. 2021)",
    "input splits by gap attribution",
    "clipping (Zhou et al. 2025)",
    "exact leaves: phase enumeration by dual simplex, safe bounds (Neumaier, Shcherbina 2004)",
)

LEAF_UNITS = 14
"""A box with so many unstable units at most is an exact leaf: its phases are enumerated."""

LEAF_LPS = 2000
"""Maximum number of linear programs per leaf; a leaf that needs more is split."""

ASCENT = 5
"""Steps of slope ascent per box."""

MOST_TASKS = 512
"""Maximum number of boxes per call."""

MOST_BUDGET = 16
"""Maximum number of boxes bounded per box of a call, children included."""

SECONDS_A_CALL = 0.1
"""Target duration of a call in seconds: the clock is read between calls."""


class Pace:
    """Choose the number of boxes of a call, and allocate its results.

    Few at the start, where best-first order matters.
    """

    def __init__(self) -> None:
        self.threads = threads()
        self.budget = 1
        self.most = 2 * self.threads
        self._room: dict[str, np.ndarray] = {}

    def room(self, count: int, kernel: CompiledProgram) -> dict[str, np.ndarray]:
        """Reusable arrays for so many boxes: fresh memory costs a tenth of a box."""
        if not self._room or len(self._room["lo"]) < count:
            m, d, s = kernel.objectives, kernel.program.inputs, kernel.program.states
            self._room = {
                "lo": np.empty((count, d)),
                "hi": np.empty((count, d)),
                "lb": np.empty((count, m)),
                "status": np.empty((count, s), np.int8),
                "open_": np.empty((count, m), np.uint8),
            }
        return self._room

    def tasks(self, waiting: int) -> int:
        """How many boxes the next call takes of those that wait."""
        return max(1, min(self.most, waiting // 2))

    def learn(self, seconds: float) -> None:
        """Make calls of the duration aimed at.

        Args:
            seconds: What the last one took.
        """
        if seconds < SECONDS_A_CALL / 2:
            self.most = min(MOST_TASKS, self.most * 2)
            self.budget = min(MOST_BUDGET, self.budget * 2)
        elif seconds > 2 * SECONDS_A_CALL:
            share = SECONDS_A_CALL / seconds
            self.most = max(2 * self.threads, int(self.most * share))


class KernelSearch(BestFirstSearch):
    """Input splits in C: piecewise-linear layers, all cores.

    Args:
        program: The network and its objectives, of the inputs that are free in `domain`.
        domain: Where to search.
        incumbent: The clock and the tolerances; it keeps the points found.
        seed: Seed of the samples.
        first: Finds the first points; see `first_points.first_points`.
        kernel: The program, compiled for `domain`; None compiles it.
    """

    methods = METHODS
    ascent = ASCENT
    pace = Pace

    def __init__(
        self,
        program: LayerProgram,
        domain: DomainBoxes,
        incumbent: Incumbent,
        *,
        seed: int = 0,
        first: First = first_points,
        kernel: CompiledProgram | None = None,
    ) -> None:
        hull = domain.hull
        self._set_up(domain, incumbent, seed, hull.lo < hull.hi)
        self.kernel = kernel or root_magnitudes(program, self.boxes.hull, self.boxes.whole)
        self._pace = self.pace()
        incumbent.floor = np.maximum(incumbent.floor, 8 * self.kernel.radius)
        gradient, kernel = PacedGradient(program.gradient), self.kernel
        points = first(gradient, kernel.evaluate, self.boxes, kernel.objectives, self._rng)
        self._begin(gradient, points, program.states)

    def _explore(self) -> None:
        tasks = self.frontier.pop(self._pace.tasks(len(self.frontier)))
        left = _run_kernel(self, tasks, self._pace)
        if len(left["lo"]):
            self.frontier.push(*left.values())


def _run_kernel(search: KernelSearch, tasks: dict, pace: Pace) -> dict:
    """Bound, close and split `tasks` and their children; returns what stays open."""
    kernel, state, frontier = search.kernel, search.incumbent, search.frontier
    count = len(tasks["lo"])
    budget = pace.budget
    out = pace.room(count * (budget + 1), kernel)
    tol, scale, cutoff = state.aim(), state.scale(), state.cutoff()
    target = goal = None
    if state.target is not None:
        target, goal = np.ascontiguousarray(cutoff), np.ascontiguousarray(state.goal, np.float64)
    stats = np.zeros(5, np.int64)
    began = state.clock.seconds
    given = [np.ascontiguousarray(tasks[n]) for n in ("lo", "hi", "lb", "status", "open")]
    best, at = state.best.copy(), np.ascontiguousarray(state.best_at[:, search.free])
    left = kernel.lib.explore(
        kernel.handle,
        count,
        *map(address, given),
        budget,
        LEAF_UNITS,
        LEAF_LPS,
        search.ascent,
        pace.threads,
        *map(address, (best, at, tol, scale)),
        *(None if a is None else address(a) for a in (target, goal)),
        *(address(a) for a in out.values()),
        address(frontier.closed),
        address(stats),
    )
    search.offer(best, at)
    pace.learn(state.clock.seconds - began)
    state.boxes += int(stats[0])
    out = {name: array[:left] for name, array in out.items()}
    gaps = np.where(out["open_"].astype(bool), (state.best - out["lb"]) / scale, -np.inf)
    out["priority"] = gaps.max(axis=1, initial=-np.inf)
    return out
