"""Threads: how many, over parts of the work, and one for BLAS meanwhile.

A BLAS that starts its own threads for products of a few hundred rows spends most of its time in
waiting for them: on two busy cores a search was ten times slower.
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
"""Numbers that justify one more core."""

AHEAD = 8
"""Parts for each core that `parallel_batches` takes at once: few to keep, enough to even out."""

Part = TypeVar("Part")
Found = TypeVar("Found")


def threads() -> int:
    """The cores this process may use; of a task on a worker, those it may use."""
    return cores()


def cores_for(numbers: int, most: int | None) -> int:
    """The cores that so many numbers justify: with few, threads wait for the interpreter.

    Args:
        numbers: Boxes times the square of the widest value, say.
        most: Maximum number of cores; None for all.
    """
    return max(1, min(threads() if most is None else most, numbers // LEAST_SHARE))


_HOLDING = Lock()
"""Held by the thread that limits BLAS: whoever comes meanwhile finds it limited."""


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread.

    The limit is the process's, and only the thread that sets it may take it back: where two threads
    each put back what they had found, the second would leave the first one's limit on for ever. So
    who finds it set by another leaves it alone, and may lose it before its own work ends.
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
    return ThreadpoolController()


def even_parts(count: int, most: int, least: int = 1) -> list[slice]:
    """Deal out `count` rows in turns, so that all cores end at about the same time.

    Neighboring rows are of one kind: what ends early would else end early in one part.

    Args:
        most: Rows of a part at most.
        least: Rows that justify one more core.
    """
    parts, cores = -(-count // most), threads()
    if count >= least * cores:
        parts = -(-parts // cores) * cores
    return [slice(k, None, parts) for k in range(min(parts, count))]


def parallel_map(
    work: Callable[[Part], Found], parts: Sequence[Part], most: int | None = None
) -> list[Found]:
    """Apply `work` to every part, on all cores where there are several parts.

    Threads inherit the caller's context: its deadline and its ascent backend.

    Args:
        work: Called with one part.
        most: Maximum number of threads; None for one per core.
    """
    count = min(len(parts), threads() if most is None else most)
    if count < 2:
        return [work(part) for part in parts]
    contexts = [copy_context() for _ in parts]
    if count < threads():
        with ThreadPoolExecutor(count, thread_name_prefix="outrange") as own:
            return list(own.map(lambda c, part: c.run(work, part), contexts, parts))
    return list(_pool(count).map(lambda c, part: c.run(work, part), contexts, parts))


def parallel_batches(work: Callable[[Part], Found], parts: Iterable[Part]) -> Iterator[Found]:
    """`map` on all cores, a few parts at a time: all together may not fit into memory.

    Args:
        work: Called with one part.
        parts: The parts, made while they are taken.
    """
    waiting = iter(parts)
    while batch := list(islice(waiting, AHEAD * threads())):
        yield from parallel_map(work, batch)


@cache
def _pool(count: int) -> ThreadPoolExecutor:
    """A thread pool of the process, one a number of cores; the interpreter joins it at exit."""
    return ThreadPoolExecutor(count, thread_name_prefix="outrange")
