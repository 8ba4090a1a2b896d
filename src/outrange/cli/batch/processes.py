"""Instances in processes of this machine, each of which may fail alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from queue import Empty, SimpleQueue

from .instances import Instance
from .log import Log
from .worker_process import Heard, WorkerProcess


TICK = 0.25
"""Seconds between two looks at the clock."""


def on_processes(
    asked: Sequence[Instance], log: Log, jobs: int, memory: float | None, seed: int
) -> None:
    """Decide instances until each has a result.

    Args:
        asked: The instances.
        log: Hears of what comes back.
        jobs: Number of processes.
        memory: GiB that each may use.
        seed: Of the random points.
    """
    news: SimpleQueue[Heard] = SimpleQueue()
    hands = [WorkerProcess(k, jobs, memory, seed, news) for k in range(jobs)]
    waiting = deque(asked)
    try:
        while waiting or any(hand.task for hand in hands):
            for hand in hands:
                if hand.task is None and waiting:
                    task = waiting.popleft()
                    log.started(task)
                    hand.give(task)
            log.under_way([hand.task for hand in hands if hand.task is not None])
            _wait(hands, news, log)
    finally:
        for hand in hands:
            hand.end()


def _wait(hands: Sequence[WorkerProcess], news: SimpleQueue[Heard], log: Log) -> None:
    """For the next answer, or until someone is overdue, or for a moment."""
    busy = [hand for hand in hands if hand.task is not None]
    moment = min([TICK, *(max(0.0, hand.left) for hand in busy)])
    try:
        heard = news.get(timeout=moment)
        log.take(hands[heard.number].listen(heard))
    except Empty:
        pass
    for hand in busy:
        if hand.task is not None and hand.left < 0:
            log.take(hand.give_up())
