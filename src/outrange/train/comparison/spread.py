"""Distributes a comparison over workers; the activations that are furthest behind go first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from ...core import InputError
from ...core.clock import read_wall_clock
from ...executors.dispatcher import ATTEMPTS, TICK, Dispatcher, TaskResult
from ...executors.pool import Pool
from .plan import TrainedPart
from .record import ComparisonRecord
from .slices import TrainingSlice, pack_trainings, train_slice
from .trainings import Trainings


SECONDS = 10.0
"""Largest time limit of a slice after its first tick, in seconds. A lost worker or Ctrl-C discards
the results of running slices. Short training runs fit into a single slice."""

LAPS = 4
"""Planned minimum number of slices per activation within the time limit, so that all activations
have trained for about the same time when the limit is reached."""

LATE = 10.0
"""Seconds to wait after the time limit for running tasks to end on their own."""

SLOWER = 10.0
"""Factor by which a slice may exceed the longest slice so far until it is treated as hung. It is
large because a new worker must compile."""

GRACE = 60.0
"""Seconds that are added to `SLOWER` times the longest slice before a slice is treated as hung,
since its worker may still be starting."""


class Laps:
    """The scheduler that decides which group (activation) continues, and up to which tick.

    Args:
        record: The measurements so far.
    """

    def __init__(self, record: ComparisonRecord) -> None:
        self.record = record
        self.given_up: set[int] = set()
        self.gained: dict[int, int] = {}
        """Dict from the index of each group that has completed a slice to the number of ticks in
        its last one."""
        self._lost: Counter[int] = Counter()

    @property
    def open(self) -> list[int]:
        """Indices of the groups that are neither complete nor given up."""
        at, ticks = self.record.at, self.record.ticks
        return [
            g for g in range(len(self.record.groups)) if at(g) < ticks and g not in self.given_up
        ]

    def until(self, group: int) -> int:
        """Return the tick to which a group may train.

        The first slice of a group may last until the last tick. Later, the group must wait at its
        own tick until the slowest group has completed a slice. After that, it may train up to two
        slices of the slowest group beyond that group's tick.
        """
        if group not in self.gained:
            return self.record.ticks
        last = min(self.open, key=self.record.at)
        if last not in self.gained:
            return self.record.at(group)  # The speed of the slowest one is not known yet.
        return min(self.record.ticks, self.record.at(last) + 2 * self.gained[last])

    def next(self, busy: set[int]) -> int | None:
        """Return the index of the group that is furthest behind, among those that may continue.

        Returns None if no group may continue.

        Args:
            busy: Indices of the groups that a worker is training now.
        """
        ready = [g for g in self.open if g not in busy and self.record.at(g) < self.until(g)]
        return min(ready, key=self.record.at, default=None)

    def lose(self, group: int) -> None:
        """Record a lost worker of a group; give up the group after `ATTEMPTS` losses in a row."""
        self._lost[group] += 1
        if self._lost[group] >= ATTEMPTS:
            self.given_up.add(group)

    def enter(self, group: int, part: TrainedPart) -> None:
        """Add the results of a slice to the record."""
        self.record.enter(group, part)
        self.gained[group], self._lost[group] = len(part.losses), 0


class Spread:
    """A comparison distributed over workers; the arguments are those of `spread`."""

    def __init__(
        self,
        record: ComparisonRecord,
        trainings: Trainings,
        pool: Pool,
        left: Callable[[], float],
        told: Callable[[], None],
    ) -> None:
        self.record, self.pool, self.left, self.told = record, pool, left, told
        self.labels = list(trainings.activations)
        self.laps = Laps(record)
        self.dispatcher: Dispatcher[int] = Dispatcher(pool)
        self.payload, self.seconds = pack_trainings(trainings), left()
        self.given: dict[int, float] = {}
        self.longest = math.inf

    def run(self) -> None:
        """Train until runs are complete or given up, time runs out, or the pool breaks."""
        with self.dispatcher:
            while self.laps.open and self.left() > 0 and not self.pool.broken:
                self.give()
                # Workers import Keras in the meantime.
                self.record.measure_starts()
                self.hear(self.left())
            end = read_wall_clock() + LATE
            while len(self.dispatcher) and not self.pool.broken and read_wall_clock() < end:
                self.hear(end - read_wall_clock())
        if not self.pool.broken:
            self.record.unfinished = [self.labels[g] for g in sorted(self.laps.given_up)]

    def give(self) -> None:
        """Submit slices as long as there are idle workers and groups that may continue."""
        while self.dispatcher.free_slots(0) > 0:
            group = self.laps.next(set(self.dispatcher.keys))
            if group is None:
                return
            rounds = math.ceil(len(self.labels) / max(1, self.pool.size))
            task = TrainingSlice(
                self.labels[group],
                max(0, self.record.at(group)),
                self.laps.until(group),
                min(SECONDS, self.seconds / (LAPS * rounds)),
                self.left(),
            )
            self.given[group] = read_wall_clock()
            self.dispatcher.submit(
                group,
                f"train {task.label}",
                self.payload,
                train_slice,
                task,
                self.record.groups[group].state(),
                limit=SLOWER * self.longest + GRACE,
            )

    def hear(self, seconds: float) -> None:
        """Wait for training slices to end, and process those that have ended.

        Args:
            seconds: Maximum duration of the wait, which also never exceeds `TICK`.
        """
        for done in self.dispatcher.wait(max(0.0, min(TICK, seconds))):
            self.conclude(done)

    def conclude(self, done: TaskResult[int]) -> None:
        """Record the result of one training slice, or the loss of the worker that trained it."""
        group = done.key
        if done.lost:
            if not self.pool.broken:
                self.laps.lose(group)
            return
        if done.error is not None:
            raise done.error
        took = read_wall_clock() - self.given[group]
        self.longest = took if math.isinf(self.longest) else max(took, self.longest)
        self.laps.enter(group, done.value)
        self.told()


def spread(
    record: ComparisonRecord,
    trainings: Trainings,
    pool: Pool,
    left: Callable[[], float],
    told: Callable[[], None],
) -> None:
    """Train on workers; if the pool breaks, the caller must complete the remaining runs.

    Args:
        record: The measurements so far, to which the results are added.
        trainings: The specification of all training runs.
        pool: The pool of workers.
        left: Function that returns the remaining seconds.
        told: Function that is called after every slice.

    Raises:
        InputError: The pool forks its processes, a part of `trainings` cannot be pickled, or the
            settings of the workers differ.
    """
    if pool.forks:
        raise InputError(
            "The pool must not fork, because Keras hangs in forked processes. Received: a pool "
            'that forks. Create it with mp_context=multiprocessing.get_context("spawn").'
        )
    Spread(record, trainings, pool, left, told).run()
