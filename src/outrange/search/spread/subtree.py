"""A sub-tree on a worker: searched for a number of boxes, so that the same work has the same end.

A search in one process paces itself by the clock. Here steps are counted, and on a node of one
core a single thread does them in order: with one such worker the whole search is the same bit for
bit, whatever else the machine does. The cores of a larger node share a call of the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...executors.parcel import unpacked
from ...executors.shelf import Kept
from ..attack.pgd import Points
from ..common.parallel import threads
from ..common.problem import Problem
from ..engines.array_engine import ArrayEngine
from ..engines.base import Engine
from ..input_split.array_search import ArraySearch
from ..input_split.attack_open_boxes import OpenBoxAttack
from ..input_split.frontier import Frontier
from ..input_split.kernel_search import KernelSearch, Pace
from ..kernel.binding import CompiledProgram, root_magnitudes
from ..kernel.layer_program import LayerProgram
from .boxes import Boxes, Known, SubtreeReport
from .policy import OPEN


DEEP = (64, 16, 256)
"""Boxes taken out at once where they are closest to being closed: by one core, for each of many,
and how many the kernel bounds for each. What lies between two calls is then little, and so is what
comes back."""

WIDE = (16, 4, 16)
"""The same where they are the most urgent ones, whose parts are many."""

WIDE_SHARE, WIDE_MOST, WIDE_BUDGET = 32, 512, 4
"""Share of many urgent boxes that a call takes, the most for each core, and how many the kernel
bounds for each of them. The other urgent boxes wait for the end of the call, so its boxes are not
followed deep: with 16 the worst box was a tenth worse after the same work."""

STEP = 256
"""Boxes of a step of the array engine, for each core."""

ATTACK_EVERY = 8
"""Steps between two descents from open boxes, of a decision."""


class StepPace(Pace):
    """Calls of the kernel of a fixed size.

    Args:
        cores: That share a call. A machine that has fewer takes longer over the same one.
    """

    def __init__(self, cores: int = 1) -> None:
        super().__init__()
        self.threads, self._cores = threads() if cores > 1 else 1, cores
        self.turn(deep=False)

    def turn(self, deep: bool, waiting: int = 0) -> None:
        """Choose the sizes of calls from now on.

        Args:
            deep: Whether boxes are taken where they are closest to being closed.
        """
        least, each, self.budget = DEEP if deep else WIDE
        part = 0 if deep else min(waiting // WIDE_SHARE, WIDE_MOST * self._cores)
        self.most = max(least, each * self._cores, part)
        if part >= least:
            self.budget = WIDE_BUDGET

    def is_ahead(self, waiting: int) -> bool:
        """Where cores share calls, and there is enough for another one."""
        return self.threads > 1 and waiting >= self.most

    def learn(self, seconds: float) -> None:
        """Nothing: the clock is not looked at."""


class StepAttack(OpenBoxAttack):
    """Descents from open boxes every few steps."""

    steps = 0

    def is_due(self, seconds: float) -> bool:
        """Whether this step is one of them."""
        self.steps += 1
        return self.steps % ATTACK_EVERY == 0


class StepKernelSearch(KernelSearch):
    """The kernel's search, counted."""

    attack = StepAttack
    pace = StepPace

    def use_cores(self, cores: int) -> None:
        """Let so many cores share a call."""
        self._pace = self._steps = StepPace(cores)

    def _explore(self) -> None:
        deep = self.frontier.full
        self.kernel.go_deep(deep)
        self._steps.turn(deep, len(self.frontier))
        super()._explore()

    def drain(self) -> None:
        """Take up the call that is under way, if one is: its boxes are nowhere else."""
        last, self._under_way = self._under_way, None
        if last is not None:
            last[1].result()
            self._store(last[0])
        self.kernel.go_deep(False)


