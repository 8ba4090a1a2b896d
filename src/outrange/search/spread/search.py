"""One tree over workers: the open boxes lie here, sub-trees are searched there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...executors.crew import Crew, Done
from ...executors.parcel import Parcel
from ...executors.seam import Workers
from ...executors.shelf import WrongVersion
from ..common.incumbent import Incumbent
from ..common.parallel import threads
from ..common.problem import Problem
from ..common.search import Search
from ..input_split.array_search import ArraySearch
from ..input_split.kernel_search import KernelSearch
from ..kernel.binding import CompiledProgram
from ..kernel.layer_program import LayerProgram
from .boxes import Boxes, Known, SubtreeReport
from .checkpoint import Checkpoint, TreeState
from .policy import FEWEST, Roots, Standing, open_bytes, seconds_of_task, size_of_task, tasks_ahead
from .subtree import Machine, explore, explore_parcel, products_of_box


METHOD = "sub-trees on workers"

ALONE = 256
"""Boxes that are bounded here first: most questions end before any worker hears of them."""

HERE = 64
"""Roots of a task that is done here."""

SLICE, MOST = 2e8, 100_000
"""Products of a task, about: half a second on a core; its boxes at most, whatever the network."""

HANGS = 120.0
"""Seconds after which a task hangs: its worker may have to start, and to compile."""

TICK = 0.1
"""Seconds between two looks at the clock."""

GONE = 10.0
"""Seconds without any worker until what was in hand is open again."""

ATTEMPTS = 8
"""Times that a task may fail for reasons of its own."""


class SpreadSearch(Search):
    """Best first here, deep there: workers take the most urgent boxes and close what they can.

    A worker is a node of one core or more, all of which share its task. It gets a few boxes, and
    what is known of the whole; it searches below them for a number of boxes, and reports its
    bounds, its best points and the boxes still open. These lie in one frontier, from which all are
    served: whoever has nothing gets a part of what others left.

    Args:
        problem: The objectives and their boxes.
        incumbent: The clock and the tolerances; it keeps the points found.
        local: The search in this process, begun.
        program: Its layers, where it is on the kernel.
        workers: Who works, and where the state is kept.
        seed: Of the random points.

    Sound: `lower` is the least bound of what is closed, open and in hand, at any moment. A task
    whose worker is lost is open again with the bounds it was given. Complete: as the search in one
    process. Cost: as that, and a few milliseconds a task.
    """

    def __init__(
        self,
        problem: Problem,
        incumbent: Incumbent,
        local: KernelSearch | ArraySearch,
        program: LayerProgram | None,
        workers: Workers,
        seed: int,
    ) -> None:
        self.incumbent, self.local, self._problem = incumbent, local, problem
        self.frontier, self.methods = local.frontier, (*local.methods, METHOD)
        self._program, self._seed = program, seed
        self._crew = Crew(workers.pool)
        self._hands: dict[int, Boxes] = {}
        self._sizes: dict[int, int] = {}
        self._roots = Roots()
        self._given = self._bounded = 0
        self._seen = incumbent.clock.seconds
        self._failed: Counter[str] = Counter()
        self._machine: Machine | None = None
        self._parcel: Parcel | None = None
        self._is_alone = False
        """Whether the workers are gone for good."""
        self._budget = int(np.clip(SLICE / products_of_box(problem, program), FEWEST, MOST))
        self._first = min(ALONE, self._budget)
        self._checkpoint = Checkpoint.of(workers, problem, incumbent)
        self._restore()
        workers.at_the_end(self.leave)

    @property
    def kernel(self) -> CompiledProgram:
        """Of the search in this process."""
        assert isinstance(self.local, KernelSearch)
        return self.local.kernel

    @property
    def free(self) -> np.ndarray:
        """`(d,)` bool: the inputs that boxes have sides for."""
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
        """Give tasks, and take what comes back within a moment."""
        if self._is_alone:
            return self.local.advance()
        if self._bounded < self._first:
            self._search_here(self._first - self._bounded)
            return True
        if self._crew.pool.size:
            self._seen = self.incumbent.clock.seconds
        elif not self._crew.pool.broken:
            self._wait_for_workers()
            return True
        self._give()
        left = max(0.0, min(TICK, self.incumbent.clock.left))
        ended = self._crew.wait(left)
        for k, done in enumerate(ended, 1):
            self._take(done)
            # As if the others had not been heard of: whether they have hangs on the clock.
            self._give(ended[k:])
        if self._crew.pool.broken:
            self._go_on_alone()
        if self._checkpoint is not None and self._checkpoint.is_due:
            self._checkpoint.save(self._state())
        return True

    def leave(self) -> None:
        """Nobody asks on: let go of what is in hand, and keep the state."""
        self._crew.end()
        if self._checkpoint is not None and self._bounded >= self._first:
            self._checkpoint.save(self._state())

    # ---- tasks ------------------------------------------------------------------------------

    def _wait_for_workers(self) -> None:
        """Nobody is there, yet or any more: go on here."""
        for done in self._crew.wait(0.0 if len(self.frontier) else TICK):
            self._take(done)
        if self.incumbent.clock.seconds > self._seen + GONE:
            self._reopen()
        if len(self.frontier) and not self.incumbent.met:
            self._search_here(self._budget, threads())

    def _search_here(self, budget: int, cores: int = 1) -> None:
        """A piece of the tree in this process, in the very steps that a worker takes.

        Args:
            cores: Of this process, to use.
        """
        if self._machine is None:
            kernel = self.local.kernel if isinstance(self.local, KernelSearch) else None
            engine = self.local.engine if isinstance(self.local, ArraySearch) else None
            self._machine = Machine(self._problem, self._program, kernel, engine)
        boxes = self._lift(min(len(self.frontier), HERE))
        left = seconds_of_task(self.incumbent.clock.left, 0)
        seed = self._next_seed()
        most_bytes = open_bytes(self._standing(1, 1), cores)
        report = explore(self._machine, boxes, self._known(), budget, left, seed, cores, most_bytes)
        self._enter(report)
        del self._hands[self._given]

    def _lift(self, count: int) -> Boxes:
        """Boxes out of the frontier; from now on they count as in hand."""
        boxes = Boxes.taken(self.frontier, count)
        self._given += 1
        self._hands[self._given] = boxes
        self.frontier.settle()
        return boxes

    def _give(self, heard: Sequence[Done] = ()) -> None:
        """A task for every node that has none, or will have none soon.

        Args:
            heard: Tasks that have ended and are still to be taken.
        """
        while len(self.frontier) and not self.incumbent.met:
            open_, nodes = len(self.frontier), self._crew.pool.nodes
            node = self._crew.next_node(tasks_ahead(open_, len(nodes)), heard)
            if node is None:
                break
            now = self._standing(len(nodes), sum(one.cores for one in nodes))
            size = size_of_task(now, node.cores, self._budget)
            boxes = self._lift(self._roots.of_task(now, node.cores, self._budget))
            self._sizes[self._given] = size
            if self._parcel is None:
                # What is derived is derived anew there.
                p = self._problem
                bare = Problem(p.graph, p.rows, p.offset, p.domain)
                self._parcel = Parcel.of((bare, self._program))
            seconds = seconds_of_task(self.incumbent.clock.left, len(nodes), now.rises)
            self._crew.give(
                self._given,
                f"sub-tree of {len(boxes)} boxes",
                self._parcel,
                explore_parcel,
                *(boxes, self._known(), size, seconds, self._next_seed()),
                *(node.cores, open_bytes(now, node.cores)),
                limit=HANGS,
                node=node,
            )

    def _standing(self, nodes: int, cores: int) -> Standing:
        decides = self.incumbent.target is not None
        rises = self.incumbent.clock.left < np.inf and not self.frontier.full
        counts = len(self.frontier), self._bounded, self._given
        return Standing(*counts, nodes, cores, decides, rises)

    def _take(self, done: Done) -> None:
        """What a worker reports; what is lost is open again."""
        ticket = int(str(done.ticket))
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
        """Open boxes first: an interrupt must not lose them."""
        report.boxes.put(self.frontier)
        self.frontier.close(report.closed)
        self.incumbent.offer(report.best, report.at)
        self.incumbent.boxes += report.bounded
        self._bounded += report.bounded

    def _known(self) -> Known:
        return Known.of(self.incumbent, self._problem.rows)

    def _next_seed(self) -> Any:
        return [self._seed, self._given]

    def _go_on_alone(self) -> None:
        """The executor is gone: what was in hand is open, and is searched here."""
        self._reopen()
        self._is_alone = True

    def _reopen(self) -> None:
        for ticket in list(self._hands):
            self._hands[ticket].put(self.frontier)
            del self._hands[ticket]
        self._sizes.clear()
        self._crew.end()

    # ---- checkpoints ------------------------------------------------------------------------

    def _state(self) -> TreeState:
        boxes = Boxes.joined([Boxes.all_of(self.frontier), *self._hands.values()])
        one = self.incumbent
        # What was lifted and not yet settled counts in `lower` only.
        closed = np.minimum(self.frontier.closed, self.frontier.in_hand)
        state = (closed, one.best, one.best_at, one.most, self._bounded, self._given)
        return TreeState(boxes, *state)

    def _restore(self) -> None:
        state = None if self._checkpoint is None else self._checkpoint.read()
        if state is None:
            return
        self.frontier.empty()
        state.boxes.put(self.frontier)
        self.frontier.close(state.closed)
        self.incumbent.start(state.best, state.at, state.most)
        self.incumbent.boxes += state.bounded
        self._bounded, self._given = state.bounded, state.given
