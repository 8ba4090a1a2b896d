"""Instances on the workers of an executor, which need not see the files: they are sent."""

from __future__ import annotations

import tempfile
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from statistics import median
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

TOGETHER = 0.5
"""Seconds of a task that decides several instances of a model: each is a way there and back."""

SHARES = 4
"""Tasks for each worker that are left, at least, where instances go together."""

LATELY = 16
"""Results from which it is told how long instances take."""

Asked = tuple[str, bytes, float, int]
"""A property's file name and content, its limit, the seed."""


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


def decide_instances(kept: Kept, model: str, asked: Sequence[Asked]) -> list[dict]:
    """Decide some instances of one model, on a worker; see `Folder.decide`."""
    folder = kept.once("folder", Folder)
    return [folder.decide(model, *one) for one in asked]


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
    crew, waiting, lost = Crew(pool), deque(asked), Counter()
    under_way: dict[int, list[tuple[Instance, str]]] = {}
    number, spent = iter(range(10**12)), _Usual()
    try:
        while waiting or len(crew):
            _check(pool)
            # Nothing waits behind a long task at the end, where somebody else is free.
            while waiting and crew.room(int(len(waiting) > pool.size)) > 0:
                most = min(spent.fit_into(TOGETHER), len(waiting) // (SHARES * pool.size))
                tasks, ticket = _together(waiting, lost, most), next(number)
                for task in tasks:
                    log.started(task)
                under_way[ticket] = [(task, task.files) for task in tasks]
                _give(crew, ticket, tasks, seed)
            log.under_way([task for tasks in under_way.values() for task, _ in tasks])
            for done in crew.wait(TICK):
                for k, (task, files) in enumerate(under_way.pop(int(str(done.ticket)))):
                    lost[task.key] += done.lost
                    if done.lost and lost[task.key] < ATTEMPTS:
                        waiting.appendleft(task)
                    else:
                        found = _result(task, files, seed, done, k)
                        spent.add(found.seconds)
                        log.take(found)
    finally:
        crew.end()


class _Usual:
    """The median of what instances have taken lately: the first one on each worker takes longer."""

    def __init__(self) -> None:
        self._lately: deque[float] = deque(maxlen=LATELY)

    def add(self, seconds: float) -> None:
        self._lately.append(seconds)

    def fit_into(self, seconds: float) -> int:
        """How many take so long together; one while nothing is known."""
        return int(seconds / max(median(self._lately), 1e-3)) if self._lately else 1


def _together(waiting: deque[Instance], lost: Counter, most: int) -> list[Instance]:
    """The next instance, and those of the same model behind it; one that was lost goes alone."""
    tasks = [waiting.popleft()]
    while (
        len(tasks) < most
        and waiting
        and waiting[0].model_file == tasks[0].model_file
        and not lost[waiting[0].key]
        and not lost[tasks[0].key]
    ):
        tasks.append(waiting.popleft())
    return tasks


def _check(pool: Pool) -> None:
    if pool.broken:
        raise InputError(
            "The executor does not take tasks any more; with a new one the same call goes on where "
            "it was, if results are kept in a file. (A pool of processes breaks if one of them is "
            "killed; Dask starts another.) Received: a broken executor."
        )


def _give(crew: Crew, ticket: int, tasks: Sequence[Instance], seed: int) -> None:
    first, properties = tasks[0], [task.property_file for task in tasks]
    try:
        parcel = Parcel.of_bytes(first.model_file.read_bytes())
        contents = [property.read_bytes() for property in properties]
    except OSError as error:
        raise InputError(
            f"A file of the list cannot be read. Received: `{error.filename}` ({error.strerror})."
        ) from None
    model, property = first.model_file.name, properties[0].name.partition(".")[0]
    more = f" and {len(tasks) - 1} more" if len(tasks) > 1 else ""
    crew.give(
        ticket,
        f"verify {model.partition('.')[0]} {property}{more}",
        parcel,
        decide_instances,
        model,
        [
            (file.name, content, task.seconds, seed)
            for task, file, content in zip(tasks, properties, contents, strict=True)
        ],
        limit=2 * sum(task.seconds for task in tasks) + GRACE,
    )


def _result(task: Instance, files: str, seed: int, done: Done, k: int) -> Result:
    answer: dict[str, Any]
    if isinstance(done.error, InputError):
        raise done.error  # other versions: nothing would come of the rest
    if done.error is None:
        answer = {name: v for name, v in done.value[k].items() if name != "worn"}
    else:
        late = isinstance(done.error, TimeoutError)
        why = f"lost {ATTEMPTS} workers: {type(done.error).__name__}: {done.error}"
        answer = {"verdict": "timeout" if late else "error", "detail": why, "seconds": 0.0}
    return result_of(task, files, seed, **answer)
