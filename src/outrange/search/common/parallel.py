"""One BLAS thread while many small products run; threads of our own over parts of the work.

A BLAS that starts its own threads for products of a few hundred rows spends most of its time in
waiting for them: on two busy cores a search was ten times slower.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController

from ..input_split.kernel_search import threads


def one_thread() -> AbstractContextManager:
    """Hold BLAS to one thread."""
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def side_by_side(work: Callable, parts: Sequence) -> list:
    """`work` of every part, on all cores where there are several parts."""
    if len(parts) < 2 or threads() < 2:
        return [work(part) for part in parts]
    return list(_pool().map(work, parts))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads(), thread_name_prefix="outrange")
