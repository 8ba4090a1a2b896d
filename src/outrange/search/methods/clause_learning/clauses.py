"""Learned clauses: first unique implication points, watched literals, activities.

References: J. Marques-Silva, K. Sakallah, *GRASP* (1999); M. Moskewicz et al., *Chaff* (2001);
N. Een, N. Sorensson, *An extensible SAT solver* (2003).
"""

from __future__ import annotations

import heapq
from collections import defaultdict

import numpy as np

from .propagation import Propagation
from .trail import PHASE, Antecedent, Trail


DECAY = 1 / 0.95
"""Ratio of the weight of a conflict to the weight of the previous conflict."""

RESCALE = 1e100
"""Weight of a conflict above which all activities are scaled down."""

Literal = tuple[int, int]
"""Index of a unit and one of its phases; the literal holds if the unit has this phase."""


class Clauses:
    """Learned clauses: wherever the conjunction holds, each clause has a literal that holds.

    Args:
        activity: `(U,)` initial activities; units with the largest are decided first.
    """

    def __init__(self, trail: Trail, activity: np.ndarray) -> None:
        self._trail = trail
        self._clauses: list[list[Literal]] = []
        self._watching: dict[Literal, list[int]] = defaultdict(list)
        self._read = 0
        self.activity = activity / max(float(activity.max(initial=0.0)), 1e-300)
        self._bump = 1.0

    def add(self, literals: list[Literal]) -> int:
        """Add a clause of at least two literals in order of decreasing level; return its index."""
        number = len(self._clauses)
        self._clauses.append(literals)
        for literal in literals[:2]:
            self._watching[literal].append(number)
        return number

    def rewind(self) -> None:
        """Reset the position of the next unread event after events were removed from the trail."""
        self._read = min(self._read, len(self._trail.events))

    def run(self) -> Antecedent | None:
        """Propagate newly known phases; return the reason for a conflict, or None."""
        events = self._trail.events
        while self._read < len(events):
            event = events[self._read]
            self._read += 1
            if event.kind != PHASE:
                continue
            conflict = self._falsify((event.at, -int(event.value)))
            if conflict is not None:
                return conflict
        return None

    def _holds(self, literal: Literal) -> int:
        """Return 1 if a literal is known to hold, -1 if it is known to be false, 0 otherwise."""
        return int(self._trail.phase[literal[0]]) * literal[1]

    def _falsify(self, literal: Literal) -> Antecedent | None:
        """Update the clauses that watch a false literal, and record the phases that they imply.

        Return the reason for a conflict, or None.
        """
        watching, still_watching = self._watching[literal], []
        for place, number in enumerate(watching):
            clause = self._clauses[number]
            if clause[0] == literal:
                clause[0], clause[1] = clause[1], clause[0]
            if self._holds(clause[0]) == 1:
                still_watching.append(number)
                continue
            other = next((i for i in range(2, len(clause)) if self._holds(clause[i]) != -1), 0)
            if other:
                clause[1], clause[other] = clause[other], clause[1]
                self._watching[clause[1]].append(number)
                continue
            still_watching.append(number)
            reason = Antecedent("clause", number, len(self._trail.events))
            if self._holds(clause[0]) == -1:
                self._watching[literal] = still_watching + watching[place + 1 :]
                return reason
            self._trail.push(PHASE, *clause[0], reason)
        self._watching[literal] = still_watching
        return None

    def learn(self, conflict: Antecedent, rows: Propagation) -> list[Literal]:
        """Return the clause learned from a conflict; it is empty if no decision is involved.

        Start with the events that imply the conflict. Replace the latest event by the events that
        imply it, again and again, until only one phase of the latest level is left. The other
        phases, which belong to earlier levels, imply the opposite of this phase.
        """
        events = self._trail.events
        if conflict.kind == "clause":
            first = self._events_of(self._clauses[conflict.index], None)
        else:
            first = rows.explain_conflict(conflict)
        level = max((events[index].level for index in first), default=0)
        heap: list[int] = []
        seen: set[int] = set()
        here, learnt = 0, []

        def meet(indices: list[int]) -> None:
            nonlocal here
            for index in indices:
                if index not in seen and events[index].level > 0:
                    seen.add(index)
                    heapq.heappush(heap, -index)
                    here += events[index].level == level

        meet(first)
        while heap:
            index = -heapq.heappop(heap)
            event = events[index]
            if event.kind == PHASE:
                self._bump_activity(event.at)
                last = here == 1 and event.level == level
                if last or event.level < level:
                    learnt.append((event.at, -int(event.value)))
                    here -= last
                    continue
            here -= event.level == level
            if event.reason.kind == "clause":
                meet(self._events_of(self._clauses[event.reason.index], event.at))
            else:
                meet(rows.explain(index))
        self._bump *= DECAY
        if self._bump > RESCALE:
            self.activity /= RESCALE
            self._bump = 1.0
        return learnt

    def _events_of(self, clause: list[Literal], but: int | None) -> list[int]:
        """Return the indices of the events that set the phases of a clause's units.

        Args:
            clause: Literals that are all false, except perhaps the literal of unit `but`.
            but: Unit to leave out, or None.
        """
        trail = self._trail
        everything = len(trail.events)
        return [trail.latest(PHASE, unit, everything) for unit, _ in clause if unit != but]

    def _bump_activity(self, unit: int) -> None:
        """Increase the activity of a unit, so that it is decided earlier."""
        self.activity[unit] += self._bump
