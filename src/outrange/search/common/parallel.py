"""Thread counts, parallel maps, and a limit of one thread for BLAS.

A BLAS that starts its own threads for products of a few hundred rows spends most of its time
waiting for them: on two busy cores, a search was ten times slower.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from itertools import islice
from threading import Lock
from typing import TypeVar

from threadpoolctl import ThreadpoolController

from ...executors.cores import cores


LEAST_SHARE = 1 << 16
"""Number of entries that justify one more core."""

AHEAD = 8
"""Number of parts per core in a batch of `parallel_batches`: few enough to store, and enough to
balance the load."""

Part = TypeVar("Part")
Result = TypeVar("Result")


def threads() -> int:
    """Return the number of cores that this process, or this task on a worker, may use."""
    return cores()


def cores_for(numbers: int, most: int | None) -> int:
    """Return the number of cores to use for `numbers` array entries: one per `LEAST_SHARE` entries.

    With fewer entries per core, threads would wait for the interpreter.

    Args:
        numbers: Number of entries, such as the number of boxes times the square of the widest
            value.
        most: Maximum number of cores, or None for all.
    """
    return max(1, min(threads() if most is None else most, numbers // LEAST_SHARE))


_HOLDING = Lock()
"""Lock held by the thread that limits BLAS; other threads then leave the limit alone."""


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread within the context.

    The limit applies to the whole process, and only the thread that has set it may lift it. If two
    threads each restored the limit that they had found, the second would restore the first one's
    limit permanently. So a thread that finds the limit set leaves it alone. The limit may then be
    lifted before the work of this thread ends.
    """
    if not _HOLDING.acquire(blocking=False):
        yield
        return
    try:
        with _controller().limit(limits=1, user_api="blas"):
            yield
    finally:
        _HOLDING.release()


@cache
def _controller() -> ThreadpoolController:
    """Return the controller of the process's thread pools."""
    return ThreadpoolController()


def even_parts(count: int, most: int, least: int = 1) -> list[slice]:
    """Return slices that deal out rows to parts in turn, so that all cores finish together.

    Neighboring rows are similar: in contiguous parts, rows that finish early would be in one part.

    Args:
        count: The number of rows.
        most: Maximum number of rows per part.
        least: Minimum number of rows per core at which the number of parts is rounded up to a
            multiple of the number of cores.
    """
    parts, cores = -(-count // most), threads()
    if count >= least * cores:
        parts = -(-parts // cores) * cores
    return [slice(k, None, parts) for k in range(min(parts, count))]


def parallel_map(
    work: Callable[[Part], Result], parts: Sequence[Part], most: int | None = None
) -> list[Result]:
    """Apply `work` to every part, in up to `most` threads; return the results in order.

    Threads inherit the caller's context: its deadline and its ascent backend.

    Args:
        work: Called with one part.
        parts: Arguments of the calls.
        most: Maximum number of threads, or None for one per core.
    """
    count = min(len(parts), threads() if most is None else most)
    if count < 2:
        return [work(part) for part in parts]
    contexts = [copy_context() for _ in parts]
    if count < threads():
        with ThreadPoolExecutor(count, thread_name_prefix="outrange") as pool:
            return list(pool.map(lambda c, part: c.run(work, part), contexts, parts))
    return list(_pool(count).map(lambda c, part: c.run(work, part), contexts, parts))


def parallel_batches(work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
    """Apply `work` to every part on all cores, and yield the results in order.

    The parts are consumed in batches, because all parts together may not fit in memory.

    Args:
        work: Called with one part.
        parts: The parts, created as they are consumed.
    """
    waiting = iter(parts)
    while batch := list(islice(waiting, AHEAD * threads())):
        yield from parallel_map(work, batch)


@cache
def _pool(count: int) -> ThreadPoolExecutor:
    """Return the process's pool of `count` threads; the interpreter joins it at exit."""
    return ThreadPoolExecutor(count, thread_name_prefix="outrange")
