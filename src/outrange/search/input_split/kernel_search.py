"""Best-first branch and bound over the input box, on the compiled kernel."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property

import numpy as np

from ..attack.first_points import First, first_points
from ..attack.pgd import PacedGradient
from ..common.domain_boxes import DomainBoxes
from ..common.incumbent import Incumbent
from ..common.parallel import single_blas_thread, threads
from ..kernel.binding import CompiledProgram, root_magnitudes
from ..kernel.layer_program import LayerProgram
from .best_first import BestFirstSearch
from .kernel_call import KernelCall, Rooms


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

BUSY = 2e-3
"""Seconds of a call from which on BLAS is held to one thread beside it. To take the limit back
wakes BLAS's threads, which may cost what a search of a few short calls takes."""


AHEAD = 8
"""Calls whose boxes must be open besides, so that one is begun before the last one has ended: with
two, a search of a tenth of a second took an eighth longer, and none was quicker."""

LONG = MOST_TASKS
"""Boxes of a call from which on one thread for it, and a change of threads, cost nothing."""


class Pace:
    """Choose the number of boxes of a call.

    Few at the start, where best-first order matters.
    """

    def __init__(self) -> None:
        self.threads = threads()
        self.budget = 1
        self.most = 2 * self.threads
        self.is_busy = False
        """Whether calls take long enough for threads to be in each other's way."""

    def tasks(self, waiting: int) -> int:
        """How many boxes the next call takes of those that wait."""
        return max(1, min(self.most, waiting // 2))

    def is_ahead(self, waiting: int) -> bool:
        """Whether a call may be begun before the last one has ended.

        Args:
            waiting: Open boxes that neither of them has.
        """
        return self.threads > 1 and self.most >= LONG and waiting >= AHEAD * self.most

    def learn(self, seconds: float) -> None:
        """Make calls of the duration aimed at.

        Args:
            seconds: What the last one took.
        """
        self.is_busy = seconds >= BUSY
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
        incumbent: The clock and the tolerances; it keeps the points found.
        seed: Seed of the samples.
        first: Finds the first points; see `first_points.first_points`.
        kernel: The program, compiled for `domain`; None compiles it.
    """

    methods = METHODS
    ascent = ASCENT
    leaves = True
    """Whether the phases of few unstable units are enumerated."""
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
        self._rooms = Rooms()
        self._calls = iter(range(2**62))
        self._under_way: tuple[KernelCall, Future] | None = None

    def advance(self) -> bool:
        """A step; beside long calls BLAS has one thread."""
        if not self._pace.is_busy:
            return super().advance()
        # Idle BLAS threads spin, on the cores that the kernel has.
        with single_blas_thread():
            return super().advance()

    def recover(self) -> None:
        super().recover()
        # What it will return is lost, and so are its arrays.
        self._under_way, self._rooms = None, Rooms()

    def _explore(self) -> None:
        """One call of the kernel; where many boxes are open, while its last results are stored."""
        last, call = self._under_way, None
        waiting = len(self.frontier)
        if last is None or self._pace.is_ahead(waiting):
            call = self._call(self._pace.tasks(waiting))
        if last is None and call is not None and not self._pace.is_ahead(len(self.frontier)):
            call.run()
            self._store(call)
            return
        self._under_way = None if call is None else (call, self._thread.submit(call.run))
        if last is not None:
            last[1].result()
            self._store(last[0])

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        """It ends with the search."""
        return ThreadPoolExecutor(1, thread_name_prefix="outrange")

    def _call(self, count: int) -> KernelCall:
        """A call for some boxes, which are lent to it."""
        tasks, pace = self.frontier.pop(count), self._pace
        ticket = next(self._calls)
        self.frontier.lend(ticket)
        leaf = LEAF_UNITS if self.leaves else -1
        settings = (leaf, LEAF_LPS, self.ascent, pace.threads)
        room = self._rooms.take(count * (pace.budget + 1), self.kernel)
        return KernelCall(
            ticket, self.kernel, self.incumbent, self.free, tasks, pace.budget, settings, room
        )

    def _store(self, call: KernelCall) -> None:
        """What a call has found: open boxes first, since an interrupt must not lose them."""
        state, frontier = self.incumbent, self.frontier
        left = call.left
        if len(left["lo"]):
            gaps = (state.best - left["lb"]) / call.scale
            gaps = np.where(left["open_"].astype(bool), gaps, -np.inf)
            frontier.push(**left, priority=gaps.max(axis=1, initial=-np.inf))
        frontier.close(call.closed)
        frontier.settle(call.ticket)
        self.offer(call.best, call.at)
        self._pace.learn(call.seconds)
        state.boxes += call.bounded
        self._rooms.give_back(call.room)
