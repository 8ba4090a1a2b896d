"""The trail: every new phase and input bound with its reason, in the order of propagation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


LOW, HIGH, PHASE = 0, 1, 2
ACTIVE, INACTIVE = 1, -1


class Antecedent(NamedTuple):
    """Reason for a conflict or for an event of the trail.

    Args:
        kind: `"decision"`, `"clause"`, `"unit"` (a unit's row) or `"row"` (of the conjunction).
        index: Index of the clause, unit or row.
        before: Index of an event; only earlier events were used.
    """

    kind: str
    index: int
    before: int


class Event(NamedTuple):
    """One change of an input's bound or a unit's phase, as recorded on the trail.

    Args:
        kind: `LOW` or `HIGH` for a bound of an input, `PHASE` for the phase of a unit.
        at: Index of the input or unit.
        value: The new bound, or the phase.
        old: The previous bound or phase.
        previous: Index of the previous event for the same bound or phase, or -1.
        level: Number of decisions on the trail when the change was recorded.
        reason: Reason for the change.
    """

    kind: int
    at: int
    value: float
    old: float
    previous: int
    level: int
    reason: Antecedent


class Trail:
    """Bounds of inputs, phases of units, and the events that led to them.

    Args:
        lo: `(d,)` lower bounds at the root.
        hi: `(d,)` upper bounds at the root.
        units: The number of units.
    """

    def __init__(self, lo: np.ndarray, hi: np.ndarray, units: int) -> None:
        self.lo, self.hi, self.phase = lo.copy(), hi.copy(), np.zeros(units, np.int8)
        self.events: list[Event] = []
        self.starts: list[int] = []
        """Index of the first event of each level."""
        self._last = [[-1] * lo.size, [-1] * lo.size, [-1] * units]

    @property
    def level(self) -> int:
        return len(self.starts)

    def open_level(self) -> None:
        self.starts.append(len(self.events))

    def push(self, kind: int, at: int, value: float, reason: Antecedent) -> None:
        """Record a new bound or phase."""
        store = (self.lo, self.hi, self.phase)[kind]
        last = self._last[kind]
        old = float(store[at])
        self.events.append(Event(kind, at, value, old, last[at], self.level, reason))
        last[at] = len(self.events) - 1
        store[at] = value

    def back_to(self, level: int) -> None:
        """Undo every event of decision levels above `level`."""
        start = self.starts[level]
        for event in reversed(self.events[start:]):
            (self.lo, self.hi, self.phase)[event.kind][event.at] = event.old
            self._last[event.kind][event.at] = event.previous
        del self.events[start:]
        del self.starts[level:]

    def latest(self, kind: int, at: int, before: int) -> int:
        """Return the index of the last event before `before` for a bound or phase, or -1."""
        index = self._last[kind][at]
        while index >= before:
            index = self.events[index].previous
        return index

    def literals(self) -> list[tuple[int, int]]:
        """Return the decisions as `(unit, phase)` pairs."""
        events = (self.events[start] for start in self.starts)
        return [(event.at, int(event.value)) for event in events]
