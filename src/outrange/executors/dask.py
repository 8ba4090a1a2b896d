"""A pool of Dask workers. Only this module imports `distributed`."""

from __future__ import annotations

import contextlib
import uuid
import weakref
from asyncio import CancelledError as AsyncCancelled
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from ..core import InputError, pip_install
from ..core.clock import read_wall_clock
from .nodes import WorkerNode


if TYPE_CHECKING:
    from distributed import Client, Future


CONNECT = 10.0
"""Time limit in seconds to connect to a scheduler."""

REFRESH = 1.0
"""Seconds for which the list of workers is reused."""

SCATTER_ABOVE = 8 << 20
"""Size in bytes above which an argument is scattered to a worker before its task is submitted."""

SCATTER_WAIT = 2.0
"""Seconds after which an argument that is being scattered is sent as a part of its task instead.

The worker may have stopped, and Dask would wait for it. All later arguments are then sent in this
way too.
"""

GATHER = 15.0
"""Time limit in seconds to fetch a result. If its worker died, Dask recomputes it meanwhile."""

LOSS_ERRORS = (
    "ResultLost",
    "KilledWorker",
    "CommClosedError",
    "FutureCancelledError",
    "FutureLostError",
)
"""Names of the errors that report a lost worker or scheduler."""


class ResultLost(Exception):
    """Raised if the result of a completed task does not arrive in time."""


class DaskPool:
    """The workers of a Dask cluster.

    If a worker dies, Dask runs its tasks on another worker. If a scheduler restarts, it forgets all
    tasks, which are then treated as lost.

    Args:
        client: The client, which the pool does not close.

    Raises:
        InputError: The client is asynchronous.
    """

    def __init__(self, client: Client) -> None:
        if client.asynchronous:
            raise InputError(
                "`executor` must be a synchronous Dask client: create it without "
                "`asynchronous=True`. Received: an asynchronous client."
            )
        self._client = client
        self._nodes: tuple[WorkerNode, ...] = ()
        self._known_at = -REFRESH
        self._is_slow = False

    @property
    def broken(self) -> bool:
        return self._client.status in ("closing", "closed")

    cores = 1
    """One core per task: a worker with several threads runs several tasks at the same time."""

    forks = False
    """False, because Dask's nannies start workers as new processes rather than forks."""

    @property
    def size(self) -> int:
        """The number of threads of all workers; 0 while a cluster starts.

        The number may be out of date.
        """
        return sum(node.cores for node in self.nodes)

    @property
    def nodes(self) -> Sequence[WorkerNode]:
        """The workers and their thread counts."""
        if read_wall_clock() - self._known_at >= REFRESH and self._client.status == "running":
            with contextlib.suppress(OSError, TimeoutError, AttributeError):
                threads: Any = self._client.nthreads()
                self._nodes = tuple(WorkerNode(count, name) for name, count in threads.items())
            self._known_at = read_wall_clock()
        return self._nodes

    def submit(
        self, name: str, work: Callable[..., Any], *arguments: Any, node: str | None = None
    ) -> Future:
        """Start a task whose key begins with `name`, so that Dask's dashboard shows the name."""
        if self.broken:
            raise BrokenExecutor("the Dask client is closed")
        key = f"{name.replace(' ', '-')}-{uuid.uuid4().hex}"
        sent = map(self._scatter_large, arguments)
        # If that worker disappears, another one may run the task.
        where = {} if node is None else {"workers": [node], "allow_other_workers": True}
        return self._client.submit(work, *sent, key=key, pure=False, **where)

    def _scatter_large(self, argument: Any) -> Any:
        """Scatter a large argument to a worker and return a reference to it.

        Return the argument itself if it is not a large `bytes` object, or if this scattering or an
        earlier one takes too long.
        """
        if not isinstance(argument, bytes) or len(argument) <= SCATTER_ABOVE:
            return argument
        if self._is_slow:
            return argument
        sent: SimpleQueue[Any] = SimpleQueue()

        def send() -> None:
            with contextlib.suppress(OSError, TimeoutError, CancelledError, AsyncCancelled):
                sent.put(self._client.scatter(argument, hash=False))

        Thread(target=send, daemon=True).start()
        try:
            return sent.get(timeout=SCATTER_WAIT)
        except Empty:
            self._is_slow = True
            return argument

    def result(self, future: Future) -> Any:
        """Return the result of a completed task.

        A time limit prevents one worker from blocking the others.

        Raises:
            ResultLost: The result did not arrive in time.
        """
        try:
            return future.result(timeout=GATHER)
        except TimeoutError:
            if future.status == "error":
                raise
            future.cancel()
            raise ResultLost(future.key) from None

    def is_loss(self, error: BaseException) -> bool:
        """Return whether an error reports lost workers, a lost scheduler or a canceled task."""
        cancelled = isinstance(error, CancelledError | AsyncCancelled)
        return cancelled or type(error).__name__ in LOSS_ERRORS

    def give_up(self, future: Future) -> None:
        """Cancel a task, and restart the worker that runs it, if the worker has a nanny."""
        client: Any = self._client
        with contextlib.suppress(Exception):  # no nanny, or the worker is gone
            busy = [w for w, keys in client.processing().items() if future.key in keys]
            client.cancel([future], force=True)
            client.restart_workers(busy, timeout=CONNECT, raise_for_error=False)


def connect(address: str) -> DaskPool:
    """Connect to the scheduler of a cluster.

    Args:
        address: Address of the scheduler, for example `"tcp://host:8786"`.

    Raises:
        InputError: Dask is not installed, or no scheduler answers at the address.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "The address of a Dask scheduler as `executor` needs the package `distributed`, which "
            f"is not installed: run {pip_install('distributed')}. Received: executor={address!r}."
        ) from None
    try:
        client: Any = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            "`executor` must be the address that `dask scheduler` prints when it starts, and no "
            f"firewall may block it. Received: {address!r} ({type(error).__name__})."
        ) from None
    pool = DaskPool(client)
    # This client has no other owner.
    weakref.finalize(pool, client.close)
    return pool
