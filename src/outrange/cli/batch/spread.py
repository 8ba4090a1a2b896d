"""Instances on the workers of an executor, which need not see the files: they are sent."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from ...core import InputError
from ...executors.chunks import Chunks, decided
from ...executors.cores import cores
from ...executors.crew import ATTEMPTS, TICK, Crew, Done
from ...executors.parcel import Parcel, unpacked
from ...executors.pool import Pool
from ...executors.shelf import Kept, kept_of
from .instances import Instance
from .log import Log
from .processes import on_processes
from .results import Result, result_of
from .worker import Worker


GRACE = 60.0
"""Seconds beyond twice its limit until an instance is taken for hung: workers may have to start."""

LIGHT_MODEL = 1 << 17
"""Bytes of a model that may go with another one's: it is cheaper to send twice than to ask about
apart."""

Asked = tuple[int, str, str, bytes, float, int]
"""Which model, its file name; a property's file name and content, its limit, the seed."""


class Folder:
    """A model on a worker: its file, and the network that was read from it.

    Args:
        data: The file's bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._room = tempfile.TemporaryDirectory(prefix="outrange-")
        self._writing = threading.Lock()
        # Threads of a worker decide at once, each with a network of its own.
        self._own = threading.local()

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
        with self._writing:  # Others read it as soon as it is there.
            if not file.exists():
                file.write_bytes(self._data)
        if not hasattr(self._own, "worker"):
            self._own.worker = Worker()
        with tempfile.TemporaryDirectory(dir=self._room.name) as own:
            asked = Path(own, name)
            asked.write_bytes(content)
            task = {"model": str(file), "property": str(asked), "seconds": seconds, "seed": seed}
            return self._own.worker.decide(task)


def decide_instances(
    kept: Kept, models: int, asked: Sequence[Asked], patience: float
) -> list[dict]:
    """Decide some instances, on a worker, at least one; see `Folder.decide`.

    Args:
        kept: Files of models.
        models: How many these are.
        asked: About the models.
        patience: Seconds; see `Chunks.patience`.
    """
    contents = [kept.data] if models == 1 else kept.once("models", unpacked)
    # A model that came in other company before has been read already.
    folders = [kept_of(content).once("folder", Folder) for content in contents]
    return decided(asked, lambda one: folders[one[0]].decide(*one[1:]), patience)


def on_pool(asked: Sequence[Instance], log: Log, pool: Pool, seed: int) -> None:
    """Decide instances until each has a result.

    If the executor breaks, processes of this machine decide the rest: the executor belongs to the
    caller, who alone can start another one.

    Args:
        asked: The instances.
        log: Receives each result.
        pool: The workers.
        seed: Seed of the random points.

    Raises:
        InputError: Workers have another version of outrange.
    """
    crew, waiting, lost = Crew(pool), deque(asked), Counter()
    under_way: dict[int, list[tuple[Instance, str]]] = {}
    number, chunks = count(), Chunks()
    try:
        while len(crew) or (waiting and not pool.broken):
            while waiting and crew.room(chunks.ahead(len(waiting), pool.size)) > 0:
                most = chunks.size(len(waiting), pool.size)
                tasks, ticket = _together(waiting, lost, most), next(number)
                tasks = [task for task in tasks if _is_there(task, log, seed)]
                if tasks:
                    under_way[ticket] = [(task, task.files) for task in tasks]
                    _give(crew, ticket, tasks, seed, chunks.patience(len(tasks)))
            log.under_way([task for tasks in under_way.values() for task, _ in tasks])
            for done in crew.wait(TICK):
                for k, (task, files) in enumerate(under_way.pop(int(str(done.ticket)))):
                    lost[task.key] += done.lost
                    again = done.lost and (pool.broken or lost[task.key] < ATTEMPTS)
                    if again or (done.error is None and k >= len(done.value)):
                        waiting.appendleft(task)
                    else:
                        found = _result(task, files, seed, done, k)
                        chunks.add(found.seconds)
                        log.take(found)
    finally:
        crew.end()
    if waiting:
        on_processes(list(waiting), log, min(cores(), len(waiting)), None, seed)


def _together(waiting: deque[Instance], lost: Counter, most: int) -> list[Instance]:
    """The next instance, and those behind it that go with it; one that was lost goes alone."""
    tasks = [waiting.popleft()]
    while len(tasks) < most and waiting and _go_together(tasks[0], waiting[0], lost):
        tasks.append(waiting.popleft())
    return tasks


def _go_together(first: Instance, other: Instance, lost: Counter) -> bool:
    """Whether two instances may be one task: of one model, or of two light ones."""
    if lost[first.key] or lost[other.key]:
        return False
    models = {first.model_file, other.model_file}
    return len(models) == 1 or all(_is_light(model) for model in models)


def _is_light(model: Path) -> bool:
    try:
        return model.stat().st_size <= LIGHT_MODEL
    except OSError:
        return False  # Whoever reads it says so.


def _is_there(task: Instance, log: Log, seed: int) -> bool:
    """Whether the files of an instance are still there; else that is its result."""
    log.started(task)
    gone = [file for file in (task.model_file, task.property_file) if not os.access(file, os.R_OK)]
    if gone:
        detail = f"`{gone[0].name}` cannot be read any more"
        log.take(result_of(task, "", seed, "error", detail, 0.0))
    return not gone


def _give(crew: Crew, ticket: int, tasks: Sequence[Instance], seed: int, patience: float) -> None:
    models = list(dict.fromkeys(task.model_file for task in tasks))
    try:
        contents = [model.read_bytes() for model in models]
        asked = [
            (
                models.index(task.model_file),
                task.model_file.name,
                task.property_file.name,
                task.property_file.read_bytes(),
                task.seconds,
                seed,
            )
            for task in tasks
        ]
    except OSError as error:
        raise InputError(
            f"A file of the list cannot be read. Received: `{error.filename}` ({error.strerror})."
        ) from None
    # Other tasks about a model alone are about the same parcel.
    parcel = Parcel.of_bytes(contents[0]) if len(models) == 1 else Parcel.of(contents)
    limit = 2 * sum(task.seconds for task in tasks) + GRACE
    work = len(models), asked, patience
    crew.give(ticket, _name(tasks), parcel, decide_instances, *work, limit=limit)


def _name(tasks: Sequence[Instance]) -> str:
    model, property = (
        file.name.partition(".")[0] for file in (tasks[0].model_file, tasks[0].property_file)
    )
    more = f" and {len(tasks) - 1} more" if len(tasks) > 1 else ""
    return f"verify {model} {property}{more}"


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
