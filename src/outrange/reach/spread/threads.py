"""Computation of batches of pieces on threads of this process, one thread for each batch.

NumPy releases the interpreter lock within its loops, where batches spend most of their time. Each
batch is bounded by one thread, with one BLAS thread. So its result is the same, bit for bit, for
any number of cores.
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
"""Number of batches per core that are submitted together. A search can end or let another search
continue only after all of them are done, so the number is small."""

Batch = TypeVar("Batch")
Result = TypeVar("Result")


def batches_at_once() -> int:
    """Return how many batches this process submits together.

    The result is 1 on a single core, and if time is counted in operations.
    """
    cores = 1 if is_counted() else threads()
    return AHEAD * cores if cores > 1 else 1


@contextmanager
def on_one_core() -> Iterator[None]:
    """Use one thread inside the context, so that results do not depend on the number of cores."""
    with on_cores(1), single_blas_thread():
        yield


def map_batches(work: Callable[[Batch], Result], batches: Sequence[Batch]) -> list[Result]:
    """Apply `work` to every batch, on all cores.

    An interrupt stops running batches when they next check the clock. The interrupt is raised once
    all batches have ended, so no batch changes its pieces afterward.

    Args:
        work: Function of one batch, which must not raise exceptions.
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
