"""Simulated workers in counted time: each has its own clock; no thread or process is started."""

import heapq
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from contextvars import copy_context

import pytest

from outrange.core.clock import START, CountedTime, time_source
from outrange.executors.cores import on_cores
from outrange.executors.dispatcher import Dispatcher


WAY = 0.004
"""Seconds that a task, or its report, travels."""


class CountedSource(CountedTime):
    """Counted time that can wait."""

    def wait_until(self, seconds):
        self._seconds = max(self._seconds, seconds)

    @property
    def now(self):
        return self._seconds


class Simulated(Executor):
    """An executor that runs tasks at submission and reports them when their workers would.

    Args:
        clock: The time source of the caller.
    """

    def __init__(self, workers, clock):
        self._max_workers, self.clock = workers, clock
        self._free, self._ends, self.calls = [0.0] * workers, [], 0

    def submit(self, work, /, *arguments, **options):
        """Assign the task to the worker that is free first."""
        worker = min(range(len(self._free)), key=self._free.__getitem__)
        start, worker_clock = max(self.clock.now + WAY, self._free[worker]), CountedTime()

        def run():
            with time_source(worker_clock), on_cores(1):
                return work(*arguments)

        value, future = copy_context().run(run), Future()
        self._free[worker] = start + worker_clock.read() - START
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
    """Yield an executor whose counted time is also the caller's clock."""
    clock, plain = CountedSource(), Dispatcher.wait

    def wait(self, seconds):
        if self._completed.empty():
            self.pool._executor.report(clock.now + seconds)
        return plain(self, 0.0)

    with pytest.MonkeyPatch.context() as patch, time_source(clock), on_cores(1):
        patch.setattr(Dispatcher, "wait", wait)
        yield Simulated(count, clock)
