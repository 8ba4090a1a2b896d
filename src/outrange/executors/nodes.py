"""Workers of several cores: one task for all of them, so that a node reports, and not each core.

One process serves all workers, at some milliseconds a report: what limits the cores it can keep
busy is how many of them share a report.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

from ..core import InputError


@dataclass(frozen=True)
class WorkerNode:
    """A process that works.

    Args:
        cores: That one task of it uses.
        name: What a task is sent there by; None where the executor alone knows.
    """

    cores: int = 1
    name: str | None = None


class Nodes(Executor):
    """Say that each worker of an executor has several cores: its tasks then use all of them.

    For executors whose workers are whole machines, or parts of them: `mpi4py.futures`,
    `executorlib`, a process pool. Dask knows how many threads its workers have.

    Args:
        executor: A `concurrent.futures.Executor`; it is not shut down with this one.
        cores: Of each of its workers.

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
            raise InputError(f"`cores` is a whole number above 0. Received: cores={cores!r}.")
        self.executor, self.cores = executor, cores

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Start a task, as the executor itself does.

        Args:
            fn: What to do.
            *args: For it.
            **kwargs: For it.

        Returns:
            The future of the executor.

        Example:
            >>> from concurrent.futures import ThreadPoolExecutor
            >>> with ThreadPoolExecutor(1) as pool:
            ...     Nodes(pool, cores=4).submit(abs, -1).result()
            1
        """
        return self.executor.submit(fn, *args, **kwargs)
