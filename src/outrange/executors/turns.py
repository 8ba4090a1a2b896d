"""Short turns first: what takes long is known before the end, and does not begin there alone.

Of many independent tasks, most take moments, and some as long as they may. Where a long one happens
to be the last, one worker works on it and the others have nothing. So each first gets a short turn;
what is open after it waits until all others had theirs.
"""

from __future__ import annotations

from collections.abc import Hashable


TURN, LONGEST = 0.25, 2.0
"""Seconds of a turn at least and at most."""

USUAL = 4.0
"""A turn is so many times what tasks took that ended within theirs, on average."""

WASTE = 0.05
"""Share of all time that turns without a result may take, beside one for each worker."""


class Turns:
    """Who gets a short turn, and who had one.

    Args:
        workers: How many there are; with one, nobody ever waits for another.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._short: set[Hashable] = set()
        self._again: set[Hashable] = set()
        self._spent = self._wasted = self._quick = 0.0
        self._ended = 0

    def is_second(self, task: Hashable) -> bool:
        """Whether it had a short turn, which did not suffice."""
        return task in self._again

    def limit(self, task: Hashable, limit: float) -> float:
        """Seconds for a task that begins now.

        Args:
            task: What tells it.
            limit: Its own.
        """
        usual = USUAL * self._quick / self._ended if self._ended else TURN
        turn = min(LONGEST, max(TURN, usual))
        # Those under way may all be wasted.
        risk = self._wasted + turn * len(self._short)
        worth = risk < WASTE * self._spent + turn * self._workers
        if self._workers < 2 or task in self._again or turn > limit / 4 or not worth:
            return limit
        self._short.add(task)
        return turn

    def suffices(self, task: Hashable, seconds: float, decided: bool) -> bool:
        """Whether a task has ended; else it is to wait, and to begin again with its own limit.

        Args:
            task: What tells it.
            seconds: What it took.
            decided: Whether it has a result that no time would change.
        """
        self._spent += seconds
        short = task in self._short
        self._short.discard(task)
        if short and not decided:
            self._wasted += seconds
            self._again.add(task)
            return False
        if short:
            self._quick, self._ended = self._quick + seconds, self._ended + 1
        return True

    def lost(self, task: Hashable) -> None:
        """It has ended without a word."""
        self._short.discard(task)