class StepArraySearch(ArraySearch):
    """The array engine's search, counted."""

    attack = StepAttack
    _together = STEP

    def use_cores(self, cores: int) -> None:
        """Let so many cores share a step."""
        self._together = STEP * cores

    def drain(self) -> None:
        """Nothing is under way between two steps."""

    def _explore(self) -> None:
        self.step(max(1, min(self._together, len(self.frontier) // 2)))


@dataclass(frozen=True, eq=False)
class Machine:
    """What bounds boxes, compiled once on each worker.

    Args:
        problem: The objectives and their boxes.
        program: The layers, where the kernel takes them.
        kernel: Compiled for the root boxes, likewise.
        engine: The array engine, where it does not.
    """

    problem: Problem
    program: LayerProgram | None
    kernel: CompiledProgram | None
    engine: Engine | None

    @classmethod
    def of(cls, problem: Problem, program: LayerProgram | None) -> Machine:
        """Compile a problem.

        Args:
            program: Its layers; None where it has none, or the kernel may not run.
        """
        domain = problem.domain
        if program is None:
            engine = ArrayEngine(problem.small, problem.rows, problem.offset, domain.hull)
            return cls(problem, None, None, engine)
        free = domain.hull.lo < domain.hull.hi
        inner = domain.with_ends(domain.lo[:, free], domain.hi[:, free])
        kernel = root_magnitudes(program, inner.hull, domain.whole[free])
        return cls(problem, program, kernel, None)

    def search(
        self, boxes: Boxes, known: Known, seconds: float, seed: Any, cores: int, most_bytes: int
    ) -> StepKernelSearch | StepArraySearch:
        """A search of a sub-tree, begun.

        Args:
            known: What is known of the whole.
            seed: Of its random points.
            most_bytes: Of open boxes, see `policy.open_bytes`.
        """
        incumbent = known.incumbent(seconds)
        domain = self.problem.domain

        def first(*_: Any) -> Points:
            return known.best, known.at[:, free], known.most

        if self.engine is not None:
            free = np.ones(domain.lo.shape[1], bool)
            search = StepArraySearch(self.engine, domain, incumbent, seed=seed, first=first)
        else:
            assert self.program is not None and self.kernel is not None
            free = domain.hull.lo < domain.hull.hi
            search = StepKernelSearch(
                self.program, domain, incumbent, seed=seed, first=first, kernel=self.kernel
            )
        incumbent.floor = known.floor.copy()
        d, m, s = boxes.lo.shape[1], boxes.lb.shape[1], boxes.status.shape[1]
        search.frontier = Frontier(d, m, s)
        search.frontier.most_bytes = most_bytes
        search.use_cores(cores)
        boxes.put(search.frontier)
        return search


def explore(
    machine: Machine,
    boxes: Boxes,
    known: Known,
    budget: int,
    seconds: float,
    seed: Any,
    cores: int = 1,
    most_bytes: int = OPEN,
) -> SubtreeReport:
    """Search a sub-tree.

    Args:
        known: What is known of the whole.
        budget: Boxes to bound, about.
        seconds: Its time, which ends it, too.
        seed: Of its random points.
        most_bytes: Of open boxes, see `policy.open_bytes`.
    """
    with np.errstate(all="ignore"):
        search = machine.search(boxes, known, seconds, seed, cores, most_bytes)
        incumbent = search.incumbent
        step = 0.0  # Seconds of the last one: the next would not be heard in less time than that.
        while not (search.finished or incumbent.met or incumbent.clock.left < step):
            begin = incumbent.clock.seconds
            if incumbent.boxes >= budget or not search.advance():
                break
            step = incumbent.clock.seconds - begin
        search.drain()
    return SubtreeReport(
        Boxes.all_of(search.frontier),
        search.frontier.closed,
        incumbent.best,
        incumbent.best_at,
        incumbent.boxes,
        incumbent.clock.seconds,
    )


def explore_parcel(kept: Kept, *task: Any) -> SubtreeReport:
    """`explore` on a worker, which compiles the problem when it first hears of it."""
    return explore(kept.once("machine", _compiled), *task)


def _compiled(data: bytes) -> Machine:
    with np.errstate(all="ignore"):
        return Machine.of(*unpacked(data))


def products_of_box(problem: Problem, program: LayerProgram | None) -> float:
    """Products that a box costs, about.

    Args:
        program: Its layers; None where it has none.
    """
    if program is None:
        return 64.0 * sum(node.size for node in problem.small.nodes)
    return max(1.0, sum(float(m.size) for one in program.layers for m in one.sources.values()))
