"""Groups short questions into one task, because each task takes a round trip to a worker.

Sizes follow guided self-scheduling: each task contains a fraction of the waiting questions, so that
all workers finish at about the same time.

Reference: Polychronopoulos, Kuck, *Guided self-scheduling: a practical scheduling scheme for
parallel supercomputers*, IEEE Transactions on Computers, 1987.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from statistics import median
from typing import TypeVar

from ..core.clock import read_wall_clock


Q = TypeVar("Q")
A = TypeVar("A")

TASK_SECONDS = 0.5
"""Largest expected duration of a task of several questions, in seconds."""

MIN_TASK_SECONDS = 0.04
"""Approximate minimum duration of a task of short questions, in seconds.

It is four times the duration of a round trip, during which a worker without another task idles.
"""

PATIENCE = 1.5
"""A task stops starting new questions after this multiple of its expected duration.

A task that takes longer contains hard questions, and other workers may be free to answer the
remaining ones.
"""

TASKS_PER_WORKER = 2
"""Number of tasks per worker among which the waiting questions are divided.

There are more tasks if they would otherwise be too long, and fewer if they would be too short.
"""

PREFETCH_BELOW = 0.1
"""Task duration in seconds below which another task is queued at the same worker.

The queued task hides the round trip. Behind a longer task it might wait for a hard question while
another worker is free.
"""

WINDOW = 16
"""Number of recent results used to estimate the duration of a question."""


class Chunks:
    """A policy that sets the number of questions in the next task.

    The duration of a question is estimated by the median of recent durations, because the first
    question on each worker takes longer.
    """

    def __init__(self) -> None:
        self._lately: deque[float] = deque(maxlen=WINDOW)

    def add(self, seconds: float) -> None:
        """Record how many seconds it took to answer one question."""
        self._lately.append(seconds)

    def size(self, waiting: int, workers: int) -> int:
        """Return the number of questions for the next task; 1 before any duration is known.

        Args:
            waiting: Number of questions that have not been sent to a worker.
            workers: Number of workers available.
        """
        if not self._lately:
            return 1
        least, fit = (int(seconds / self._usual) for seconds in (MIN_TASK_SECONDS, TASK_SECONDS))
        return max(1, min(fit, max(least, waiting // (TASKS_PER_WORKER * max(workers, 1)))))

    def ahead(self, waiting: int, workers: int) -> int:
        """Return the number of tasks to queue at each worker behind its running task, 0 or 1.

        Args:
            waiting: Number of questions that have not been sent to a worker.
            workers: Number of workers available.
        """
        is_short = bool(self._lately) and self.size(waiting, workers) * self._usual < PREFETCH_BELOW
        return int(is_short and waiting > workers)

    def patience(self, size: int) -> float:
        """Return for how many seconds a task of `size` questions may start further questions.

        The result is 0 before any duration is known.
        """
        return PATIENCE * size * self._usual if self._lately else 0.0

    @property
    def _usual(self) -> float:
        """The median of the recently recorded durations in seconds, at least one millisecond."""
        return max(median(self._lately), 1e-3)


def answer_within(questions: Iterable[Q], decide: Callable[[Q], A], patience: float) -> list[A]:
    """Answer questions on a worker until `patience` runs out; answer at least one question.

    Args:
        questions: The questions of one task, in order.
        decide: Function that answers one question.
        patience: Time in seconds after which no new question is started, from `Chunks.patience`.

    Returns:
        The answers to the first questions, in order. If there are fewer answers than questions, the
        caller must submit the remaining questions again.
    """
    begin, answers = read_wall_clock(), []
    for question in questions:
        if answers and read_wall_clock() - begin > patience:
            break
        answers.append(decide(question))
    return answers
