"""Tasks under way on a pool: parcels sent to whoever lacks them, losses and hangs told apart."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from ..core import VERSION
from ..core.clock import read_wall_clock
from .nodes import WorkerNode
from .parcel import Parcel, packed
from .pool import Pool
from .shelf import MISSING, call
from .worker_settings import here


ATTEMPTS = 3
"""Workers that may be lost over one task: then it may be what kills them, and it is given no more.
What becomes of it, whoever gave it knows."""

TICK = 0.25
"""Seconds between two looks at the clock of whoever waits for tasks."""

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
        node: Who had it, if it was given to a node.
    """

    ticket: Hashable
    value: Any = None
    error: BaseException | None = None
    lost: bool = False
    node: WorkerNode | None = None


@dataclass(eq=False)
class _Hand:
    """A task under way."""

    future: Any
    name: str
    parcel: Parcel
    task: bytes
    until: float
    limit: float
    node: WorkerNode | None


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
        self._at: Counter[WorkerNode] = Counter()
        self._warned = False

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

    def next_node(self, ahead: int, heard: Sequence[Done] = ()) -> WorkerNode | None:
        """The node that has the fewest tasks; None if all of them have enough.

        Args:
            ahead: As for `room`.
            heard: Tasks that have ended, and count as if they had not.
        """
        nodes = () if self.pool.broken else self.pool.nodes
        more = Counter(done.node for done in heard)

        def tasks(node: WorkerNode) -> int:
            return self._at[node] + more[node]

        if nodes and nodes[0].name is None:  # Alike: who of them has a task, nobody knows.
            return nodes[0] if tasks(nodes[0]) < (1 + ahead) * len(nodes) else None
        least = min(nodes, key=tasks, default=None)
        return least if least is not None and tasks(least) <= ahead else None

    def give(
        self,
        ticket: Hashable,
        name: str,
        parcel: Parcel,
        work: Callable[..., Any],
        *arguments: Any,
        limit: float = float("inf"),
        node: WorkerNode | None = None,
    ) -> None:
        """Start a task.

        Args:
            ticket: What `Done` tells it by.
            name: What it does, in a word or two.
            parcel: What it is about; `work` gets it first, as a `shelf.Kept`.
            work: What to do; a function of a module.
            *arguments: For it.
            limit: Seconds after which it hangs.
            node: Who is to do it, with all its cores; None for whoever has a core.
        """
        task = packed((work, arguments))
        until = read_wall_clock() + limit
        hand = _Hand(None, name, parcel, task, until, limit, node)
        # At first nobody has it; of workers that are told apart by nothing, some may not later.
        light = len(parcel.data) <= LIGHT and self._sent[parcel.digest] < self.pool.size
        self._sent[parcel.digest] += light
        self._submit(ticket, hand, parcel.data if light else None)

    def _submit(self, ticket: Hashable, hand: _Hand, data: bytes | None) -> None:
        node = hand.node
        cores, name = (self.pool.cores, None) if node is None else (node.cores, node.name)
        task = (self._version, here(), hand.parcel.digest, hand.task, data, cores)
        try:
            hand.future = self.pool.submit(hand.name, call, *task, node=name)
        except BrokenExecutor as error:
            self._lost.append(Done(ticket, error=error, lost=True))
            self._warn_if_broken(error)
            return
        self._hands[ticket] = hand
        if node is not None:
            self._at[node] += 1
        hand.future.add_done_callback(lambda future: self._news.put((ticket, future)))

    def wait(self, seconds: float) -> list[Done]:
        """What has ended: at once if anything has, else as soon as something does.

        Args:
            seconds: To wait at most.
        """
        found, self._lost = self._lost, []
        end = read_wall_clock() + (0.0 if found else seconds)
        while True:
            soon = [hand.until for hand in self._hands.values()]
            try:
                left = min([end, *soon]) - read_wall_clock()
                ticket, future = self._news.get(timeout=max(0.0, left))
            except Empty:
                found += self._overdue()
                if found or read_wall_clock() >= end:
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
        self._let_go(ticket)
        try:
            value = self.pool.result(future)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # some of Dask's are no `Exception`
            is_loss = self.pool.is_loss(error)
            self._warn_if_broken(error)
            return Done(ticket, None, error, is_loss, hand.node)
        if isinstance(value, str) and value == MISSING:
            hand.until = read_wall_clock() + hand.limit
            self._submit(ticket, hand, hand.parcel.data)
            return None
        return Done(ticket, value, node=hand.node)

    def _warn_if_broken(self, error: BaseException) -> None:
        """Warn once that the executor accepts no more tasks: its owner alone can replace it."""
        if self.pool.broken and not self._warned:
            self._warned = True
            why = " ".join(f"{type(error).__name__}: {error}".split())
            text = f"The executor broke; this process decides what is left ({why})"
            warnings.warn(text, RuntimeWarning, stacklevel=2)

    def _let_go(self, ticket: Hashable) -> _Hand:
        hand = self._hands.pop(ticket)
        if hand.node is not None:
            self._at[hand.node] -= 1
            if not self._at[hand.node]:
                del self._at[hand.node]
        return hand

    def _overdue(self) -> list[Done]:
        now = read_wall_clock()
        late = [ticket for ticket, hand in self._hands.items() if hand.until <= now]
        error, found = TimeoutError("its worker did not answer"), []
        for ticket in late:
            hand = self._let_go(ticket)
            self.pool.give_up(hand.future)
            found.append(Done(ticket, None, error, True, hand.node))
        return found

    def end(self) -> None:
        """Let go of what is under way."""
        for hand in self._hands.values():
            hand.future.cancel()
        self._hands.clear()
        self._at.clear()
