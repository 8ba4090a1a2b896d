"""Batches of pieces over workers: a wave of full batches, each of them a task.

Pieces wait in a queue, the oldest first, and what they are cut into goes to its end. So all full
batches of a queue are known before the first of them is done: a wave takes them at once, and what
comes back is entered in their order, as if one process had done them in turn.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from ...core.clock import is_stopped, read_wall_clock
from ...executors.crew import ATTEMPTS, TICK, Crew
from ...executors.parcel import Parcel
from ...executors.seam import Workers, workers
from .threads import batches_at_once


AHEAD = 4
"""Batches of a wave for each worker: at its end some wait for the others, once in so many."""

LATE = 1.0
"""Seconds that workers have to end a batch once the time is over: they look at the clock between
two steps. What is not there by then is open."""

GRACE = 30.0
"""Seconds beyond twice its time until a task is taken for hung; the worker may start meanwhile."""


def full_batches(waiting: int, size: int) -> int:
    """Return how many full batches are bounded at once, by workers or the cores of this process.

    Args:
        waiting: Pieces in the queue.
        size: Pieces of a batch.
    """
    if waiting < 2 * size:
        return 1
    found = workers()
    most = batches_at_once() if found is None else AHEAD * found.pool.size
    return max(1, min(waiting // size, most))


class Waves:
    """Asks workers about batches.

    Args:
        helpers: Who works.
        about: What all batches are about.
        name: What a task does, in a word or two.
        work: What to do with the parcel, a batch, and seconds; a function of a module.
    """

    def __init__(self, helpers: Workers, about: Any, name: str, work: Callable[..., Any]) -> None:
        self._crew, self._parcel = Crew(helpers.pool), Parcel.of(about)
        self._name, self._work = name, work

    def ask(
        self,
        batches: Sequence[Any],
        seconds: float,
        found: dict[int, Any],
        told: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Give all batches to workers.

        What is missing afterwards, nobody had time for, or its workers were lost: nothing is known
        of it, and whoever asks does it, or leaves it open.

        Args:
            batches: What is sent of each.
            seconds: That are left; infinite without a limit.
            found: What came back, by the place of its batch; also if an interrupt ends it.
            told: Called with each place.

        Raises:
            InputError: What a task says of the question.
        """
        crew, waiting, lost = self._crew, deque(range(len(batches))), Counter()
        end = read_wall_clock() + seconds
        try:
            while not is_stopped() and read_wall_clock() < end + LATE:
                while waiting and crew.room(0) > 0 and (left := end - read_wall_clock()) > 0:
                    self._give(waiting.popleft(), batches, left)
                if not len(crew):
                    return  # All done, or there is nobody, or no time, for the rest.
                for done in crew.wait(TICK):
                    i = int(str(done.ticket))
                    if not done.lost and done.error is not None:
                        raise done.error
                    if not done.lost:
                        found[i] = done.value
                        told(i)
                        continue
                    lost[i] += 1
                    if lost[i] < ATTEMPTS:
                        waiting.append(i)
        finally:
            crew.end()

    def _give(self, i: int, batches: Sequence[Any], left: float) -> None:
        self._crew.give(
            i, f"{self._name} {i}", self._parcel, self._work, batches[i], left,
            limit=2 * left + GRACE,
        )  # fmt: skip
