"""The ambient worker pool, which is a context variable like the deadline.

A search that can be divided runs many call levels below the caller that has the workers, so the
pool is not passed as an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from .pool import Pool


class Workers:
    """The worker pool for one question, and the folder of its checkpoint.

    Args:
        pool: The pool of workers.
        folder: Folder of the checkpoint from which an interrupted search resumes; None for no
            checkpoint.
    """

    def __init__(self, pool: Pool, folder: Path | None = None) -> None:
        self.pool, self.folder = pool, folder
        self._callbacks: list[Callable[[], None]] = []

    def on_close(self, callback: Callable[[], None]) -> None:
        """Register a function for `close` to call."""
        self._callbacks.append(callback)

    def close(self) -> None:
        """Call the functions registered with `on_close`, the last one first, and forget them."""
        callbacks, self._callbacks = self._callbacks, []
        for callback in reversed(callbacks):
            callback()


_workers: ContextVar[Workers | None] = ContextVar("outrange_workers", default=None)


def ambient_workers() -> Workers | None:
    """Return the ambient worker pool, or None if there is none."""
    return _workers.get()


@contextmanager
def use_workers(workers: Workers | None) -> Iterator[None]:
    """Divide the searches that start inside the context among `workers`.

    When the context ends, `workers` is closed.

    Args:
        workers: The ambient worker pool inside the context; None for no pool.
    """
    token = _workers.set(workers)
    try:
        yield
    finally:
        _workers.reset(token)
        if workers is not None:
            workers.close()
