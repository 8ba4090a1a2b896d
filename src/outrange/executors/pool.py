"""The interface to an executor, and its implementation for `concurrent.futures`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any, Protocol

from ..core import InputError
from .nodes import Nodes, WorkerNode


SIZES = ("_max_workers", "max_workers", "num_workers")
"""Possible names of the attribute that contains the number of workers of an executor."""


class Pool(Protocol):
    """Common interface to the workers of any kind of executor."""

    @property
    def size(self) -> int:
        """The number of tasks that can run at the same time now; 0 while there are no workers."""
        ...

    @property
    def cores(self) -> int:
        """The number of cores used by a task that is not submitted to a particular node."""
        ...

    @property
    def nodes(self) -> Sequence[WorkerNode]:
        """The workers that are present now, for tasks that use all cores of a node."""
        ...

    @property
    def forks(self) -> bool:
        """Whether the workers are forks of this process. Keras may hang in a fork."""
        ...

    @property
    def broken(self) -> bool:
        """Whether the pool will never accept a task again."""
        ...

    def submit(
        self, name: str, work: Callable[..., Any], *arguments: Any, node: str | None = None
    ) -> Any:
        """Start a task.

        Args:
            name: One or two words that describe the task, for dashboards.
            work: The function to call on the worker.
            *arguments: The arguments of `work`.
            node: The `WorkerNode.name` of the worker that runs the task; None for any worker.

        Returns:
            A future with `add_done_callback` and `cancel`.
        """
        ...

    def result(self, future: Any) -> Any:
        """Return the result of a completed task, or raise its error; see `is_loss`."""
        ...

    def is_loss(self, error: BaseException) -> bool:
        """Return whether an error reports a lost worker rather than a failure of the task."""
        ...

    def give_up(self, future: Any) -> None:
        """Cancel a hung task and, where possible, stop its worker."""
        ...


class ExecutorPool:
    """A pool that submits its tasks to any `concurrent.futures.Executor`.

    Args:
        executor: The executor, which the pool does not shut down.
    """

    def __init__(self, executor: Executor) -> None:
        self.cores = 1
        if isinstance(executor, Nodes):
            executor, self.cores = executor.executor, executor.cores
        self._executor = executor
        self.broken = False

    @property
    def size(self) -> int:
        sizes = (getattr(self._executor, name, None) for name in SIZES)
        return max(1, int(next((n for n in sizes if n), None) or os.cpu_count() or 1))

    @property
    def forks(self) -> bool:
        """Whether the executor is a `ProcessPoolExecutor` that forks.

        It is False for other executors, which do not reveal whether they fork.
        """
        context = getattr(self._executor, "_mp_context", None)
        return context is not None and context.get_start_method() == "fork"

    @property
    def nodes(self) -> Sequence[WorkerNode]:
        """The interchangeable nodes; the executor does not reveal which node runs a task."""
        return (WorkerNode(self.cores),) * self.size

    def submit(
        self, name: str, work: Callable[..., Any], *arguments: Any, node: str | None = None
    ) -> Future:
        """Start a task; its name and node are ignored, since standard executors do not use them."""
        try:
            return self._executor.submit(work, *arguments)
        except RuntimeError as error:  # broken, or shut down
            self.broken = True
            raise BrokenExecutor(str(error)) from error

    def result(self, future: Future) -> Any:
        """Return the result of a completed task, which is already in this process."""
        return future.result()

    def is_loss(self, error: BaseException) -> bool:
        """Return whether an error reports that the executor broke.

        A process pool breaks if one of its processes is killed.
        """
        if isinstance(error, BrokenExecutor):
            self.broken = True
        return isinstance(error, BrokenExecutor)

    def give_up(self, future: Future) -> None:
        """Cancel a task. If it is already running, it continues, and its result is ignored."""
        future.cancel()


def as_pool(executor: Any) -> Pool | None:
    """Convert the public argument `executor` to a pool; None remains None.

    Args:
        executor: A `concurrent.futures.Executor`, a `distributed.Client`, or the address of a Dask
            scheduler, such as `"tcp://10.0.0.1:8786"`.

    Raises:
        InputError: `executor` is something else or cannot be used, for example because no scheduler
            answers at the address.
    """
    if executor is None:
        return None
    if isinstance(executor, Executor):
        return ExecutorPool(executor)
    if isinstance(executor, str) and "://" in executor:
        from .dask import connect

        return connect(executor)
    # A caller with a client has imported its module.
    client: Any = getattr(sys.modules.get("distributed"), "Client", None)
    if client is not None and isinstance(executor, client):
        from .dask import DaskPool

        dask_client: Any = executor
        return DaskPool(dask_client)
    received = repr(executor) if isinstance(executor, str) else type(executor).__name__
    raise InputError(
        "`executor` must be a concurrent.futures.Executor, a dask.distributed.Client, or the "
        f"address of Dask's scheduler ('tcp://host:8786'). Received: {received}."
    )
