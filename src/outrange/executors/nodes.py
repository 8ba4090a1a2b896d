"""Nodes: workers of several cores that share one task, so that a node reports, not each core.

One process serves all workers, at some milliseconds a report. So the number of cores it can keep
busy depends on how many of them share a report.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

from ..core import InputError


@dataclass(frozen=True)
class WorkerNode:
    """A worker process.

    Args:
        cores: Number of cores that one of its tasks uses.
        name: Address for tasks; None if only the executor can address it.
    """

    cores: int = 1
    name: str | None = None


class Nodes(Executor):
    """Declare that each worker of an executor has several cores, all of which one task uses.

    For executors whose workers are whole machines, or parts of them: `mpi4py.futures`,
    `executorlib`, a process pool. Dask knows how many threads its workers have.

    Args:
        executor: A `concurrent.futures.Executor`; it is not shut down with this one.
        cores: Number of cores of each worker.

    Raises:
        InputError: An argument breaks a rule.

    Example:
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> with ThreadPoolExecutor(1) as pool:
        ...     Nodes(pool, cores=4).cores
        4
    """

    def __init__(self, executor: Executor, cores: int) -> None:
        if not isinstance(executor, Executor):
            raise InputError(
                "`executor` is a concurrent.futures.Executor. Received: a "
                f"{type(executor).__name__}."
            )
        if not isinstance(cores, int) or isinstance(cores, bool) or cores < 1:
            raise InputError(f"`cores` is a positive integer. Received: cores={cores!r}.")
        self.executor, self.cores = executor, cores

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Start a task, as the executor itself does.

        Args:
            fn: The function to call.
            *args: Positional arguments of `fn`.
            **kwargs: Keyword arguments of `fn`.

        Returns:
            The future of the executor.

        Example:
            >>> from concurrent.futures import ThreadPoolExecutor
            >>> with ThreadPoolExecutor(1) as pool:
            ...     Nodes(pool, cores=4).submit(abs, -1).result()
            1
        """
        return self.executor.submit(fn, *args, **kwargs)
