"""Short questions that go to a worker together, in one task: each task is a way there and back.

Sizes are those of guided self-scheduling: a share of what waits, so that all workers end together.

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

TOGETHER = 0.5
"""Seconds that a task of several questions is to take."""

LEAST = 0.04
"""Seconds that a task is to take at least, if its questions are: four times its way there and back,
during which a worker without another one waits."""

PATIENCE = 1.5
"""Times what a task should take, after which it begins with no more of its questions: they were
hard ones, and others may be free for the rest."""

SHARES = 2
"""Tasks for each worker that are left, at least, where questions go together."""

SHORT = 0.1
"""Seconds of a task below which the next one waits behind it: its way there and back would be felt.
Behind a longer one it might wait for a hard question, while somebody else is free."""

LATELY = 16
"""Results from which it is told how long questions take."""


class Chunks:
    """How many questions the next task gets.

    By the median of what they have taken lately: the first one on each worker takes longer.
    """

    def __init__(self) -> None:
        self._lately: deque[float] = deque(maxlen=LATELY)

    def add(self, seconds: float) -> None:
        """A question has taken so long."""
        self._lately.append(seconds)

    def size(self, waiting: int, workers: int) -> int:
        """Questions of the next task; one while nothing is known.

        Args:
            waiting: Questions that nobody has.
            workers: Who is there for them.
        """
        if not self._lately:
            return 1
        least, fit = (int(seconds / self._usual) for seconds in (LEAST, TOGETHER))
        return max(1, min(fit, max(least, waiting // (SHARES * max(workers, 1)))))

    def ahead(self, waiting: int, workers: int) -> int:
        """Tasks that wait at each worker; as for `size`."""
        is_short = bool(self._lately) and self.size(waiting, workers) * self._usual < SHORT
        return int(is_short and waiting > workers)

    def patience(self, size: int) -> float:
        """Seconds after which a task of so many questions begins with no more of them."""
        return PATIENCE * size * self._usual if self._lately else 0.0

    @property
    def _usual(self) -> float:
        """Seconds of a question."""
        return max(median(self._lately), 1e-3)


def decided(questions: Iterable[Q], decide: Callable[[Q], A], patience: float) -> list[A]:
    """On a worker: the answers to the first questions, at least to one.

    Args:
        questions: Of a task.
        decide: Answers one of them.
        patience: Seconds; see `Chunks.patience`.

    Returns:
        Fewer than were asked where they take long: the others are to be asked again.
    """
    begin, answers = read_wall_clock(), []
    for question in questions:
        if answers and read_wall_clock() - begin > patience:
            break
        answers.append(decide(question))
    return answers
