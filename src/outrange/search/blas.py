"""One BLAS thread while many small products run.

A BLAS that starts its own threads for products of a few hundred rows spends most of its time in
waiting for them: on two busy cores a search was ten times slower.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache


def one_thread() -> AbstractContextManager:
    """Hold BLAS to one thread; does nothing without threadpoolctl."""
    found = _controller()
    return nullcontext() if found is None else found.limit(limits=1, user_api="blas")


@cache
def _controller():
    try:
        from threadpoolctl import ThreadpoolController  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    return ThreadpoolController()
