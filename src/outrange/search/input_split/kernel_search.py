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
from .kernel_call import ArrayPool, KernelCall


METHODS = (
    "linear bounds by back-substitution (CROWN, Zhang et al. 2018)",
    "slope ascent on the objective row (alpha-CROWN, Xu et al. 2021)",
    "input splits by gap attribution",
    "clipping (Zhou et al. 2025)",
    "exact leaves: phase enumeration by dual simplex, safe bounds (Neumaier, Shcherbina 2004)",
)

LEAF_UNITS = 14
"""Maximum number of unstable units of an exact leaf, a box whose phases are enumerated."""

LEAF_LPS = 2000
"""Maximum number of linear programs per leaf and objective; a leaf that needs more is split."""

ASCENT = 5
"""Maximum number of slope ascent steps per objective of a box."""

MOST_TASKS = 512
"""Maximum number of boxes that one kernel call receives."""

MOST_BUDGET = 16
"""Maximum number of boxes bounded per box of a call, children included."""

SECONDS_A_CALL = 0.1
"""Target duration of a call, in seconds; the clock is read between calls."""

BUSY = 2e-3
"""Duration of a call in seconds at or above which BLAS has only one thread during the next call.
Lifting the limit wakes BLAS's threads, which may cost as much as a search of a few short calls."""


AHEAD = 8
"""Minimum ratio of open boxes to boxes of a call for the next call to start before the last one has
ended. With a ratio of 2, a search of a tenth of a second took an eighth longer, and no search was
faster."""

LONG = MOST_TASKS
"""Number of boxes of a call at or above which the cost of a separate thread does not matter."""


class Pace:
    """Adaptive number of boxes per call: few at the start, where best-first order matters."""

    def __init__(self) -> None:
        self.threads = threads()
        self.budget = 1
        self.most = 2 * self.threads
        self.is_busy = False
        """Whether the last call took at least `BUSY` seconds, so that its threads would compete
        with BLAS's."""

    def tasks(self, waiting: int) -> int:
        """Return the number of boxes for the next call, given the number of waiting boxes."""
        return max(1, min(self.most, waiting // 2))

    def is_ahead(self, waiting: int) -> bool:
        """Return whether a call may start before the last one has ended.

        Args:
            waiting: Number of open boxes that are in no call.
        """
        return self.threads > 1 and self.most >= LONG and waiting >= AHEAD * self.most

    def learn(self, seconds: float) -> None:
        """Adjust the size of calls to the target duration.

        Args:
            seconds: Duration of the last call.
        """
        self.is_busy = seconds >= BUSY
        if seconds < SECONDS_A_CALL / 2:
            self.most = min(MOST_TASKS, self.most * 2)
            self.budget = min(MOST_BUDGET, self.budget * 2)
        elif seconds > 2 * SECONDS_A_CALL:
            share = SECONDS_A_CALL / seconds
            self.most = max(2 * self.threads, int(self.most * share))


class KernelSearch(BestFirstSearch):
    """Search that splits inputs in C, for piecewise-linear layers, on all cores.

    Args:
        program: The network and its objectives, over the inputs that are free in `domain`.
        incumbent: Clock, tolerances and the best points.
        seed: Seed of the samples.
        first: Finds the first points; see `first_points.first_points`.
        kernel: The program, compiled for a box that contains `domain`; None to compile it.
    """

    methods = METHODS
    ascent = ASCENT
    leaves = True
    """Whether the phases of a box with few unstable units are enumerated."""
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
        self._pool = ArrayPool()
        self._calls = iter(range(2**62))
        self._under_way: tuple[KernelCall, Future] | None = None

    def advance(self) -> bool:
        """Advance the search by one step, with BLAS limited to one thread if calls are long."""
        if not self._pace.is_busy:
            return super().advance()
        # Idle BLAS threads spin on the cores that the kernel uses.
        with single_blas_thread():
            return super().advance()

    def recover(self) -> None:
        super().recover()
        # The results of the call under way are lost, and its arrays with them.
        self._under_way, self._pool = None, ArrayPool()

    def _explore(self) -> None:
        """Run one kernel call.

        If many boxes are open, the results of the previous call are stored while it runs.
        """
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
        """Executor whose only thread runs kernel calls while the caller's thread stores results."""
        return ThreadPoolExecutor(1, thread_name_prefix="outrange")

    def _call(self, count: int) -> KernelCall:
        """Pop up to `count` boxes, register them under a ticket, and return their call."""
        tasks, pace = self.frontier.pop(count), self._pace
        ticket = next(self._calls)
        self.frontier.lend(ticket)
        leaf = LEAF_UNITS if self.leaves else -1
        settings = (leaf, LEAF_LPS, self.ascent, pace.threads)
        arrays = self._pool.take(count * (pace.budget + 1), self.kernel)
        return KernelCall(
            ticket, self.kernel, self.incumbent, self.free, tasks, pace.budget, settings, arrays
        )

    def _store(self, call: KernelCall) -> None:
        """Store a call's results: first the open boxes, so that an interrupt loses none of them."""
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
        self._pool.give_back(call.arrays)
