"""The context manager `workers`, and the functions with which questions use its workers."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core import InputError
from .cores import cores


if TYPE_CHECKING:
    from .pool import Pool


@dataclass(frozen=True, eq=False)
class WorkerChoice:
    """The workers and the checkpoint folder that a `workers` block selects.

    Args:
        pool: The pool of workers; None for this process.
        folder: Folder of the checkpoints; None for no checkpoints.
    """

    pool: Pool | None = None
    folder: Path | None = None


_THIS_PROCESS = WorkerChoice()

_choice: ContextVar[WorkerChoice] = ContextVar("outrange_worker_choice", default=_THIS_PROCESS)


@contextmanager
def workers(executor: Any = None, *, resume: str | os.PathLike | None = None) -> Iterator[None]:
    """Distribute the questions of a `with` block to workers, and save the state of long searches.

    `output_range`, `verify`, `robust_accuracy`, `verify_all`, `compare` and `closed_loop` use the
    workers. Other questions run in this process, and so do questions with a `budget`. The innermost
    of nested blocks applies. A block applies to the thread that opens it, which must also close it.
    In a generator, do not `yield` inside a block: it would apply to the caller of the generator.

    Args:
        executor: A `concurrent.futures.Executor`, an `outrange.Nodes`, a `dask.distributed` client,
            or the address of its scheduler, such as `"tcp://10.0.0.1:8786"` (docs/scale.md). It is
            not shut down at the end of the block. None for this process.
        resume: Folder for the states of the searches of `output_range` and `verify`, saved at most
            once every 30 s; the same question resumes from its state. Different questions may share
            the folder. Questions other than these two ignore it.

    Returns:
        A context manager.

    Raises:
        InputError: An argument is invalid, no scheduler answers at the address, or another thread
            closes the block.

    Example:
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> import keras, outrange
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((2,)), layer])
        >>> with ThreadPoolExecutor(2) as pool, outrange.workers(pool):
        ...     outrange.output_range(model, (0, 1))
        Range(lo=[0.], hi=[2.], exact to 1e-06, FLOAT64_ROUNDED)

    Sound: as without workers. If a worker is lost, its part of the search is repeated.
    Complete: as without workers.
    Cost: a few milliseconds per task, in addition to the work that the workers share.

    Reference: Polychronopoulos, Kuck, *Guided self-scheduling: a practical scheduling scheme for
    parallel supercomputers*, IEEE Transactions on Computers, 1987, for the sizes of tasks.
    """
    token = _choice.set(WorkerChoice(_pool(executor), _folder(resume)))
    try:
        yield
    finally:
        try:
            _choice.reset(token)
        except ValueError as error:
            raise InputError(
                "A `workers` block must be closed by the thread (or asyncio task) that opened it; "
                "do not `yield` inside the block. Received: a block closed by thread "
                f"{threading.current_thread().name}."
            ) from error


@contextmanager
def take_pool() -> Iterator[Pool | None]:
    """Yield the chosen pool, or None; questions inside the context run in this process.

    A task that runs in this process would otherwise submit tasks to the pool that runs it.
    """
    pool = _choice.get().pool
    with workers():
        yield pool


@contextmanager
def divide_searches(saves: bool = True) -> Iterator[None]:
    """Distribute the searches inside the context to the chosen workers, if there are any.

    Args:
        saves: Whether the searches save their states in the chosen folder. If there is a folder but
            no pool, threads of this process search.
    """
    choice = _choice.get()
    folder = choice.folder if saves else None
    if choice.pool is None and folder is None:
        yield
        return
    from concurrent.futures import ThreadPoolExecutor

    from .ambient_pool import Workers, use_workers

    with ExitStack() as stack:
        pool = choice.pool or _pool(stack.enter_context(ThreadPoolExecutor(cores())))
        assert pool is not None
        stack.enter_context(workers())
        stack.enter_context(use_workers(Workers(pool, folder)))
        yield


def _pool(executor: Any) -> Pool | None:
    if executor is None:
        return None
    from .pool import as_pool  # Its imports are slow, and most calls do not need them.

    return as_pool(executor)


def _folder(resume: Any) -> Path | None:
    if resume is None:
        return None
    if not isinstance(resume, str | os.PathLike) or not os.fspath(resume):
        raise InputError(
            "`resume` must be the path of a folder, which is created if it does not exist. "
            f"Received: {'an empty name' if isinstance(resume, str) else type(resume).__name__}."
        )
    folder = Path(resume)
    if folder.exists() and not folder.is_dir():
        raise InputError(
            f"`resume` must be the path of a folder, not of a file. Received: the file `{folder}`."
        )
    return folder
