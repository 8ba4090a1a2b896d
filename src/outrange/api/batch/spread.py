"""Batch runs on the workers of an executor, which receive copies of the files."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core import InputError
from ...executors.chunks import Chunks, answer_within
from ...executors.cores import cores
from ...executors.dispatcher import ATTEMPTS, Dispatcher, TaskResult, hang_limit
from ...executors.payload import Payload, deserialize
from ...executors.pool import Pool
from ...executors.worker_cache import CachedPayload, cache_payload
from .instances import Instance
from .log import Log
from .processes import run_in_processes
from .results import Result, result_of
from .worker import Worker


LIGHT_MODEL = 1 << 17
"""Maximum size in bytes of a model whose instances may share a task with instances of other models.
Sending a small model twice is cheaper than a separate task."""

Query = tuple[int, str, str, bytes, float, int]
"""Index and file name of a model, file name and content of a property, time limit in seconds,
seed."""

Sent = tuple[tuple[Instance, str], ...]
"""Instances of one task, each with the digest of its files when they were sent."""


class Folder:
    """A model on a worker: a temporary folder with its file, and a loaded network per thread.

    Args:
        data: Bytes of the model's file.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._room = tempfile.TemporaryDirectory(prefix="outrange-")
        self._writing = threading.Lock()
        # Several threads of a worker may decide at the same time, so each has its own network.
        self._own = threading.local()

    def decide(self, model: str, name: str, content: bytes, seconds: float, seed: int) -> dict:
        """Decide one property of the model with a `Worker`, and return its answer.

        Args:
            model: File name of the model; its suffix determines the format.
            name: File name of the property.
            content: Bytes of the property's file.
            seconds: Time limit.
            seed: Seed of the counterexample search.
        """
        file = Path(self._room.name, model)
        with self._writing:  # Other threads read the file as soon as it exists.
            if not file.exists():
                file.write_bytes(self._data)
        if not hasattr(self._own, "worker"):
            self._own.worker = Worker()
        with tempfile.TemporaryDirectory(dir=self._room.name) as folder:
            property_file = Path(folder, name)
            property_file.write_bytes(content)
            task = {
                "model": str(file),
                "property": str(property_file),
                "seconds": seconds,
                "seed": seed,
            }
            return self._own.worker.decide(task)


def decide_instances(
    kept: CachedPayload, models: int, queries: Sequence[Query], patience: float
) -> list[dict]:
    """Decide at least one instance on a worker; return one answer per instance decided.

    Args:
        kept: The contents of the models' files.
        models: Number of models.
        queries: Queries about the models.
        patience: Time in seconds after which no new instance is started.
    """
    contents = [kept.data] if models == 1 else kept.get_or_make("models", deserialize)
    # A model that was sent before, together with other models, is already loaded.
    folders = [cache_payload(content).get_or_make("folder", Folder) for content in contents]
    return answer_within(queries, lambda query: folders[query[0]].decide(*query[1:]), patience)


def run_on_pool(instances: Sequence[Instance], log: Log, pool: Pool, seed: int) -> None:
    """Decide instances on the workers of a pool until each has a result.

    If the executor fails, processes on this machine decide the remaining instances, because only
    the caller could start another executor.

    Args:
        instances: The instances to decide.
        seed: Seed of the counterexample search.

    Raises:
        InputError: Workers run another version of outrange, or a file of the list cannot be read.
    """
    waiting, chunks = deque(instances), Chunks()
    dispatcher: Dispatcher[Sent] = Dispatcher(pool)
    with dispatcher:
        while len(dispatcher) or (waiting and not pool.broken):
            while waiting and dispatcher.free_slots(chunks.ahead(len(waiting), pool.size)) > 0:
                most = chunks.size(len(waiting), pool.size)
                tasks = _next_tasks(waiting, dispatcher.losses, most)
                tasks = [task for task in tasks if _check_files(task, log, seed)]
                if tasks:
                    _give(dispatcher, tasks, seed, chunks.patience(len(tasks)))
            log.report([task for sent in dispatcher.keys for task, _ in sent])
            for done in dispatcher.wait():
                for k, (task, files) in enumerate(done.key):
                    again = done.lost and dispatcher.may_resend(task.key)
                    if again or (done.error is None and k >= len(done.value)):
                        waiting.appendleft(task)
                    else:
                        result = _result(task, files, seed, done, k)
                        chunks.add(result.seconds)
                        log.take(result)
    if waiting:
        run_in_processes(list(waiting), log, min(cores(), len(waiting)), None, seed)


def _next_tasks(waiting: deque[Instance], lost: Counter, most: int) -> list[Instance]:
    """Remove and return the next waiting instance, and up to `most - 1` others for its task."""
    tasks = [waiting.popleft()]
    while len(tasks) < most and waiting and _go_together(tasks[0], waiting[0], lost):
        tasks.append(waiting.popleft())
    return tasks


def _go_together(first: Instance, other: Instance, lost: Counter) -> bool:
    """Return whether two instances may share a task.

    They must have the same model, or each model must have at most `LIGHT_MODEL` bytes. An
    instance whose worker was lost earlier gets a separate task.
    """
    if lost[first.key] or lost[other.key]:
        return False
    models = {first.model_file, other.model_file}
    return len(models) == 1 or all(_is_light(model) for model in models)


def _is_light(model: Path) -> bool:
    try:
        return model.stat().st_size <= LIGHT_MODEL
    except OSError:
        return False  # `_check_files` reports it.


def _check_files(task: Instance, log: Log, seed: int) -> bool:
    """Return whether the files of an instance are still readable; if not, record an error."""
    log.log_start(task)
    gone = [file for file in (task.model_file, task.property_file) if not os.access(file, os.R_OK)]
    if gone:
        detail = f"`{gone[0].name}` is no longer readable"
        log.take(result_of(task, "", seed, "error", detail, 0.0))
    return not gone


def _give(
    dispatcher: Dispatcher[Sent], tasks: Sequence[Instance], seed: int, patience: float
) -> None:
    sent = tuple((task, task.files) for task in tasks)
    models = list(dict.fromkeys(task.model_file for task in tasks))
    try:
        contents = [model.read_bytes() for model in models]
        queries = [
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
            f"A file in the list cannot be read. Received: `{error.filename}` ({error.strerror})."
        ) from None
    # Other tasks with only this model share the payload.
    payload = Payload.of_bytes(contents[0]) if len(models) == 1 else Payload.of(contents)
    limit = hang_limit(sum(task.seconds for task in tasks))
    work = len(models), queries, patience
    dispatcher.submit(sent, _name(tasks), payload, decide_instances, *work, limit=limit)


def _name(tasks: Sequence[Instance]) -> str:
    model, property = (
        file.name.partition(".")[0] for file in (tasks[0].model_file, tasks[0].property_file)
    )
    more = f" and {len(tasks) - 1} more" if len(tasks) > 1 else ""
    return f"verify {model} {property}{more}"


def _result(task: Instance, files: str, seed: int, done: TaskResult, k: int) -> Result:
    answer: dict[str, Any]
    if isinstance(done.error, InputError):
        raise done.error  # another version of outrange: the rest would fail too
    if done.error is None:
        answer = {name: v for name, v in done.value[k].items() if name != "worn"}
    else:
        late = isinstance(done.error, TimeoutError)
        why = f"lost {ATTEMPTS} workers: {type(done.error).__name__}: {done.error}"
        answer = {"verdict": "timeout" if late else "error", "detail": why, "seconds": 0.0}
    return result_of(task, files, seed, **answer)
