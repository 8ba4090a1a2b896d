"""Search of a sub-tree on a worker, paced by counts of boxes instead of the clock.

A search in one process paces itself by the clock. Here, steps are counted, so that equal work has
equal results. On a node of one core, a single thread runs the steps in order. So if a node of one
core is the only worker, the whole search is reproducible bit for bit, unless a task or its descents
take so long that the clock limits them. The cores of a larger node share a call of the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...executors.payload import deserialize
from ...executors.worker_cache import CachedPayload
from ..attack.pgd import Points
from ..common.incumbent import Incumbent
from ..common.parallel import threads
from ..common.problem import Problem
from ..engines.array_engine import ArrayEngine, Refine
from ..engines.base import Engine
from ..input_split.array_search import ArraySearch
from ..input_split.attack_open_boxes import OpenBoxAttack
from ..input_split.frontier import Frontier
from ..input_split.kernel_search import KernelSearch, Pace
from ..kernel.binding import CompiledProgram, root_magnitudes
from ..kernel.layer_program import LayerProgram
from .boxes import Boxes, SearchState, SubtreeReport
from .policy import OPEN


DEEP = (64, 16, 256)
"""Sizes of calls that bound the boxes closest to being closed: minimum number of boxes, number of
boxes per core, and number of boxes that the kernel bounds for each of them. As a result, few boxes
are open between two calls, and the task returns few boxes."""

WIDE = (16, 4, 16)
"""Sizes of calls that bound the most urgent boxes: minimum number of boxes, number of boxes per
core, and number of boxes that the kernel bounds for each of them. The calls are small because these
boxes have many sub-boxes."""

WIDE_SHARE, WIDE_MOST, WIDE_BUDGET = 32, 512, 4
"""Sizes of calls if many urgent boxes are open: divisor of their number, maximum number of boxes
per core, and number of boxes that the kernel bounds for each. Since the other urgent boxes wait for
the end of the call, this last number is small: with 16, the worst bound was 10% worse after the
same work."""

STEP = 256
"""Maximum number of boxes per core in one step of the array engine."""

ATTACK_EVERY = 8
"""Number of steps between two descents from open boxes, in a decision."""


class StepPace(Pace):
    """Pace whose calls have sizes that do not depend on the clock.

    Args:
        cores: Number of cores for which calls are sized; with fewer cores, a call takes longer.
    """

    def __init__(self, cores: int = 1) -> None:
        super().__init__()
        self.threads, self._cores = threads() if cores > 1 else 1, cores
        self.turn(deep=False)

    def turn(self, deep: bool, waiting: int = 0) -> None:
        """Set the sizes of the calls that follow.

        Args:
            deep: Whether the boxes closest to being closed are bounded first.
            waiting: Number of open boxes.
        """
        least, each, self.budget = DEEP if deep else WIDE
        part = 0 if deep else min(waiting // WIDE_SHARE, WIDE_MOST * self._cores)
        self.most = max(least, each * self._cores, part)
        if part >= least:
            self.budget = WIDE_BUDGET

    def is_ahead(self, waiting: int) -> bool:
        """Return whether several cores share calls, and the waiting boxes fill another call."""
        return self.threads > 1 and waiting >= self.most

    def learn(self, seconds: float) -> None:
        """Do nothing: the sizes do not depend on the clock."""


class StepAttack(OpenBoxAttack):
    """Attack on a decision by descents from open boxes, every `ATTACK_EVERY` steps."""

    steps = 0

    def is_due(self, incumbent: Incumbent) -> bool:
        """Count a step, and return True at every `ATTACK_EVERY`-th step."""
        self.steps += 1
        return self.steps % ATTACK_EVERY == 0


class StepKernelSearch(KernelSearch):
    """Search on the compiled kernel, paced by counts of boxes instead of the clock."""

    attack = StepAttack
    pace = StepPace

    def use_cores(self, cores: int) -> None:
        """Let `cores` cores share each call of the kernel."""
        self._pace = self._steps = StepPace(cores)

    def _explore(self) -> None:
        deep = self.frontier.full
        self.kernel.go_deep(deep)
        self._steps.turn(deep, len(self.frontier))
        super()._explore()

    def drain(self) -> None:
        """Finish the call that is under way, since its boxes are stored nowhere else."""
        last, self._under_way = self._under_way, None
        if last is not None:
            last[1].result()
            self._store(last[0])
        self.kernel.go_deep(False)


class StepArraySearch(ArraySearch):
    """Search on the array engine, paced by counts of boxes instead of the clock."""

    attack = StepAttack
    _together = STEP

    def use_cores(self, cores: int) -> None:
        """Let `cores` cores share each step."""
        self._together = STEP * cores

    def drain(self) -> None:
        """Do nothing: nothing is under way between two steps."""

    def _explore(self) -> None:
        self.step(max(1, min(self._together, len(self.frontier) // 2)))


@dataclass(frozen=True, eq=False)
class Machine:
    """The compiled engine of a problem, created once per process.

    Args:
        problem: The objectives and their boxes.
        program: The layers, if the kernel supports them.
        kernel: The program, compiled for the root boxes.
        engine: The array engine, if the kernel does not support the problem.
    """

    problem: Problem
    program: LayerProgram | None
    kernel: CompiledProgram | None
    engine: Engine | None

    @classmethod
    def of(
        cls,
        problem: Problem,
        program: LayerProgram | None,
        refine: Refine | None = None,
    ) -> Machine:
        """Compile a problem, or create its array engine if there is no program.

        Args:
            problem: Objectives and their boxes.
            program: The problem's layers; None if the problem has none, or the kernel must not be
                used.
            refine: Creates the refinement of the array engine; None for no refinement.
        """
        domain = problem.domain
        if program is None:
            hull = domain.hull
            engine = ArrayEngine(problem.small, problem.rows, problem.offset, hull, refine=refine)
            return cls(problem, None, None, engine)
        free = domain.hull.lo < domain.hull.hi
        inner = domain.with_ends(domain.lo[:, free], domain.hi[:, free])
        kernel = root_magnitudes(program, inner.hull, domain.whole[free])
        return cls(problem, program, kernel, None)

    def search(
        self,
        boxes: Boxes,
        state: SearchState,
        seconds: float,
        seed: Any,
        cores: int,
        most_bytes: int,
    ) -> StepKernelSearch | StepArraySearch:
        """Create the search of a sub-tree, whose frontier contains the given boxes.

        Args:
            boxes: Roots of the sub-tree.
            state: State of the whole search.
            seconds: Time limit in seconds.
            seed: Seed of the random points.
            cores: Number of cores that share the search.
            most_bytes: Limit on the memory of open boxes, in bytes; see `policy.open_bytes`.
        """
        incumbent = state.incumbent(seconds)
        domain = self.problem.domain

        def first(*_: Any) -> Points:
            return state.best, state.at[:, free], state.most

        if self.engine is not None:
            free = np.ones(domain.lo.shape[1], bool)
            search = StepArraySearch(self.engine, domain, incumbent, seed=seed, first=first)
        else:
            assert self.program is not None and self.kernel is not None
            free = domain.hull.lo < domain.hull.hi
            search = StepKernelSearch(
                self.program, domain, incumbent, seed=seed, first=first, kernel=self.kernel
            )
        incumbent.floor = state.floor.copy()
        d, m, s = boxes.lo.shape[1], boxes.lb.shape[1], boxes.status.shape[1]
        search.frontier = Frontier(d, m, s)
        search.frontier.most_bytes = most_bytes
        search.use_cores(cores)
        boxes.put(search.frontier)
        return search


def explore(
    machine: Machine,
    boxes: Boxes,
    state: SearchState,
    budget: int,
    seconds: float,
    seed: Any,
    cores: int = 1,
    most_bytes: int = OPEN,
) -> SubtreeReport:
    """Search a sub-tree, and report its bounds, best points and open boxes.

    Args:
        boxes: Roots of the sub-tree.
        state: State of the whole search.
        budget: Approximate number of boxes to bound.
        seconds: Time limit in seconds.
        seed: Seed of the random points.
        cores: Number of cores that share the search.
        most_bytes: Limit on the memory of open boxes, in bytes; see `policy.open_bytes`.
    """
    with np.errstate(all="ignore"):
        search = machine.search(boxes, state, seconds, seed, cores, most_bytes)
        incumbent = search.incumbent
        step = 0.0  # Seconds of the last step: with less time left, another would end too late.
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


def explore_payload(kept: CachedPayload, *task: Any) -> SubtreeReport:
    """Run `explore` on a worker, which compiles the problem on first use."""
    return explore(kept.get_or_make("machine", _compile), *task)


def _compile(data: bytes) -> Machine:
    """Unpack and compile a problem."""
    with np.errstate(all="ignore"):
        return Machine.of(*deserialize(data))


def products_of_box(problem: Problem, program: LayerProgram | None) -> float:
    """Estimate the number of multiplications needed to bound one box.

    Args:
        problem: Objectives and their boxes.
        program: The problem's layers; None if the search does not use the kernel.
    """
    if program is None:
        return 64.0 * sum(node.size for node in problem.small.nodes)
    return max(1.0, sum(float(m.size) for layer in program.layers for m in layer.sources.values()))
