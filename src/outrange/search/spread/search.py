"""Search of one tree: workers search sub-trees, and this process stores the open boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...executors.ambient_pool import Workers
from ...executors.dispatcher import Dispatcher, TaskResult
from ...executors.payload import Payload
from ...executors.worker_cache import WrongVersion
from ..common.incumbent import Incumbent
from ..common.parallel import threads
from ..common.problem import Problem
from ..common.search import Search
from ..engines.array_engine import Refine
from ..input_split.array_search import ArraySearch
from ..input_split.kernel_search import KernelSearch
from ..kernel.binding import CompiledProgram
from ..kernel.layer_program import LayerProgram
from .boxes import Boxes, SearchState, SubtreeReport
from .checkpoint import Checkpoint, TreeState
from .policy import FEWEST, Roots, Standing, open_bytes, seconds_of_task, size_of_task, tasks_ahead
from .subtree import Machine, explore, explore_payload, products_of_box


METHOD = "sub-trees on workers"

ALONE = 256
"""Approximate maximum number of boxes that this process bounds before it uses workers; most
questions need no more."""

HERE = 64
"""Maximum number of roots of a task that runs in this process."""

SLICE, MOST = 2e8, 100_000
"""Limits on the ordinary task of one core: approximate number of multiplications (about half a
second of work), and number of boxes. The tasks of nodes with several cores and of large trees are
longer.
"""

HANGS = 120.0
"""Seconds after which a task is considered hung, long enough for its worker to start and
compile."""

TICK = 0.1
"""Maximum duration of one wait for reports, in seconds."""

GONE = 10.0
"""Seconds without any worker after which the boxes of unfinished tasks are reopened."""

ATTEMPTS = 8
"""Number of failed tasks at which the search fails. Tasks of lost workers are not counted."""


class SpreadSearch(Search):
    """Best-first search by workers, which search the sub-trees of the most urgent boxes.

    A worker is a node of one or more cores, which share its task. It receives a few boxes and the
    state of the whole search. It bounds these boxes and some of their sub-boxes. Then it reports
    its bounds, its best points and the boxes that are still open. All open boxes are stored in one
    frontier in this process. So an idle node receives some of the boxes that other nodes have left
    open.

    Args:
        problem: The objectives and their boxes.
        incumbent: Clock, tolerances and the best points.
        local: The search in this process, already started.
        program: The problem's layers, if the local search runs on the kernel.
        workers: The workers, and the folder of the checkpoints.
        seed: Seed of the random points.
        refine: Creates the refinement of the workers' array engines; None for no refinement.

    Sound: `lower` is, at any moment, the least bound of all closed boxes, all open boxes and all
        boxes assigned to tasks. The boxes of a lost worker are reopened with their previous bounds.
        Complete: to the same extent as a search in one process. Cost: the same, plus a few
        milliseconds per task.
    """

    def __init__(
        self,
        problem: Problem,
        incumbent: Incumbent,
        local: KernelSearch | ArraySearch,
        program: LayerProgram | None,
        workers: Workers,
        seed: int,
        refine: Refine | None = None,
    ) -> None:
        self.incumbent, self.local, self._problem = incumbent, local, problem
        self.frontier, self.methods = local.frontier, (*local.methods, METHOD)
        self._program, self._seed, self._refine = program, seed, refine
        self._dispatcher: Dispatcher[int] = Dispatcher(workers.pool)
        self._hands: dict[int, Boxes] = {}
        self._sizes: dict[int, int] = {}
        self._roots = Roots()
        self._tasks = self._bounded = 0
        self._seen = incumbent.clock.seconds
        self._failed: Counter[str] = Counter()
        self._machine: Machine | None = None
        self._payload: Payload | None = None
        self._is_alone = False
        """Whether the workers are permanently lost."""
        self._budget = int(np.clip(SLICE / products_of_box(problem, program), FEWEST, MOST))
        self._first = min(ALONE, self._budget)
        self._checkpoint = Checkpoint.of(workers, problem, incumbent)
        self._restore()
        workers.on_close(self.leave)

    @property
    def kernel(self) -> CompiledProgram:
        """The compiled kernel that the search in this process uses."""
        assert isinstance(self.local, KernelSearch)
        return self.local.kernel

    @property
    def free(self) -> np.ndarray:
        """`(d,)` mask of the inputs that boxes of the frontier contain; the others are fixed."""
        return self.local.free

    def lower(self) -> np.ndarray:
        least = [self.frontier.lower(), *(boxes.least for boxes in self._hands.values())]
        return np.minimum.reduce(least)

    @property
    def waiting(self) -> int:
        return len(self.frontier) + sum(map(len, self._hands.values()))

    @property
    def finished(self) -> bool:
        return self.local.finished and not self._hands

    def recover(self) -> None:
        self.local.recover()

    def advance(self) -> bool:
        """Search in this process, or send tasks and wait up to `TICK` seconds for reports."""
        if self._is_alone:
            return self.local.advance()
        if self._bounded < self._first:
            self._search_here(self._first - self._bounded)
            return True
        if self._dispatcher.pool.size:
            self._seen = self.incumbent.clock.seconds
        elif not self._dispatcher.pool.broken:
            self._wait_for_workers()
            return True
        self._give()
        left = max(0.0, min(TICK, self.incumbent.clock.left))
        ended = self._dispatcher.wait(left)
        for k, done in enumerate(ended, 1):
            self._take(done)
            # Reports not yet processed are marked as arrived, so that their tasks do not seem to
            # hang.
            self._give(ended[k:])
        if self._dispatcher.pool.broken:
            self._continue_alone()
        if self._checkpoint is not None and self._checkpoint.is_due:
            self._checkpoint.save(self._state())
        return True

    def leave(self) -> None:
        """Cancel all tasks at the end of the question, and save the state if it is worth saving.

        The state is saved only if checkpoints are enabled and the first boxes have been bounded.
        """
        self._dispatcher.cancel_all()
        if self._checkpoint is not None and self._bounded >= self._first:
            self._checkpoint.save(self._state())

    # ---- tasks ------------------------------------------------------------------------------

    def _wait_for_workers(self) -> None:
        """Search a part of the tree in this process while there are no workers."""
        for done in self._dispatcher.wait(0.0 if len(self.frontier) else TICK):
            self._take(done)
        if self.incumbent.clock.seconds > self._seen + GONE:
            self._reopen()
        if len(self.frontier) and not self.incumbent.met:
            self._search_here(self._budget, threads())

    def _search_here(self, budget: int, cores: int = 1) -> None:
        """Search a part of the tree in this process, by the same steps as a worker.

        Args:
            budget: Approximate number of boxes to bound.
            cores: Number of cores of this process to use.
        """
        if self._machine is None:
            kernel = self.local.kernel if isinstance(self.local, KernelSearch) else None
            engine = self.local.engine if isinstance(self.local, ArraySearch) else None
            self._machine = Machine(self._problem, self._program, kernel, engine)
        boxes = self._lift(min(len(self.frontier), HERE))
        left = seconds_of_task(self.incumbent.clock.left, 0)
        seed = self._next_seed()
        most_bytes = open_bytes(self._standing(1, 1), cores)
        report = explore(
            self._machine, boxes, self._search_state(), budget, left, seed, cores, most_bytes
        )
        self._enter(report)
        del self._hands[self._tasks]

    def _lift(self, count: int) -> Boxes:
        """Pop up to `count` boxes, register them as assigned to a new task, and return them."""
        boxes = Boxes.pop(self.frontier, count)
        self._tasks += 1
        self._hands[self._tasks] = boxes
        self.frontier.settle()
        return boxes

    def _give(self, ended: Sequence[TaskResult] = ()) -> None:
        """Send tasks to nodes that are idle or whose queue has room, see `tasks_ahead`.

        Stop when no open boxes remain, or when the goal of a decision is met.

        Args:
            ended: Tasks that have ended but have not been processed yet.
        """
        while len(self.frontier) and not self.incumbent.met:
            open_, nodes = len(self.frontier), self._dispatcher.pool.nodes
            node = self._dispatcher.next_node(tasks_ahead(open_, len(nodes)), ended)
            if node is None:
                break
            now = self._standing(len(nodes), sum(node_.cores for node_ in nodes))
            size = size_of_task(now, node.cores, self._budget)
            boxes = self._lift(self._roots.of_task(now, node.cores, self._budget))
            self._sizes[self._tasks] = size
            if self._payload is None:
                # Derived data is computed anew on the worker.
                p = self._problem
                bare = Problem(p.graph, p.rows, p.offset, p.domain)
                self._payload = Payload.of((bare, self._program, self._refine))
            seconds = seconds_of_task(self.incumbent.clock.left, len(nodes), now.rises)
            self._dispatcher.submit(
                self._tasks,
                f"sub-tree of {len(boxes)} boxes",
                self._payload,
                explore_payload,
                *(boxes, self._search_state(), size, seconds, self._next_seed()),
                *(node.cores, open_bytes(now, node.cores)),
                limit=HANGS,
                node=node,
            )

    def _standing(self, nodes: int, cores: int) -> Standing:
        """Return the progress of the tree for the policy."""
        decides = self.incumbent.target is not None
        rises = self.incumbent.clock.left < np.inf and not self.frontier.full
        counts = len(self.frontier), self._bounded, self._tasks
        return Standing(*counts, nodes, cores, decides, rises)

    def _take(self, done: TaskResult[int]) -> None:
        """Process the result of a task: store its report, or reopen its boxes if there is none.

        The error of a failed task is raised if `ATTEMPTS` tasks have failed, or if the worker has a
        different version of outrange. Tasks of lost workers are not counted as failed.
        """
        ticket = done.key
        size = self._sizes.pop(ticket)
        if done.error is None:
            self._enter(done.value)
            boxes = self._hands.pop(ticket)
            self._roots.learn(size, len(boxes), done.value.bounded, len(done.value.boxes))
            return
        self._hands[ticket].put(self.frontier)
        del self._hands[ticket]
        if isinstance(done.error, WrongVersion):
            raise done.error
        if not done.lost:
            self._failed[str(done.error)] += 1
            if self._failed.total() >= ATTEMPTS:
                raise done.error

    def _enter(self, report: SubtreeReport) -> None:
        """Store a report, open boxes first so that an interrupt does not lose them."""
        report.boxes.put(self.frontier)
        self.frontier.close(report.closed)
        self.incumbent.offer(report.best, report.at)
        self.incumbent.boxes += report.bounded
        self._bounded += report.bounded

    def _search_state(self) -> SearchState:
        """Copy the state of the whole search for a worker."""
        return SearchState.of(self.incumbent, self._problem.rows)

    def _next_seed(self) -> Any:
        """Return the seed of the next task."""
        return [self._seed, self._tasks]

    def _continue_alone(self) -> None:
        """Reopen the boxes of all tasks, and search only in this process: the executor is lost."""
        self._reopen()
        self._is_alone = True

    def _reopen(self) -> None:
        """Return the boxes of all tasks to the frontier, and cancel the tasks."""
        for ticket in list(self._hands):
            self._hands[ticket].put(self.frontier)
            del self._hands[ticket]
        self._sizes.clear()
        self._dispatcher.cancel_all()

    # ---- checkpoints ------------------------------------------------------------------------

    def _state(self) -> TreeState:
        """Return the state for a checkpoint."""
        boxes = Boxes.concatenate([Boxes.all_of(self.frontier), *self._hands.values()])
        incumbent = self.incumbent
        # Boxes that were popped and not yet settled are included only in `lower`.
        closed = np.minimum(self.frontier.closed, self.frontier.in_hand)
        state = (
            closed,
            incumbent.best,
            incumbent.best_at,
            incumbent.most,
            self._bounded,
            self._tasks,
        )
        return TreeState(boxes, *state)

    def _restore(self) -> None:
        """Resume from a checkpoint, if there is one."""
        state = None if self._checkpoint is None else self._checkpoint.read()
        if state is None:
            return
        self.frontier.empty()
        state.boxes.put(self.frontier)
        self.frontier.close(state.closed)
        self.incumbent.start(state.best, state.at, state.most)
        self.incumbent.boxes += state.bounded
        self._bounded, self._tasks = state.bounded, state.given
