"""Dispatches tasks to a pool of workers.

The dispatcher sends a payload to each worker that lacks it, and distinguishes lost or hung workers
from failed tasks.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, Self, TypeVar

from ..core import VERSION
from ..core.clock import read_wall_clock
from .nodes import WorkerNode
from .payload import Payload, serialize
from .pool import Pool
from .worker_cache import MISSING, run_task
from .worker_settings import process_name


Key = TypeVar("Key", bound=Hashable)

ATTEMPTS = 3
"""Number of workers that may be lost while they run one task. After that the task itself may be the
cause, so the caller should not submit it again."""

TICK = 0.25
"""Longest time in seconds for which a caller should wait before it checks its own time limit."""

GRACE = 60.0
"""Seconds that a worker may need to start, before it runs its first task."""

SMALL_PAYLOAD = 1 << 20
"""Size in bytes up to which a payload is sent along with the first tasks. This is cheaper than a
round trip in which a worker reports that it lacks the payload."""


@dataclass(frozen=True, eq=False)
class TaskResult(Generic[Key]):
    """The outcome of one task.

    Args:
        key: The key under which the task was submitted.
        value: The return value of the task; None if it failed or was lost.
        error: The exception that the task raised, or that describes how it was lost; None if the
            task succeeded.
        lost: True if the task's worker disappeared or hung, or if the pool did not accept the task.
            The outcome is then unknown, and the task may be submitted again.
        node: The node to which the task was submitted, if it was submitted to one.
    """

    key: Key
    value: Any = None
    error: BaseException | None = None
    lost: bool = False
    node: WorkerNode | None = None


@dataclass(eq=False)
class _RunningTask:
    """A submitted task, its deadline `until`, and its time limit in seconds."""

    future: Any
    name: str
    payload: Payload
    task: bytes
    until: float
    limit: float
    node: WorkerNode | None


def hang_limit(seconds: float) -> float:
    """Return after how many seconds a task with a time limit of `seconds` is treated as hung."""
    return 2 * seconds + GRACE


class Dispatcher(Generic[Key]):
    """Submits tasks to a pool and collects their results; as a context, cancels them at its end.

    Args:
        pool: The pool of workers.
        version: Version of outrange in this process; workers must have the same version.
    """

    def __init__(self, pool: Pool, version: str = VERSION) -> None:
        self.pool, self._version = pool, version
        self.losses: Counter[Hashable] = Counter()
        """Number of workers that were lost with each piece of work, counted by `may_resend`."""
        self._running: dict[Key, _RunningTask] = {}
        self._completed: SimpleQueue[tuple[Key, Any]] = SimpleQueue()
        self._lost: list[TaskResult[Key]] = []
        self._sent: Counter[str] = Counter()
        self._tasks_at: Counter[WorkerNode] = Counter()
        self._warned = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel_all()

    def __len__(self) -> int:
        """Return the number of submitted tasks whose results have not been collected yet."""
        return len(self._running) + len(self._lost)

    @property
    def keys(self) -> list[Key]:
        """Keys of the submitted tasks whose results have not been collected yet."""
        return [*self._running, *(result.key for result in self._lost)]

    def may_resend(self, work: Hashable) -> bool:
        """Record that a worker was lost with a piece of work; return whether to send it again.

        The result is False after `ATTEMPTS` losses, because the work itself may be the cause. It is
        True if the pool is broken, since that explains the losses.
        """
        self.losses[work] += 1
        return self.pool.broken or self.losses[work] < ATTEMPTS

    def free_slots(self, ahead: int) -> int:
        """Return how many more tasks can be submitted now.

        The result is negative if there are too many tasks, and 0 if the pool is broken.

        Args:
            ahead: Number of tasks to queue at each worker, so that it need not wait for its next
                task. This is useful for short tasks that do not depend on each other.
        """
        return 0 if self.pool.broken else (1 + ahead) * self.pool.size - len(self)

    def next_node(self, ahead: int, results: Sequence[TaskResult[Key]] = ()) -> WorkerNode | None:
        """Return the node with the fewest tasks, or None if no node may receive another task.

        A node may have `ahead` tasks besides the one that it runs.

        Args:
            ahead: Number of tasks to queue at each node, as in `free_slots`.
            results: Results of completed tasks that are counted as still running.
        """
        nodes = () if self.pool.broken else self.pool.nodes
        more = Counter(result.node for result in results)

        def tasks(node: WorkerNode) -> int:
            return self._tasks_at[node] + more[node]

        if nodes and nodes[0].name is None:  # interchangeable: the executor picks one
            return nodes[0] if tasks(nodes[0]) < (1 + ahead) * len(nodes) else None
        least = min(nodes, key=tasks, default=None)
        return least if least is not None and tasks(least) <= ahead else None

    def submit(
        self,
        key: Key,
        name: str,
        payload: Payload,
        work: Callable[..., Any],
        *arguments: Any,
        limit: float = float("inf"),
        node: WorkerNode | None = None,
    ) -> None:
        """Start a task.

        Args:
            key: Identifies the task, for example its work; repeated in its `TaskResult`.
            name: One or two words that describe the task, for dashboards.
            payload: Data that tasks share. It is the first argument of `work`, as a
                `worker_cache.CachedPayload`.
            work: Function that the worker calls.
            *arguments: Further arguments of `work`.
            limit: Seconds after which the task is treated as hung, from `hang_limit` for example.
            node: Node that runs the task with all its cores; None for any worker.
        """
        task = serialize((work, arguments))
        until = read_wall_clock() + limit
        entry = _RunningTask(None, name, payload, task, until, limit, node)
        # At first no worker has the payload, and anonymous workers may lack it later too.
        unasked = len(payload.data) <= SMALL_PAYLOAD and self._sent[payload.digest] < self.pool.size
        self._sent[payload.digest] += unasked
        self._submit(key, entry, payload.data if unasked else None)

    def _submit(self, key: Key, entry: _RunningTask, data: bytes | None) -> None:
        node = entry.node
        cores, name = (self.pool.cores, None) if node is None else (node.cores, node.name)
        task = (self._version, process_name(), entry.payload.digest, entry.task, data, cores)
        try:
            entry.future = self.pool.submit(entry.name, run_task, *task, node=name)
        except BrokenExecutor as error:
            self._lost.append(TaskResult(key, error=error, lost=True))
            self._warn_if_broken(error)
            return
        self._running[key] = entry
        if node is not None:
            self._tasks_at[node] += 1
        entry.future.add_done_callback(lambda future: self._completed.put((key, future)))

    def wait(self, seconds: float = TICK) -> list[TaskResult[Key]]:
        """Return the results of completed tasks; if there are none, wait until a task ends.

        Args:
            seconds: Maximum time to wait. If no task ends in this time, the list is empty.
        """
        results, self._lost = self._lost, []
        end = read_wall_clock() + (0.0 if results else seconds)
        while True:
            soon = [entry.until for entry in self._running.values()]
            try:
                left = min([end, *soon]) - read_wall_clock()
                key, future = self._completed.get(timeout=max(0.0, left))
            except Empty:
                results += self._give_up_overdue()
                if results or read_wall_clock() >= end:
                    return results
                continue
            result = self._collect(key, future)
            if result is not None:
                results.append(result)
                end = 0.0

    def _collect(self, key: Key, future: Any) -> TaskResult[Key] | None:
        entry = self._running.get(key)
        if entry is None or entry.future is not future:
            return None  # given up earlier
        self._remove(key)
        try:
            value = self.pool.result(future)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # some errors of Dask are no `Exception`
            is_loss = self.pool.is_loss(error)
            self._warn_if_broken(error)
            return TaskResult(key, None, error, is_loss, entry.node)
        if isinstance(value, str) and value == MISSING:
            entry.until = read_wall_clock() + entry.limit
            self._submit(key, entry, entry.payload.data)
            return None
        return TaskResult(key, value, node=entry.node)

    def _warn_if_broken(self, error: BaseException) -> None:
        """Warn, only once, if the executor accepts no more tasks."""
        if self.pool.broken and not self._warned:
            self._warned = True
            why = " ".join(f"{type(error).__name__}: {error}".split())
            text = f"The executor failed; this process continues without it ({why})"
            warnings.warn(text, RuntimeWarning, stacklevel=2)

    def _remove(self, key: Key) -> _RunningTask:
        entry = self._running.pop(key)
        if entry.node is not None:
            self._tasks_at[entry.node] -= 1
            if not self._tasks_at[entry.node]:
                del self._tasks_at[entry.node]
        return entry

    def _give_up_overdue(self) -> list[TaskResult[Key]]:
        now = read_wall_clock()
        late = [key for key, entry in self._running.items() if entry.until <= now]
        error, results = TimeoutError("its worker did not answer"), []
        for key in late:
            entry = self._remove(key)
            self.pool.give_up(entry.future)
            results.append(TaskResult(key, None, error, True, entry.node))
        return results

    def cancel_all(self) -> None:
        """Cancel the running tasks; forget them, lost tasks and all losses."""
        for running in self._running.values():
            running.future.cancel()
        self._running.clear()
        self._lost.clear()
        self._tasks_at.clear()
        self.losses.clear()
