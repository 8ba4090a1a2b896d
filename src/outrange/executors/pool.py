"""The seam itself: what the library needs of an executor, and which kinds there are."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any, Protocol

from ..core import InputError
from .nodes import Nodes, WorkerNode


SIZES = ("_max_workers", "max_workers", "num_workers")
"""How executors call the number of their workers: the standard library's, executorlib's, mpi4py's.
"""


class Pool(Protocol):
    """Workers, however they are reached."""

    @property
    def size(self) -> int:
        """How many tasks are done at once now; 0 while there is nobody."""
        ...

    @property
    def cores(self) -> int:
        """How many cores such a task has."""
        ...

    @property
    def nodes(self) -> Sequence[WorkerNode]:
        """Who works now, for tasks that use all cores of a node."""
        ...

    @property
    def forks(self) -> bool:
        """Whether its workers are forks of this process: what has threads (Keras) hangs there."""
        ...

    @property
    def broken(self) -> bool:
        """Whether it takes no tasks any more, and never will."""
        ...

    def submit(
        self, name: str, work: Callable[..., Any], *arguments: Any, node: str | None = None
    ) -> Any:
        """A future, with `add_done_callback` and `cancel`; `node` is the name of who works."""
        ...

    def result(self, future: Any) -> Any:
        """What a task that has ended returned; it raises what the task raised, or `is_loss`."""
        ...

    def is_loss(self, error: BaseException) -> bool:
        """Whether an error says that a worker is gone, and nothing of its task."""
        ...

    def give_up(self, future: Any) -> None:
        """End a task that hangs, and whoever does it, if that can be done."""
        ...


class ExecutorPool:
    """Any `concurrent.futures.Executor`.

    Args:
        executor: The user's; it is not shut down here.
    """

    def __init__(self, executor: Executor) -> None:
        self.cores = 1
        if isinstance(executor, Nodes):
            executor, self.cores = executor.executor, executor.cores
        self._executor = executor
        self.broken = False

    @property
    def size(self) -> int:
        found = (getattr(self._executor, name, None) for name in SIZES)
        return max(1, int(next((n for n in found if n), None) or os.cpu_count() or 1))

    @property
    def forks(self) -> bool:
        """As a `ProcessPoolExecutor` says it; others do not."""
        context = getattr(self._executor, "_mp_context", None)
        return context is not None and context.get_start_method() == "fork"

    @property
    def nodes(self) -> Sequence[WorkerNode]:
        """They are alike, and who gets a task is not told."""
        return (WorkerNode(self.cores),) * self.size

    def submit(
        self, name: str, work: Callable[..., Any], *arguments: Any, node: str | None = None
    ) -> Future:
        """Standard executors know no names."""
        try:
            return self._executor.submit(work, *arguments)
        except RuntimeError as error:  # broken, or shut down
            self.broken = True
            raise BrokenExecutor(str(error)) from error

    def result(self, future: Future) -> Any:
        """It is here already."""
        return future.result()

    def is_loss(self, error: BaseException) -> bool:
        """A pool of processes of which one was killed breaks as a whole."""
        if isinstance(error, BrokenExecutor):
            self.broken = True
        return isinstance(error, BrokenExecutor)

    def give_up(self, future: Future) -> None:
        """What runs goes on, and its result is not waited for."""
        future.cancel()


def pool_of(executor: Any) -> Pool | None:
    """The pool behind what a user passes as `executor`; None for None.

    Args:
        executor: A `concurrent.futures.Executor`, a `distributed.Client`, or the address of a
            scheduler of Dask, `"tcp://10.0.0.1:8786"`.

    Raises:
        InputError: It is something else.
    """
    if executor is None:
        return None
    if isinstance(executor, Executor):
        return ExecutorPool(executor)
    if isinstance(executor, str) and "://" in executor:
        from .dask import connected

        return connected(executor)
    # Whoever has a client has imported its module.
    client: Any = getattr(sys.modules.get("distributed"), "Client", None)
    if client is not None and isinstance(executor, client):
        from .dask import DaskPool

        found: Any = executor
        return DaskPool(found)
    received = repr(executor) if isinstance(executor, str) else f"a {type(executor).__name__}"
    raise InputError(
        "`executor` is a concurrent.futures.Executor, a dask.distributed.Client, or the address of "
        f"Dask's scheduler ('tcp://host:8786'). Received: {received}."
    )
