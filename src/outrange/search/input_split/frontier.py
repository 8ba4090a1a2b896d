"""Open boxes of a search in priority order, stored as rows of reusable arrays."""

from __future__ import annotations

import numpy as np

from ..common.domain_boxes import DomainBoxes


MOST_BYTES = 2 << 30
"""Default limit on the memory of open boxes, in bytes."""

SHARE_AHEAD = 16
"""Ratio of open boxes to boxes sorted in one call: with millions of open boxes, sorting all of them
at each call would cost more than bounding."""


class _Slots:
    """Stack of row indices, stored in an array that grows as needed."""

    def __init__(self, first: np.ndarray) -> None:
        self._room, self.size = first, first.size

    def add(self, slots: np.ndarray) -> None:
        """Push indices onto the stack."""
        size = self.size + slots.size
        if size > self._room.size:
            room = np.empty(2 * size, np.int64)
            room[: self.size] = self.all
            self._room = room
        self._room[self.size : size] = slots
        self.size = size

    def take(self, count: int) -> np.ndarray:
        """Pop the last `count` indices."""
        self.size -= count
        return self._room[self.size : self.size + count].copy()

    @property
    def all(self) -> np.ndarray:
        """The indices on the stack; read-only."""
        return self._room[: self.size]


class Frontier:
    """Open boxes with their proved bounds, and the least bounds of the closed boxes.

    Args:
        inputs: Dimension `d` of a box.
        objectives: Number `m` of objectives that share the boxes.
        states: Number of units whose status is stored per box.
    """

    def __init__(self, inputs: int, objectives: int, states: int) -> None:
        self.capacity = 1024
        self.most_bytes: int | None = None
        """Limit on the memory of open boxes, in bytes; None for `MOST_BYTES`."""
        self._arrays = {
            "lo": np.empty((self.capacity, inputs)),
            "hi": np.empty((self.capacity, inputs)),
            "status": np.empty((self.capacity, states), np.int8),
            "open": np.empty((self.capacity, objectives), np.uint8),
            "priority": np.empty(self.capacity),
        }
        # Infinite if a box is not open for an objective, so that a minimum needs no mask.
        self._lb = np.full((objectives, self.capacity), np.inf)
        self._alive = _Slots(np.empty(0, np.int64))
        self._front = np.empty(0, np.int64)  # The next boxes to pop, in order.
        self._ordered_full = False
        self._free = _Slots(np.arange(self.capacity))
        self._in_hand = np.full(objectives, np.inf)
        self._lent: dict[int, np.ndarray] = {}
        self.closed = np.full(objectives, np.inf)
        """`(m,)` the least bounds of closed boxes."""

    @classmethod
    def of(cls, roots: DomainBoxes, objectives: int, states: int) -> Frontier:
        """Create a frontier of the root boxes, for which no bounds are proved yet."""
        count = len(roots.lo)
        pool = cls(roots.lo.shape[1], objectives, states)
        pool.push(
            roots.lo,
            roots.hi,
            np.full((count, objectives), -np.inf),
            np.zeros((count, states), np.int8),
            np.ones((count, objectives), np.uint8),
            np.full(count, np.inf),
        )
        return pool

    def __len__(self) -> int:
        return self._alive.size + self._front.size

    def push(
        self,
        lo: np.ndarray,
        hi: np.ndarray,
        lb: np.ndarray,
        status: np.ndarray,
        open_: np.ndarray,
        priority: np.ndarray,
    ) -> None:
        """Add boxes, one per row of each argument."""
        count = len(lo)
        while self._free.size < count:
            self._grow()
        slots = self._free.take(count)
        rows = {"lo": lo, "hi": hi, "status": status, "open": open_, "priority": priority}
        for name, value in rows.items():
            self._arrays[name][slots] = value
        self._lb[:, slots] = np.where(open_, lb, np.inf).T
        self._alive.add(slots)

    def _grow(self) -> None:
        old, self.capacity = self.capacity, 2 * self.capacity
        for name, array in self._arrays.items():
            bigger = np.empty((self.capacity, *array.shape[1:]), array.dtype)
            bigger[:old] = array
            self._arrays[name] = bigger
        lb = np.full((len(self._lb), self.capacity), np.inf)
        lb[:, :old] = self._lb
        self._lb = lb
        self._free.add(np.arange(old, self.capacity))

    @property
    def full(self) -> bool:
        """Whether the open boxes exceed the memory limit."""
        most = MOST_BYTES if self.most_bytes is None else self.most_bytes
        return len(self) * self._row_bytes > most

    @property
    def _row_bytes(self) -> int:
        return sum(array[0].nbytes for array in self._arrays.values()) + self._lb[:, 0].nbytes

    def pop(self, count: int) -> dict[str, np.ndarray]:
        """Remove up to `count` boxes, and return their arrays by name, with one row per box.

        The names are "lo", "hi", "status", "open", "priority" and "lb". An entry of "lb" is
        infinite if the box is not open for that objective.

        Boxes of high priority are popped first, in the order of the last sort (see `SHARE_AHEAD`).
        Once the memory is full, the boxes of lowest priority are popped first: they are the closest
        to being closed, so the frontier shrinks. That order stays in use until a call needs more
        boxes than are sorted, even if the memory is no longer full, because switching back
        immediately would require a sort at every call. The bounds are valid either way.

        Until `settle` is called, `lower` includes the popped boxes, in case work on them is
        interrupted.
        """
        filled = self.full and not self._ordered_full
        if (self._front.size < count or filled) and self._alive.size:
            self._order(max(count, len(self) // SHARE_AHEAD))
        chosen = self._front[:count]
        boxes = self._boxes(chosen)
        # Recorded before the boxes are removed: an interrupt must not lose them.
        self._in_hand = boxes["lb"].min(axis=0, initial=np.inf)
        self._front = self._front[count:]
        self._lb[:, chosen] = np.inf
        self._free.add(chosen)
        return boxes

    def _order(self, count: int) -> None:
        """Sort the `count` boxes that are to be popped next, and store them in `_front`.

        They have the highest priorities, or the lowest if the memory is full.
        """
        alive = np.concatenate([self._front, self._alive.all])
        key = self._arrays["priority"][alive]
        self._ordered_full = self.full
        if not self._ordered_full:
            key = -key
        count = min(count, alive.size)
        order = np.argpartition(key, count - 1) if count < alive.size else np.arange(alive.size)
        first = order[:count]
        front = alive[first[np.argsort(key[first], kind="stable")]]
        self._front, self._alive = front, _Slots(alive[order[count:]])

    def sample(self, rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
        """Return copies of up to `count` open boxes, chosen at random, as arrays by name."""
        alive = np.concatenate([self._front, self._alive.all])
        return self._boxes(rng.choice(alive, min(count, alive.size), replace=False))

    @property
    def boxes(self) -> dict[str, np.ndarray]:
        """Copies of all open boxes, as arrays by name."""
        return self._boxes(np.concatenate([self._front, self._alive.all]))

    def _boxes(self, slots: np.ndarray) -> dict[str, np.ndarray]:
        """Return copies of the boxes in the rows `slots`, as arrays by name."""
        boxes = {name: array[slots] for name, array in self._arrays.items()}
        return boxes | {"lb": np.ascontiguousarray(self._lb[:, slots].T)}

    @property
    def in_hand(self) -> np.ndarray:
        """`(m,)` the least bounds of boxes that have been popped but not settled."""
        return np.minimum.reduce([self._in_hand, *self._lent.values()])

    @property
    def lent(self) -> int:
        """Number of batches of boxes that are registered under a ticket and not yet settled."""
        return len(self._lent)

    def lend(self, ticket: int) -> None:
        """Register the last popped boxes under a ticket; `lower` includes them until `settle`."""
        self._lent[ticket] = self._in_hand
        self._in_hand = np.full_like(self._in_hand, np.inf)

    def empty(self) -> None:
        """Discard all boxes."""
        alive = np.concatenate([self._front, self._alive.all])
        self._lb[:, alive] = np.inf
        self._free.add(alive)
        self._alive, self._front = _Slots(np.empty(0, np.int64)), np.empty(0, np.int64)

    def settle(self, ticket: int | None = None) -> None:
        """Discard the bounds of popped boxes, which have been closed or pushed back as sub-boxes.

        Args:
            ticket: Ticket of the boxes to settle; None for the boxes without a ticket.
        """
        if ticket is not None:
            del self._lent[ticket]
            return
        self._in_hand = np.full_like(self._in_hand, np.inf)

    def lose(self) -> None:
        """Close popped boxes that are not settled, at the bounds with which they were popped."""
        self.close(self.in_hand)
        self.settle()
        self._lent = {}

    def close(self, bounds: np.ndarray) -> None:
        """Record the least bounds `(m,)` of newly closed boxes, infinite where none was closed."""
        self.closed = np.minimum(self.closed, bounds)

    def lower(self) -> np.ndarray:
        """Return the least bound of all open, popped and closed boxes per objective, `(m,)`."""
        return np.minimum.reduce([self._lb.min(axis=1), self.in_hand, self.closed])
