"""Batches of pieces on the cores of this process, one thread each.

NumPy releases the interpreter within its loops, in which batches spend most of their time. A batch
is bounded as on one core: by one thread, with one thread of BLAS. So its result is the same bit for
bit, whatever the number of cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Lock
from typing import TypeVar

from ...core import stopped_by
from ...core.clock import is_counted
from ...executors.cores import on_cores
from ...search.common.parallel import parallel_map, single_blas_thread, threads


AHEAD = 2
"""Batches of a wave for each core: more would outlast their turn."""

Batch = TypeVar("Batch")
Result = TypeVar("Result")


def batches_at_once() -> int:
    """Return how many batches this process bounds at once; 1 where time is counted."""
    cores = 1 if is_counted() else threads()
    return AHEAD * cores if cores > 1 else 1


@contextmanager
def on_one_core() -> Iterator[None]:
    """Compute with one thread inside the context, for results that depend on no other."""
    with on_cores(1), single_blas_thread():
        yield


def map_batches(work: Callable[[Batch], Result], batches: Sequence[Batch]) -> list[Result]:
    """Apply `work` to every batch, on all cores.

    An interrupt stops running batches at their next look at the clock, and is raised once all have
    ended: none changes its pieces afterwards.

    Args:
        work: Called with one batch. It raises nothing.
        batches: The batches, in order.
    """
    stop, lock = Event(), Lock()
    running = 0
    idle = Event()
    idle.set()

    def bound(batch: Batch) -> Result:
        nonlocal running
        with lock:
            running += 1
            idle.clear()
        try:
            with stopped_by(stop), on_cores(1):
                return work(batch)
        finally:
            with lock:
                running -= 1
                if not running:
                    idle.set()

    try:
        with single_blas_thread():
            return parallel_map(bound, batches)
    except BaseException:
        stop.set()
        idle.wait()
        raise
