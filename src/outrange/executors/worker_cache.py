"""Code that runs on a worker: a cache of payloads by content hash, and the entry point of tasks.

A task refers to its payload, such as a model, by a hash, so the payload need not be sent with every
task. If a worker lacks the payload, it returns `MISSING`, and the task is sent again together with
the payload. So the dispatcher need not know how many workers there are or which of them restarted,
and the executor need not be able to address a particular worker.
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
"""The return value of a task whose payload is not in the worker's cache."""

MAX_PAYLOADS = 64
"""Maximum number of payloads in a worker's cache; the least recently used are evicted first."""

MAX_BYTES = 1 << 30
"""Maximum total size in bytes of the payloads in a worker's cache. A newly added payload is not
evicted, regardless of its size."""


class WrongVersion(InputError):
    """Raised if the versions of outrange on a worker and in the calling process differ."""


class WorkerCache:
    """A worker's cache of payloads and objects derived from them, which persists between tasks."""

    def __init__(self) -> None:
        self._payloads: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, digest: str, data: bytes) -> None:
        """Add a payload; if the cache is full, evict the least recently used payloads."""
        with self._lock:
            self._payloads.setdefault(digest, {"data": data})
            while len(self._payloads) > 1 and self._is_full:
                self._payloads.popitem(last=False)

    @property
    def _is_full(self) -> bool:
        weight = sum(len(objects["data"]) for objects in self._payloads.values())
        return len(self._payloads) > MAX_PAYLOADS or weight > MAX_BYTES

    def get(self, digest: str) -> CachedPayload | None:
        """Return the payload with the given hash, or None if it is not in the cache."""
        with self._lock:
            objects = self._payloads.get(digest)
            if objects is None:
                return None
            self._payloads.move_to_end(digest)
        return CachedPayload(objects)


class CachedPayload:
    """A payload in a worker's cache, with the objects derived from it.

    Args:
        objects: The bytes of the payload under "data", and the derived objects by name.
    """

    def __init__(self, objects: dict[str, Any]) -> None:
        self._objects = objects

    @property
    def data(self) -> bytes:
        return self._objects["data"]

    def get_or_make(self, name: str, make: Callable[[bytes], Any]) -> Any:
        """Return the derived object with the given name; create it if it does not exist.

        Args:
            name: Name of the derived object.
            make: Function that creates the object from the bytes of the payload. Two threads may
                both call it, but only one result is used.
        """
        if name not in self._objects:
            self._objects.setdefault(name, make(self.data))
        return self._objects[name]

    def drop(self, name: str) -> None:
        """Remove the derived object `name`, so that its memory can be reused."""
        self._objects.pop(name, None)


@cache
def process_cache() -> WorkerCache:
    """Return the cache of payloads that all tasks in this process share."""
    return WorkerCache()


def cache_payload(data: bytes) -> CachedPayload:
    """Add bytes to the cache of this process and return them as a cached payload."""
    digest = sha256(data).hexdigest()
    while (payload := process_cache().get(digest)) is None:
        process_cache().put(digest, data)
    return payload


@cache
def _whole_node() -> threading.Lock:
    """Return the lock under which tasks that use several cores run one after the other."""
    return threading.Lock()


def run_task(
    version: str, sender: str, digest: str, task: bytes, data: bytes | None, cores: int = 1
) -> Any:
    """Run one task on a worker.

    Args:
        version: Version of outrange in the process that sent the task.
        sender: Name of that process, from `worker_settings.process_name`.
        digest: Hash of the payload.
        task: The pickled pair of a function and its arguments, without its first argument, which is
            the payload.
        data: The payload, if the worker may lack it; None if it is not sent.
        cores: Number of cores that the task may use.

    Returns:
        The return value of the function, or `MISSING` if the worker lacks the payload.

    Raises:
        WrongVersion: The worker has another version of outrange.
        TimeoutError: The task ran out of time.
    """
    if version != VERSION:
        raise WrongVersion(
            "Workers need the same version of outrange as the calling process: install outrange "
            f"{version} on the workers. Received: a worker with outrange {VERSION}."
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
