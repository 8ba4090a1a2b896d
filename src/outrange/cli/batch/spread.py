"""Instances on the workers of an executor, which need not see the files: they are sent."""

from __future__ import annotations

import tempfile
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core import InputError
from ...executors import Crew, Done, Kept, Parcel, Pool
from .instances import Instance
from .log import Log
from .results import Result, result_of
from .worker import Worker


TICK = 0.25
"""Seconds between two looks at the clock."""

GRACE = 60.0
"""Seconds beyond twice its limit until an instance is taken for hung: workers may have to start."""

ATTEMPTS = 3
"""Workers that may be lost over one instance."""


class Folder:
    """A model on a worker: its file, and the network that was read from it.

    Args:
        data: The file's bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._room = tempfile.TemporaryDirectory(prefix="outrange-")
        self._worker = Worker()

    def decide(self, model: str, name: str, content: bytes, seconds: float, seed: int) -> dict:
        """The answer of a `Worker` to one property.

        Args:
            model: The model's file name, which tells its kind.
            name: The property's file name.
            content: The property's bytes.
            seconds: Its limit.
            seed: Of the random points.
        """
        file = Path(self._room.name, model)
        if not file.exists():
            file.write_bytes(self._data)
        with tempfile.TemporaryDirectory(dir=self._room.name) as own:
            asked = Path(own, name)
            asked.write_bytes(content)
            task = {"model": str(file), "property": str(asked), "seconds": seconds, "seed": seed}
            return self._worker.decide(task)


def decide_instance(kept: Kept, *asked: Any) -> dict:
    """Decide one instance, on a worker; see `Folder.decide`."""
    return kept.once("folder", Folder).decide(*asked)


def on_pool(asked: Sequence[Instance], log: Log, pool: Pool, seed: int) -> None:
    """Decide instances until each has a result.

    Args:
        asked: The instances.
        log: Hears of what comes back.
        pool: The workers.
        seed: Of the random points.

    Raises:
        InputError: The executor does not work any more, or has other versions.
    """
    crew, waiting, lost = Crew(pool, ahead=1), deque(asked), Counter()
    under_way: dict[int, tuple[Instance, str]] = {}
    number = iter(range(10**12))
    try:
        while waiting or len(crew):
            _check(pool)
            while waiting and crew.free:
                task, ticket = waiting.popleft(), next(number)
                log.started(task)
                under_way[ticket] = task, task.files
                _give(crew, ticket, task, seed)
            log.under_way([task for task, _ in under_way.values()])
            for done in crew.wait(TICK):
                task, files = under_way.pop(int(str(done.ticket)))
                lost[task.key] += done.lost
                if done.lost and lost[task.key] < ATTEMPTS:
                    waiting.appendleft(task)
                else:
                    log.take(_result(task, files, seed, done))
    finally:
        crew.end()


def _check(pool: Pool) -> None:
    if pool.broken:
        raise InputError(
            "The executor does not take tasks any more; with a new one the same call goes on where "
            "it was, if results are kept in a file. (A pool of processes breaks if one of them is "
            "killed; Dask starts another.) Received: a broken executor."
        )


def _give(crew: Crew, ticket: int, task: Instance, seed: int) -> None:
    model, property = task.model_file, task.property_file
    try:
        parcel, content = Parcel.of_bytes(model.read_bytes()), property.read_bytes()
    except OSError as error:
        raise InputError(
            f"A file of the list cannot be read. Received: `{error.filename}` ({error.strerror})."
        ) from None
    crew.give(
        ticket,
        f"verify {model.name.partition('.')[0]} {property.name.partition('.')[0]}",
        parcel,
        decide_instance,
        model.name,
        property.name,
        content,
        task.seconds,
        seed,
        limit=2 * task.seconds + GRACE,
    )


def _result(task: Instance, files: str, seed: int, done: Done) -> Result:
    answer: dict[str, Any]
    if isinstance(done.error, InputError):
        raise done.error  # other versions: nothing would come of the rest
    if done.error is None:
        answer = {k: v for k, v in done.value.items() if k != "worn"}
    else:
        late = isinstance(done.error, TimeoutError)
        why = f"lost {ATTEMPTS} workers: {type(done.error).__name__}: {done.error}"
        answer = {"verdict": "timeout" if late else "error", "detail": why, "seconds": 0.0}
    return result_of(task, files, seed, **answer)
