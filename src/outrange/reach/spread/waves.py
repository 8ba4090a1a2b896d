"""Batches of pieces over workers: a wave of full batches, each of them a task.

Pieces wait in a queue, the oldest first, and their parts go to its end. So all full batches of a
queue are known before the first of them is done. A wave submits them at once, and enters the
results in their order, as if one process had bounded them in turn.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from ...core.clock import is_stopped, read_wall_clock
from ...executors.ambient_pool import Workers, ambient_workers
from ...executors.dispatcher import ATTEMPTS, TICK, Dispatcher
from ...executors.payload import Payload
from .threads import batches_at_once


AHEAD = 4
"""Batches of a wave for each worker: only at its end do some wait for the others."""

LATE = 1.0
"""Seconds for workers to end a batch after the deadline: they look at the clock between two steps.
A batch that is missing after that is open."""

GRACE = 30.0
"""Seconds beyond twice its time until a task counts as hung; the worker may start within them."""


def full_batches(waiting: int, size: int) -> int:
    """Return how many full batches are bounded at once, by workers or the cores of this process.

    Args:
        waiting: Pieces in the queue.
        size: Pieces of a batch.
    """
    if waiting < 2 * size:
        return 1
    workers = ambient_workers()
    most = batches_at_once() if workers is None else AHEAD * workers.pool.size
    return max(1, min(waiting // size, most))


class Waves:
    """Submits batches to workers.

    Args:
        about: The data shared by all batches.
        name: A word or two on what a task does.
        work: A function of a module, called with the payload, a batch, and seconds.
    """

    def __init__(self, helpers: Workers, about: Any, name: str, work: Callable[..., Any]) -> None:
        self._dispatcher, self._payload = Dispatcher(helpers.pool), Payload.of(about)
        self._name, self._work = name, work

    def ask(
        self,
        batches: Sequence[Any],
        seconds: float,
        results: dict[int, Any],
        report: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Bound all batches on workers.

        A batch is missing afterwards if there was no time for it or its workers were lost. The
        caller bounds it, or leaves it open.

        Args:
            batches: The data sent for each batch.
            seconds: Remaining time; infinite without a limit.
            results: Receives the results by the place of the batch, also if an interrupt ends it.
            report: Called with the place of each batch that is done.

        Raises:
            InputError: An error of a task about the question.
        """
        dispatcher, waiting, lost = self._dispatcher, deque(range(len(batches))), Counter()
        end = read_wall_clock() + seconds
        try:
            while not is_stopped() and read_wall_clock() < end + LATE:
                while (
                    waiting
                    and dispatcher.free_slots(0) > 0
                    and (left := end - read_wall_clock()) > 0
                ):
                    self._submit(waiting.popleft(), batches, left)
                if not len(dispatcher):
                    return  # all done, or no worker or no time is left for the rest
                for done in dispatcher.wait(TICK):
                    i = int(str(done.key))
                    if not done.lost and done.error is not None:
                        raise done.error
                    if not done.lost:
                        results[i] = done.value
                        report(i)
                        continue
                    lost[i] += 1
                    if lost[i] < ATTEMPTS:
                        waiting.append(i)
        finally:
            dispatcher.cancel_all()

    def _submit(self, i: int, batches: Sequence[Any], left: float) -> None:
        self._dispatcher.submit(
            i, f"{self._name} {i}", self._payload, self._work, batches[i], left,
            limit=2 * left + GRACE,
        )  # fmt: skip
