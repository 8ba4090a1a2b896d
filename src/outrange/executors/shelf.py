"""On a worker: what it was sent and keeps, by content hash; and the door through which work comes.

A model reaches a worker once. A task names it by its hash; a worker that does not have it says so
(`MISSING`), and the same task comes again with it. So nothing has to be known of workers: not how
many there are, nor which of them started anew, and no executor needs a way to address one.
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
from .worker_settings import here, settle


MISSING = "outrange: send the parcel too"
"""What a worker returns that has not kept what a task is about."""

KEPT = 64
"""Parcels that a worker keeps; those used longest ago go first."""

KEPT_BYTES = 1 << 30
"""Of all of them; the one that is in use stays, whatever it weighs."""


class WrongVersion(InputError):
    """A worker has another version of outrange: what it proves, nobody here has tested."""


class Shelf:
    """What a worker keeps between tasks: each parcel, unpacked once, and what was made of it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, digest: str, data: bytes) -> None:
        """Keep what came."""
        with self._lock:
            self._kept.setdefault(digest, {"data": data})
            while len(self._kept) > 1 and self._is_full:
                self._kept.popitem(last=False)

    @property
    def _is_full(self) -> bool:
        weight = sum(len(made["data"]) for made in self._kept.values())
        return len(self._kept) > KEPT or weight > KEPT_BYTES

    def get(self, digest: str) -> Kept | None:
        """What is kept under a hash; None if nothing is."""
        with self._lock:
            found = self._kept.get(digest)
            if found is None:
                return None
            self._kept.move_to_end(digest)
        return Kept(found)


class Kept:
    """One parcel on a worker.

    Args:
        made: Its bytes, and what was made of them, by name.
    """

    def __init__(self, made: dict[str, Any]) -> None:
        self._made = made

    @property
    def data(self) -> bytes:
        return self._made["data"]

    def once(self, name: str, make: Callable[[bytes], Any]) -> Any:
        """What `make` makes of the parcel, made when it is first asked for.

        Args:
            name: Of what is made.
            make: Called with the bytes; two threads may both make it, and one of them is kept.
        """
        if name not in self._made:
            self._made.setdefault(name, make(self.data))
        return self._made[name]

    def drop(self, name: str) -> None:
        """Let go of what was made under a name: it is large, and not needed soon."""
        self._made.pop(name, None)


@cache
def shelf() -> Shelf:
    """The one of this process."""
    return Shelf()


def kept_of(data: bytes) -> Kept:
    """What this process keeps of some bytes, kept from now on."""
    digest = sha256(data).hexdigest()
    while (found := shelf().get(digest)) is None:
        shelf().put(digest, data)
    return found


@cache
def _whole_node() -> threading.Lock:
    """Held by the task that uses several cores of this process: the next one waits, unpacked."""
    return threading.Lock()


def call(
    version: str, asker: str, digest: str, task: bytes, data: bytes | None, cores: int = 1
) -> Any:
    """Do one task on a worker.

    Args:
        version: Of outrange where the task was written.
        asker: The process where it was written, as `worker_settings.here` names it.
        digest: Hash of the parcel that it is about.
        task: A pickled function and its arguments; it gets the parcel first.
        data: The parcel, if the worker is known not to have it.
        cores: That the task may use.

    Raises:
        WrongVersion: The worker has another version.
    """
    if version != VERSION:
        raise WrongVersion(
            "Workers have the version of outrange that asks them: install the same one there. "
            f"Received: a worker with outrange {VERSION}, asked by {version}."
        )
    if asker != here():
        settle()
    if data is not None:
        shelf().put(digest, data)
    kept = shelf().get(digest)
    if kept is None:
        return MISSING
    import cloudpickle

    work, arguments = cloudpickle.loads(task)
    try:
        with _whole_node() if cores > 1 else nullcontext(), on_cores(cores):
            return work(kept, *arguments)
    except OutOfTime as late:  # no `Exception`, so some executors would take it for their own end
        raise TimeoutError("a task ran out of time on its worker") from late
