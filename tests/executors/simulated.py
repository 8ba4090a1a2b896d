"""Workers in counted time: each has a clock of its own, and no thread or process is started."""

import heapq
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from contextvars import copy_context

import pytest

from outrange.core.clock import START, CountedTime, time_source
from outrange.executors.cores import on_cores
from outrange.executors.crew import Crew


WAY = 0.004
"""Seconds that a task, or its report, is on its way."""


class CountedSource(CountedTime):
    """Counted time that can wait."""

    def wait_until(self, seconds):
        self._seconds = max(self._seconds, seconds)

    @property
    def now(self):
        return self._seconds


class Simulated(Executor):
    """Runs each task when it is submitted, and reports it when its worker would have ended it.

    Args:
        workers: How many there are.
        clock: The time source of the caller.
    """

    def __init__(self, workers, clock):
        self._max_workers, self.clock = workers, clock
        self._free, self._ends, self.calls = [0.0] * workers, [], 0

    def submit(self, work, /, *arguments, **options):
        """Give the task to the worker that is free first."""
        worker = min(range(len(self._free)), key=self._free.__getitem__)
        start, own = max(self.clock.now + WAY, self._free[worker]), CountedTime()

        def run():
            with time_source(own), on_cores(1):
                return work(*arguments)

        value, future = copy_context().run(run), Future()
        self._free[worker] = start + own.read() - START
        self.calls += 1
        heapq.heappush(self._ends, (self._free[worker] + WAY, self.calls, future, value))
        return future

    def report(self, until):
        """Let the next task end, if it ends by then."""
        if not self._ends or self._ends[0][0] > until:
            self.clock.wait_until(until)
            return
        end, _, future, value = heapq.heappop(self._ends)
        self.clock.wait_until(end)
        future.set_result(value)


@contextmanager
def simulated_workers(count):
    """Yield an executor in counted time, which the caller reads, too."""
    clock, plain = CountedSource(), Crew.wait

    def wait(self, seconds):
        if self._news.empty():
            self.pool._executor.report(clock.now + seconds)
        return plain(self, 0.0)

    with pytest.MonkeyPatch.context() as patch, time_source(clock), on_cores(1):
        patch.setattr(Crew, "wait", wait)
        yield Simulated(count, clock)
