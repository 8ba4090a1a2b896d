"""Tasks under way on a pool: parcels sent to whoever lacks them, losses and hangs told apart."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from ..core import VERSION
from .parcel import Parcel, packed
from .pool import Pool
from .shelf import MISSING, call
from .worker_settings import here


LIGHT = 1 << 20
"""Bytes of a parcel that goes with the first tasks unasked: cheaper than to hear who lacks it."""


@dataclass(frozen=True, eq=False)
class Done:
    """What became of one task.

    Args:
        ticket: As the task was given.
        value: What it returned.
        error: What it raised, or how it was lost.
        lost: Whether its worker went away or hung: nothing is known of it, and it may be given
            again.
    """

    ticket: Hashable
    value: Any = None
    error: BaseException | None = None
    lost: bool = False


@dataclass(eq=False)
class _Hand:
    """A task under way."""

    future: Any
    name: str
    parcel: Parcel
    task: bytes
    until: float
    limit: float


class Crew:
    """Gives tasks, and hears of them.

    Args:
        pool: Who works.
        version: Of outrange that asks.
    """

    def __init__(self, pool: Pool, version: str = VERSION) -> None:
        self.pool, self._version = pool, version
        self._hands: dict[Hashable, _Hand] = {}
        self._news: SimpleQueue[tuple[Hashable, Any]] = SimpleQueue()
        self._lost: list[Done] = []
        self._sent: Counter[str] = Counter()

    def __len__(self) -> int:
        """Tasks under way."""
        return len(self._hands) + len(self._lost)

    @property
    def tickets(self) -> list[Hashable]:
        """Of the tasks under way, those given first in front."""
        return list(self._hands)

    def room(self, ahead: int) -> int:
        """How many more tasks there is room for; below 0 if there are too many.

        Args:
            ahead: Tasks that wait at each worker, so that it need not wait for its next one: worth
                it where tasks are short, and do not hang on each other.
        """
        return 0 if self.pool.broken else (1 + ahead) * self.pool.size - len(self)

    def give(
        self,
        ticket: Hashable,
        name: str,
        parcel: Parcel,
        work: Callable[..., Any],
        *arguments: Any,
        limit: float = float("inf"),
    ) -> None:
        """Start a task.

        Args:
            ticket: What `Done` tells it by.
            name: What it does, in a word or two.
            parcel: What it is about; `work` gets it first, as a `shelf.Kept`.
            work: What to do; a function of a module.
            *arguments: For it.
            limit: Seconds after which it hangs.
        """
        task = packed((work, arguments))
        until = time.perf_counter() + limit
        hand = _Hand(None, name, parcel, task, until, limit)
        # At first nobody has it; of workers that are told apart by nothing, some may not later.
        light = len(parcel.data) <= LIGHT and self._sent[parcel.digest] < self.pool.size
        self._sent[parcel.digest] += light
        self._submit(ticket, hand, parcel.data if light else None)

    def _submit(self, ticket: Hashable, hand: _Hand, data: bytes | None) -> None:
        try:
            hand.future = self.pool.submit(
                hand.name, call, self._version, here(), hand.parcel.digest, hand.task, data
            )
        except BrokenExecutor as error:
            self._lost.append(Done(ticket, error=error, lost=True))
            return
        self._hands[ticket] = hand
        hand.future.add_done_callback(lambda future: self._news.put((ticket, future)))

    def wait(self, seconds: float) -> list[Done]:
        """What has ended: at once if anything has, else as soon as something does.

        Args:
            seconds: To wait at most.
        """
        found, self._lost = self._lost, []
        end = time.perf_counter() + (0.0 if found else seconds)
        while True:
            soon = [hand.until for hand in self._hands.values()]
            try:
                left = min([end, *soon]) - time.perf_counter()
                ticket, future = self._news.get(timeout=max(0.0, left))
            except Empty:
                found += self._overdue()
                if found or time.perf_counter() >= end:
                    return found
                continue
            done = self._heard(ticket, future)
            if done is not None:
                found.append(done)
                end = 0.0

    def _heard(self, ticket: Hashable, future: Any) -> Done | None:
        hand = self._hands.get(ticket)
        if hand is None or hand.future is not future:
            return None  # Given up before.
        del self._hands[ticket]
        try:
            value = self.pool.result(future)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # some of Dask's are no `Exception`
            return Done(ticket, error=error, lost=self.pool.is_loss(error))
        if isinstance(value, str) and value == MISSING:
            hand.until = time.perf_counter() + hand.limit
            self._submit(ticket, hand, hand.parcel.data)
            return None
        return Done(ticket, value)

    def _overdue(self) -> list[Done]:
        now = time.perf_counter()
        late = [ticket for ticket, hand in self._hands.items() if hand.until <= now]
        for ticket in late:
            self.pool.give_up(self._hands.pop(ticket).future)
        return [Done(t, error=TimeoutError("its worker did not answer"), lost=True) for t in late]

    def end(self) -> None:
        """Let go of what is under way."""
        for hand in self._hands.values():
            hand.future.cancel()
        self._hands.clear()
