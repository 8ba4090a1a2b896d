"""Nodes: workers whose cores all run the same task and send a single report.

One process serves all workers, and each report costs it a few milliseconds. So the number of cores
that it can keep busy depends on how many cores share a report.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

from ..core import InputError


@dataclass(frozen=True)
class WorkerNode:
    """A worker that runs tasks.

    Args:
        cores: Number of cores that a task on this worker may use.
        name: Address of the worker for tasks; None if the executor chooses the worker.
    """

    cores: int = 1
    name: str | None = None


class Nodes(Executor):
    """An executor whose workers may have several cores each, which a task uses together.

    Wrap executors whose workers are whole machines or parts of them: `mpi4py.futures`,
    `executorlib`, a process pool. Dask need not be wrapped, since it knows how many threads its
    workers have.

    Args:
        executor: A `concurrent.futures.Executor`, which is not shut down together with this one.
        cores: Number of cores of each worker.

    Raises:
        InputError: An argument is invalid.

    Example:
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> with ThreadPoolExecutor(1) as pool:
        ...     Nodes(pool, cores=4).cores
        4
    """

    def __init__(self, executor: Executor, cores: int) -> None:
        if not isinstance(executor, Executor):
            raise InputError(
                "`executor` must be a concurrent.futures.Executor. Received: "
                f"{type(executor).__name__}."
            )
        if not isinstance(cores, int) or isinstance(cores, bool) or cores < 1:
            raise InputError(f"`cores` must be a positive integer. Received: cores={cores!r}.")
        self.executor, self.cores = executor, cores

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Submit a task to the wrapped executor.

        Args:
            fn: The function to call.
            *args: Positional arguments of `fn`.
            **kwargs: Keyword arguments of `fn`.

        Returns:
            The future that the wrapped executor returns.

        Example:
            >>> from concurrent.futures import ThreadPoolExecutor
            >>> with ThreadPoolExecutor(1) as pool:
            ...     Nodes(pool, cores=4).submit(abs, -1).result()
            1
        """
        return self.executor.submit(fn, *args, **kwargs)
