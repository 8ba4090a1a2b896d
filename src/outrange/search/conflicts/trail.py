"""The trail: every phase and every bound in the order they became known, and why."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


LOW, HIGH, PHASE = 0, 1, 2
ACTIVE, INACTIVE = 1, -1


class Antecedent(NamedTuple):
    """Why an event happened.

    Args:
        kind: `"decision"`, `"clause"`, `"unit"` (a unit's row) or `"row"` (of the conjunction).
        index: Which clause, unit or row.
        before: Only events before this one were used.
    """

    kind: str
    index: int
    before: int


class Event(NamedTuple):
    """One change.

    Args:
        kind: `LOW` or `HIGH`: a bound of an input; `PHASE`: the phase of a unit.
        at: The input, or the unit.
        value: The new bound, or the phase.
        previous: The last event about the same bound, or -1.
        level: How many decisions had been made.
    """

    kind: int
    at: int
    value: float
    old: float
    previous: int
    level: int
    reason: Antecedent


class Trail:
    """Bounds of inputs, phases of units, and the events that led there.

    Args:
        lo: `(d,)` at the root.
        hi: `(d,)` at the root.
        units: How many units there are.
    """

    def __init__(self, lo: np.ndarray, hi: np.ndarray, units: int) -> None:
        self.lo, self.hi, self.phase = lo.copy(), hi.copy(), np.zeros(units, np.int8)
        self.events: list[Event] = []
        self.starts: list[int] = []
        """Where each level begins."""
        self._last = [[-1] * lo.size, [-1] * lo.size, [-1] * units]

    @property
    def level(self) -> int:
        return len(self.starts)

    def open_level(self) -> None:
        self.starts.append(len(self.events))

    def push(self, kind: int, at: int, value: float, reason: Antecedent) -> None:
        """Record that a bound or a phase is known."""
        store = (self.lo, self.hi, self.phase)[kind]
        last = self._last[kind]
        old = float(store[at])
        self.events.append(Event(kind, at, value, old, last[at], self.level, reason))
        last[at] = len(self.events) - 1
        store[at] = value

    def back_to(self, level: int) -> None:
        """Undo every event of later levels."""
        start = self.starts[level]
        for event in reversed(self.events[start:]):
            (self.lo, self.hi, self.phase)[event.kind][event.at] = event.old
            self._last[event.kind][event.at] = event.previous
        del self.events[start:]
        del self.starts[level:]

    def latest(self, kind: int, at: int, before: int) -> int:
        """The last event about a bound or a phase before event `before`; -1 if there is none."""
        index = self._last[kind][at]
        while index >= before:
            index = self.events[index].previous
        return index

    def literals(self) -> list[tuple[int, int]]:
        """The decisions: unit and phase."""
        events = (self.events[start] for start in self.starts)
        return [(event.at, int(event.value)) for event in events]
