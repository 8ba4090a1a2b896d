"""A comparison over workers: an activation at a time, those that are behind go first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from ...core import InputError
from ...core.clock import read_wall_clock
from ...executors.crew import ATTEMPTS, TICK, Crew, Done
from ...executors.pool import Pool
from .plan import TrainedPart
from .record import ComparisonRecord
from .slices import TrainingSlice, parcel_of, train_slice
from .trainings import Trainings


SECONDS = 10.0
"""Seconds of a slice, which a lost worker or Ctrl-C costs: most small comparisons are one each."""

LAPS = 4
"""Slices of each activation within the time limit, at least: they end about equally far."""

LATE = 10.0
"""Seconds after the time limit for tasks in hand, which end by themselves: one may start late."""

SLOWER = 10.0
"""A slice takes this many times the longest one, at most: another worker compiles anew."""

GRACE = 60.0
"""Seconds beyond that until it is taken for hung: its worker may start meanwhile."""


class Laps:
    """Which activation goes on next, and how far.

    Args:
        record: What is measured so far.
    """

    def __init__(self, record: ComparisonRecord) -> None:
        self.record = record
        self.given_up: set[int] = set()
        self.gained: dict[int, int] = {}
        """Ticks of the last slice of each activation that had one."""
        self._lost: Counter[int] = Counter()

    @property
    def open(self) -> list[int]:
        """Activations that are not at their end."""
        at, ticks = self.record.at, self.record.ticks
        return [
            g for g in range(len(self.record.groups)) if at(g) < ticks and g not in self.given_up
        ]

    def until(self, group: int) -> int:
        """How far it may go now: not far beyond the last one, and its time may end it before."""
        if group not in self.gained:
            return self.record.ticks
        last = min(self.open, key=self.record.at)
        if last not in self.gained:
            return self.record.at(group)  # How fast that one is will be known soon.
        return min(self.record.ticks, self.record.at(last) + 2 * self.gained[last])

    def next(self, busy: set[int]) -> int | None:
        """The one furthest behind that may go on; None if none may."""
        ready = [g for g in self.open if g not in busy and self.record.at(g) < self.until(g)]
        return min(ready, key=self.record.at, default=None)

    def lose(self, group: int) -> None:
        """Its worker is gone."""
        self._lost[group] += 1
        if self._lost[group] >= ATTEMPTS:
            self.given_up.add(group)

    def enter(self, group: int, part: TrainedPart) -> None:
        """Take over what a worker trained."""
        self.record.enter(group, part)
        self.gained[group], self._lost[group] = len(part.losses), 0


class Spread:
    """Workers on the way; the arguments are those of `spread`."""

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
        self.laps, self.crew = Laps(record), Crew(pool)
        self.parcel, self.seconds = parcel_of(trainings), left()
        self.given: dict[int, float] = {}
        self.longest = math.inf

    def run(self) -> None:
        """Until all is trained, the time is over, or the pool is broken."""
        try:
            while self.laps.open and self.left() > 0 and not self.pool.broken:
                self.give()
                # Workers import meanwhile.
                self.record.measure_starts()
                self.hear(self.left())
            end = read_wall_clock() + LATE
            while len(self.crew) and not self.pool.broken and read_wall_clock() < end:
                self.hear(end - read_wall_clock())
        finally:
            self.crew.end()
        if not self.pool.broken:
            self.record.unfinished = [self.labels[g] for g in sorted(self.laps.given_up)]

    def give(self) -> None:
        """A slice to everybody who has none, as long as there is one to give."""
        while self.crew.room(0) > 0:
            group = self.laps.next({int(str(t)) for t in self.crew.tickets})
            if group is None:
                return
            rounds = math.ceil(len(self.labels) / max(1, self.pool.size))
            asked = TrainingSlice(
                self.labels[group],
                max(0, self.record.at(group)),
                self.laps.until(group),
                min(SECONDS, self.seconds / (LAPS * rounds)),
                self.left(),
            )
            self.given[group] = read_wall_clock()
            self.crew.give(
                group,
                f"train {asked.label}",
                self.parcel,
                train_slice,
                asked,
                self.record.groups[group].state(),
                limit=SLOWER * self.longest + GRACE,
            )

    def hear(self, seconds: float) -> None:
        """What has ended within a moment."""
        for done in self.crew.wait(max(0.0, min(TICK, seconds))):
            self.conclude(int(str(done.ticket)), done)

    def conclude(self, group: int, done: Done) -> None:
        """One slice."""
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
    """Train on workers; what a broken pool leaves is to be trained here.

    Args:
        record: Gets what they measure.
        trainings: What is trained.
        pool: The workers.
        left: Seconds that are left.
        told: Called after every slice.

    Raises:
        InputError: A part cannot be sent, or the workers cannot train the same.
    """
    if pool.forks:
        raise InputError(
            "Keras hangs in processes that are forked: make the pool with "
            'mp_context=multiprocessing.get_context("spawn"). Received: a pool that forks.'
        )
    Spread(record, trainings, pool, left, told).run()
