"""The worker's side: a cache of payloads by content hash, and the entry point of tasks.

A model reaches a worker once. A task names it by its hash. A worker that lacks it returns
`MISSING`, and the same task is sent again with the payload. So the dispatcher need not know how
many workers there are or which of them restarted, and the executor need not address a single
worker.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from hashlib import sha256
from typing import Any

from ..core import VERSION, InputError, OutOfTime
from .cores import on_cores
from .worker_settings import configure_worker, process_name


MISSING = "outrange: send the payload too"
"""Return value of a task whose payload is not in the worker's cache."""

MAX_PAYLOADS = 64
"""Payloads in a worker's cache; the least recently used are evicted first."""

MAX_BYTES = 1 << 30
"""Total size of a worker's cache; the payload in use stays, whatever its size."""


class WrongVersion(InputError):
    """The worker has another version of outrange, which was not tested with this one."""


class WorkerCache:
    """Cache of a worker between tasks: each payload and the objects derived from it."""

    def __init__(self) -> None:
        self._payloads: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, digest: str, data: bytes) -> None:
        """Add a payload and evict the least recently used ones."""
        with self._lock:
            self._payloads.setdefault(digest, {"data": data})
            while len(self._payloads) > 1 and self._is_full:
                self._payloads.popitem(last=False)

    @property
    def _is_full(self) -> bool:
        weight = sum(len(objects["data"]) for objects in self._payloads.values())
        return len(self._payloads) > MAX_PAYLOADS or weight > MAX_BYTES

    def get(self, digest: str) -> CachedPayload | None:
        """Return the payload with this hash, or None."""
        with self._lock:
            objects = self._payloads.get(digest)
            if objects is None:
                return None
            self._payloads.move_to_end(digest)
        return CachedPayload(objects)


class CachedPayload:
    """One payload on a worker.

    Args:
        objects: Its bytes under "data", and the objects derived from them, by name.
    """

    def __init__(self, objects: dict[str, Any]) -> None:
        self._objects = objects

    @property
    def data(self) -> bytes:
        return self._objects["data"]

    def get_or_make(self, name: str, make: Callable[[bytes], Any]) -> Any:
        """Return the object derived from the payload under `name`, made at the first call.

        Args:
            name: Key of the derived object.
            make: Called with the bytes. Two threads may both call it; one result is kept.
        """
        if name not in self._objects:
            self._objects.setdefault(name, make(self.data))
        return self._objects[name]

    def drop(self, name: str) -> None:
        """Discard a derived object that is large and not needed soon."""
        self._objects.pop(name, None)


@cache
def process_cache() -> WorkerCache:
    """Return the cache of this process."""
    return WorkerCache()


def cache_payload(data: bytes) -> CachedPayload:
    """Put bytes into the cache of this process and return them as a payload."""
    digest = sha256(data).hexdigest()
    while (payload := process_cache().get(digest)) is None:
        process_cache().put(digest, data)
    return payload


@cache
def _whole_node() -> threading.Lock:
    """Return the lock of tasks that use several cores of this process; they run one at a time."""
    return threading.Lock()


def run_task(
    version: str, sender: str, digest: str, task: bytes, data: bytes | None, cores: int = 1
) -> Any:
    """Run one task on a worker.

    Args:
        version: Version of outrange in the process that sent the task.
        sender: Name of that process, from `worker_settings.process_name`.
        digest: Hash of the payload.
        task: Pickled function and arguments; the payload is its first argument.
        data: The payload, if the worker is known to lack it.
        cores: Number of cores the task may use.

    Raises:
        WrongVersion: The worker has another version.
    """
    if version != VERSION:
        raise WrongVersion(
            "Workers need the same version of outrange as the calling process: install it there. "
            f"Received: a worker with outrange {VERSION}, called by {version}."
        )
    if sender != process_name():
        configure_worker()
    if data is not None:
        process_cache().put(digest, data)
    payload = process_cache().get(digest)
    if payload is None:
        return MISSING
    import cloudpickle

    work, arguments = cloudpickle.loads(task)
    try:
        with _whole_node() if cores > 1 else nullcontext(), on_cores(cores):
            return work(payload, *arguments)
    except OutOfTime as late:  # no `Exception`, so it would end some executors
        raise TimeoutError("a task ran out of time on its worker") from late
