"""Batch runs in processes on this machine, in which a crash affects only one instance."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from queue import Empty, SimpleQueue

from .instances import Instance
from .log import Log
from .worker_process import PipeData, WorkerProcess


TICK = 0.25
"""Maximum time in seconds to wait for an answer before the progress is reported again."""


def run_in_processes(
    instances: Sequence[Instance], log: Log, jobs: int, memory: float | None, seed: int
) -> None:
    """Decide instances in worker processes until each has a result.

    Args:
        instances: The instances to decide.
        log: Recorder of the results.
        jobs: Number of processes.
        memory: Memory limit of each process in GiB; None for no limit.
        seed: Seed of the counterexample search.
    """
    messages: SimpleQueue[PipeData] = SimpleQueue()
    workers = [WorkerProcess(k, jobs, memory, seed, messages) for k in range(jobs)]
    waiting = deque(instances)
    try:
        while waiting or any(worker.task for worker in workers):
            for worker in workers:
                if worker.task is None and waiting:
                    task = waiting.popleft()
                    log.log_start(task)
                    worker.give(task)
            log.report([worker.task for worker in workers if worker.task is not None])
            _wait(workers, messages, log)
    finally:
        for worker in workers:
            worker.end()


def _wait(workers: Sequence[WorkerProcess], messages: SimpleQueue[PipeData], log: Log) -> None:
    """Wait at most `TICK` seconds for an answer and record it; then end overdue tasks."""
    busy = [worker for worker in workers if worker.task is not None]
    timeout = min([TICK, *(max(0.0, worker.left) for worker in busy)])
    try:
        message = messages.get(timeout=timeout)
        log.take(workers[message.number].listen(message))
    except Empty:
        pass
    for worker in busy:
        if worker.task is not None and worker.left < 0:
            log.take(worker.give_up())
