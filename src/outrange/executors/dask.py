"""Dask as a pool; the only file that imports `distributed`."""

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
"""Seconds to reach a scheduler."""

FRESH = 1.0
"""Seconds for which the number of workers is taken as known."""

SCATTERED = 8 << 20
"""Bytes from which on an argument goes to a worker by itself, not through the scheduler."""

AWAY = 2.0
"""Seconds until an argument that goes by itself goes through the scheduler after all, as all later
ones do: its worker may be stopped, and Dask would wait for it."""

GATHER = 15.0
"""Seconds to fetch a result: if its worker dies with it, Dask does the task again meanwhile."""

LOST = ("ResultLost", "KilledWorker", "CommClosedError", "FutureCancelledError", "FutureLostError")
"""Errors of Dask which say that a worker or the scheduler went away."""


class ResultLost(Exception):
    """A task had ended, and its worker went away before it told the result."""


class DaskPool:
    """The workers of a cluster.

    A worker that dies costs its tasks in hand, which Dask gives to another one. A scheduler that
    is restarted forgets all tasks: they are lost, and asked for again once the client has found it.

    Args:
        client: The user's; it is not closed here.
    """

    def __init__(self, client: Client) -> None:
        if client.asynchronous:
            raise InputError(
                "`executor` is a client that waits for its answers: make it without "
                "`asynchronous=True`. Received: an asynchronous client."
            )
        self._client = client
        self._nodes: tuple[WorkerNode, ...] = ()
        self._known_at = -FRESH
        self._is_slow = False

    @property
    def broken(self) -> bool:
        return self._client.status in ("closing", "closed")

    cores = 1
    """A worker of several threads does several tasks at once."""

    forks = False
    """Its nannies start processes anew."""

    @property
    def size(self) -> int:
        """Threads of all workers, as of a moment ago; none while a cluster starts."""
        return sum(node.cores for node in self.nodes)

    @property
    def nodes(self) -> Sequence[WorkerNode]:
        """Workers, and their threads."""
        if read_wall_clock() - self._known_at >= FRESH and self._client.status == "running":
            with contextlib.suppress(OSError, TimeoutError, AttributeError):
                found: Any = self._client.nthreads()
                self._nodes = tuple(WorkerNode(count, name) for name, count in found.items())
            self._known_at = read_wall_clock()
        return self._nodes

    def submit(
        self, name: str, work: Callable[..., Any], *arguments: Any, node: str | None = None
    ) -> Future:
        """A task that the dashboard shows by what it does: the key begins with its name."""
        if self.broken:
            raise BrokenExecutor("the client of Dask is closed")
        key = f"{name.replace(' ', '-')}-{uuid.uuid4().hex}"
        sent = map(self._apart, arguments)
        # If that worker goes away, another one may do it.
        where = {} if node is None else {"workers": [node], "allow_other_workers": True}
        return self._client.submit(work, *sent, key=key, pure=False, **where)

    def _apart(self, argument: Any) -> Any:
        """What is large goes to a worker by itself, if there is one."""
        if not isinstance(argument, bytes) or len(argument) <= SCATTERED:
            return argument
        if self._is_slow:
            return argument
        sent: SimpleQueue[Any] = SimpleQueue()

        def send() -> None:
            with contextlib.suppress(OSError, TimeoutError, CancelledError, AsyncCancelled):
                sent.put(self._client.scatter(argument, hash=False))

        Thread(target=send, daemon=True).start()
        try:
            return sent.get(timeout=AWAY)
        except Empty:
            self._is_slow = True
            return argument

    def result(self, future: Future) -> Any:
        """What a task returned; whoever serves all workers waits for none of them.

        Raises:
            ResultLost: It does not come.
        """
        try:
            return future.result(timeout=GATHER)
        except TimeoutError:
            if future.status == "error":
                raise
            future.cancel()
            raise ResultLost(future.key) from None

    def is_loss(self, error: BaseException) -> bool:
        """A worker died several times, or the scheduler was restarted."""
        cancelled = isinstance(error, CancelledError | AsyncCancelled)
        return cancelled or type(error).__name__ in LOST

    def give_up(self, future: Future) -> None:
        """Cancel the task, and let the nanny of its worker start that anew."""
        client: Any = self._client
        with contextlib.suppress(Exception):  # without a nanny, or gone meanwhile
            busy = [w for w, keys in client.processing().items() if future.key in keys]
            client.cancel([future], force=True)
            client.restart_workers(busy, timeout=CONNECT, raise_for_error=False)


def connected(address: str) -> DaskPool:
    """The cluster of a scheduler.

    Args:
        address: `"tcp://host:8786"`.

    Raises:
        InputError: Dask is not installed, or nobody answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            f"Clusters are reached by Dask: {pip_install('distributed')}. "
            f"Received: executor={address!r}, without it."
        ) from None
    try:
        client: Any = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            "`executor` is the address that `dask scheduler` prints when it starts, and a firewall "
            f"lets through. Received: {address!r} ({type(error).__name__})."
        ) from None
    found = DaskPool(client)
    # Nobody else knows this client.
    weakref.finalize(found, client.close)
    return found
