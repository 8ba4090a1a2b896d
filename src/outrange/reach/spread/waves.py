"""Submission of batches of pieces to workers in waves, one task for each batch.

Pieces wait in a queue, the oldest first, and their parts go to its end. So all full batches in the
queue are known before the first of them is done. A wave submits several of them together. Its
results are keyed by the index of the batch, so the order in which workers finish does not matter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from ...core.clock import is_stopped, read_wall_clock
from ...executors.ambient_pool import Workers, ambient_workers
from ...executors.dispatcher import Dispatcher
from ...executors.payload import Payload
from .threads import batches_at_once


AHEAD = 4
"""Largest number of batches per worker in a wave; with several, workers are idle only at the end of
a wave."""

LATE = 1.0
"""Seconds after the deadline within which workers may finish a batch, since they check the clock
only between steps. Results of batches that take longer are lost."""


def full_batches(waiting: int, size: int) -> int:
    """Return how many batches to bound together, on workers or on threads of this process.

    If there are several, all of them are full.

    Args:
        waiting: Number of pieces in the queue.
        size: Number of pieces in a full batch.
    """
    if waiting < 2 * size:
        return 1
    workers = ambient_workers()
    most = batches_at_once() if workers is None else AHEAD * workers.pool.size
    return max(1, min(waiting // size, most))


class Waves:
    """A dispatcher of batches to workers.

    Args:
        about: The data that all batches share, sent once to each worker.
        name: A short name for the tasks.
        work: A module-level function, called with the payload, a batch and the remaining seconds.
    """

    def __init__(self, helpers: Workers, about: Any, name: str, work: Callable[..., Any]) -> None:
        self._dispatcher: Dispatcher[int] = Dispatcher(helpers.pool)
        self._payload = Payload.of(about)
        self._name, self._work = name, work

    def ask(
        self,
        batches: Sequence[Any],
        seconds: float,
        results: dict[int, Any],
        report: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Send batches to the workers, and collect the results.

        A batch is missing from `results` if time ran out or its workers were lost. The caller then
        bounds it itself, or leaves its pieces open.

        Args:
            batches: The data sent for each batch.
            seconds: Remaining time; infinite without a limit.
            results: Filled with the results, keyed by the index of the batch, even after an
                interrupt.
            report: Called with the index of each batch that is done.

        Raises:
            InputError: A task raised this error. Other errors of tasks are raised too.
        """
        waiting, end = deque(range(len(batches))), read_wall_clock() + seconds
        with self._dispatcher as dispatcher:
            while not is_stopped() and read_wall_clock() < end + LATE:
                while (
                    waiting
                    and dispatcher.free_slots(0) > 0
                    and (left := end - read_wall_clock()) > 0
                ):
                    self._submit(waiting.popleft(), batches, left)
                if not len(dispatcher):
                    return  # all done, or no worker or no time is left for the rest
                for done in dispatcher.wait():
                    if not done.lost and done.error is not None:
                        raise done.error
                    if not done.lost:
                        results[done.key] = done.value
                        report(done.key)
                    elif dispatcher.may_resend(done.key):
                        waiting.append(done.key)

    def _submit(self, i: int, batches: Sequence[Any], left: float) -> None:
        name = f"{self._name} {i}"
        self._dispatcher.submit(i, name, self._payload, self._work, batches[i], left)
