"""Conflict-driven search over the phases of one hidden layer.

If a conjunction leaves each unit little choice (gates, Boolean formulas, counters), most phases
follow from others. So phases are decided one by one, bounds are propagated through the rows of the
conjunction, and every conflict is turned into a clause that excludes its cause everywhere.

References: G. Katz et al., *The Marabou Framework* (2019), and H. Duong, T. Nguyen, M. Dwyer, *A
DPLL(T) framework for verifying deep neural networks* (2023), for phases as literals. The modules
`clauses` and `propagation` implement the two main parts of the search.
"""

from __future__ import annotations

import numpy as np

from ...common.incumbent import Incumbent
from ...common.search import Search
from ...milp.highs import least_linear
from .clauses import Clauses, Literal
from .one_layer import OneLayer
from .propagation import ROOT_ROUNDS, Propagation
from .trail import ACTIVE, INACTIVE, PHASE, Antecedent


METHODS = (
    "conflict-driven clause learning over phases (GRASP, Marques-Silva and Sakallah 1999)",
    "bound propagation through the conjunction (Davis 1987)",
)

RESTART = 64
"""Number of conflicts between restarts, to be multiplied by the terms of the Luby sequence."""

NOTHING = 1e-6
"""Fraction of a unit's largest sum at the root. The unit needs no decision if its upper limit is at
most this fraction of the sum."""

HELD = 0.25
"""Minimum fraction of unstable units with phases fixed by the conjunction for this search to
run."""

PIECE = 8
"""Maximum number of conflicts per call of `advance`, which takes a few hundredths of a second."""


class ConflictSearch(Search):
    """Search that decides whether a conjunction over a network with one hidden layer can hold.

    The result is all or nothing: no bound improves before the last clause is learned.

    Args:
        net: The rows of the conjunction.
        incumbent: Incumbent of one objective with a target; receives the points found.
        free: `(inputs,)` whether an input varies.
        at: `(inputs,)` any point of the box; supplies the values of the inputs that do not vary.

    Sound: yes; rounding errors are in the slack of every row. Complete: no; it ends if all phases
    are known and the remaining linear program is neither refuted nor solved in float64. Cost:
    exponential in the number of units at worst.
    """

    methods = METHODS
    gradual = False

    def __init__(
        self, net: OneLayer, incumbent: Incumbent, free: np.ndarray, at: np.ndarray
    ) -> None:
        self.net, self.incumbent = net, incumbent
        self._free, self._at = free, at
        self._begin()

    def _begin(self) -> None:
        """Reset the search, and propagate bounds before the first decision."""
        self._rows = Propagation(self.net)
        self.trail = self._rows.trail
        doubt = np.abs(self.net.weights).sum(axis=0) * np.minimum(
            np.maximum(self._rows.hi, 0.0), np.maximum(-self._rows.lo, 0.0)
        )
        self._clauses = Clauses(self.trail, doubt)
        self._phases = np.where(self._rows.hi > -self._rows.lo, ACTIVE, INACTIVE).astype(np.int8)
        self._refuted = self._stuck = False
        self._conflicts = self._restarts = 0
        self._until = RESTART
        for _ in range(ROOT_ROUNDS):
            before = self._rows.limit.copy()
            self._rows.limit_units()
            if self._rows.run() is not None:
                self._refuted = True
            if self._refuted or np.array_equal(before, self._rows.limit):
                break

    @property
    def promising(self) -> bool:
        """Whether the search is worthwhile.

        It is worthwhile if the root is refuted, or if the conjunction fixes the phases of at least
        the fraction `HELD` of the unstable units before any decision.
        """
        rows = self._rows
        either = (rows.lo < 0) & (rows.hi > 0)
        held = either & ((rows.limit <= NOTHING * rows.hi) | (self.trail.phase != 0))
        return self._refuted or held.sum() >= HELD * max(either.sum(), 1)

    def lower(self) -> np.ndarray:
        target = self.incumbent.target
        if self._refuted and target is not None:
            return target.copy()
        return np.full(1, -np.inf)

    @property
    def waiting(self) -> int:
        return 0 if self._refuted else 1

    def recover(self) -> None:
        if not self._refuted:
            self._begin()

    def advance(self) -> bool:
        """Search until `PIECE` conflicts have occurred, a point is found, or the time is up.

        Return whether work is left.
        """
        until = self._conflicts + PIECE
        while self._conflicts < until and not (self._refuted or self._stuck):
            self._step()
            if self.incumbent.met or self.incumbent.clock.expired:
                break
        return not (self._refuted or self._stuck)

    def _step(self) -> None:
        """Propagate; then learn from a conflict, restart, decide a phase, or solve a leaf."""
        conflict = self._propagate()
        if conflict is not None:
            self._learn(conflict)
        elif self._conflicts >= self._until:
            self._restart()
        elif (unit := self._next()) is not None:
            self.trail.open_level()
            self.incumbent.boxes += 1
            self.trail.push(PHASE, unit, int(self._phases[unit]), Antecedent("decision", unit, 0))
            self._offer()
        else:
            self._leaf()

    def _propagate(self) -> Antecedent | None:
        """Propagate through clauses and rows; return the reason for a conflict, or None."""
        while True:
            conflict = self._clauses.run()
            if conflict is not None:
                return conflict
            before = len(self.trail.events)
            conflict = self._rows.run()
            if conflict is not None or len(self.trail.events) == before:
                return conflict

    def _learn(self, conflict: Antecedent) -> None:
        """Learn a clause from a conflict, and backtrack."""
        self._conflicts += 1
        while True:
            clause = self._clauses.learn(conflict, self._rows)
            if not clause:
                self._refuted = True
                return
            clause.sort(key=self._level_of, reverse=True)
            top = self._level_of(clause[0])
            below = self._level_of(clause[1]) if len(clause) > 1 else 0
            if below < top:
                break
            # The clause depends only on earlier decisions: it is already violated there.
            self._back_to(top)
            conflict = Antecedent("clause", self._clauses.add(clause), 0)
        self._back_to(below)
        number = self._clauses.add(clause) if len(clause) > 1 else -1
        self.trail.push(PHASE, *clause[0], Antecedent("clause", number, len(self.trail.events)))

    def _back_to(self, level: int) -> None:
        """Undo every event of decision levels above `level`."""
        if level < self.trail.level:
            # Phases are saved, so that the search resumes in the same region.
            for event in self.trail.events[self.trail.starts[level] :]:
                if event.kind == PHASE:
                    self._phases[event.at] = int(event.value)
            self.trail.back_to(level)
            self._clauses.rewind()

    def _level_of(self, literal: Literal) -> int:
        """Return the level at which the unit of a literal was decided or propagated."""
        index = self.trail.latest(PHASE, literal[0], len(self.trail.events))
        return self.trail.events[index].level

    def _restart(self) -> None:
        """Undo all decisions, and schedule the next restart."""
        self._restarts += 1
        self._until = self._conflicts + RESTART * _luby(self._restarts)
        self._back_to(0)

    def _next(self) -> int | None:
        """Return the unit to decide next, or None if none is left.

        It is the unit of largest activity among those that have no phase, whose sums may have
        either sign, and that some row reads.
        """
        rows, open_ = self._rows, self.trail.phase == 0
        lo, hi = rows.sums(self.trail.lo, self.trail.hi)
        high = np.minimum(hi, rows.limit)
        open_ &= (lo < 0) & (hi > 0) & (self.net.weights != 0).any(axis=0)
        if not open_.any():
            return None
        # A unit that the rows hold at 0, up to rounding, needs no decision.
        wide = open_ & (high > NOTHING * rows.hi)
        open_ = wide if wide.any() else open_
        return int(np.argmax(np.where(open_, self._clauses.activity, -1.0)))

    def _offer(self) -> None:
        """Offer a point to the incumbent.

        Each input is at a bound that has not changed since the root, or at the midpoint if both
        bounds have changed.
        """
        trail, box = self.trail, self.net.box
        point = 0.5 * trail.lo + 0.5 * trail.hi
        point = np.where(trail.lo <= box.lo, box.lo, np.where(trail.hi >= box.hi, box.hi, point))
        self._offer_point(point)

    def _offer_point(self, point: np.ndarray) -> None:
        """Offer a point `(d,)` of the free inputs, with its objective value, to the incumbent."""
        net = self.net
        z = net.inner @ point + net.bias
        value = float((net.direct @ point + net.weights @ np.maximum(z, 0.0) + net.height).max())
        whole = self._at.copy()
        whole[self._free] = point
        if self.incumbent.best.size:
            self.incumbent.offer(np.array([value]), whole[None])
        else:
            self.incumbent.start(np.array([value]), whole[None], np.array([value]))

    def _leaf(self) -> None:
        """Refute the current phases by a linear program, or offer its solution.

        It is called when no unit is left to decide. If the program is refuted, learn a clause that
        excludes the decisions. If it is not refuted, and no point meets the target, give up.
        """
        if not self._is_refuted_by_lp():
            self._stuck = not self.incumbent.met
            return
        decisions = self.trail.literals()
        if not decisions:
            self._refuted = True
            return
        clause = [(unit, -phase) for unit, phase in reversed(decisions)]
        self._conflicts += 1
        self._back_to(self.trail.level - 1)
        number = self._clauses.add(clause) if len(clause) > 1 else -1
        self.trail.push(PHASE, *clause[0], Antecedent("clause", number, len(self.trail.events)))

    def _is_refuted_by_lp(self) -> bool:
        """Return whether the multipliers of a linear program prove that no solution remains."""
        net, trail = self.net, self.trail
        pairs = [self._rows.form(row, trail.phase) for row in range(len(net.height))]
        forms = [form for form, _ in pairs]
        ends = [-height for _, height in pairs]
        slacks = list(net.slack)
        for unit in np.flatnonzero(trail.phase):
            side = float(-trail.phase[unit])
            forms.append(side * net.inner[unit])
            ends.append(-side * net.bias[unit])
            slacks.append(net.off[unit])
        rows, most = np.array(forms), np.array(ends)
        solution = least_linear(
            rows[0], trail.lo, trail.hi, rows[1:], np.full(len(rows) - 1, -np.inf), most[1:]
        )
        if solution is None:
            return False
        point, dual = solution
        self._offer_point(np.clip(point, trail.lo, trail.hi))
        weights = np.concatenate([[1.0], np.maximum(-dual, 0.0)])
        for share in (weights, np.concatenate([[0.0], weights[1:]])):
            form, height = share @ rows, -(share @ most)
            least = np.maximum(form, 0.0) @ trail.lo + np.minimum(form, 0.0) @ trail.hi + height
            sizes = share @ (np.abs(rows) @ self._reach + np.abs(most))
            if least > share @ np.array(slacks) + 1e-13 * sizes * (1 + len(rows) / 100):
                return True
        return False

    @property
    def _reach(self) -> np.ndarray:
        """`(d,)` largest absolute values of the inputs."""
        return np.maximum(np.abs(self.trail.lo), np.abs(self.trail.hi))


def _luby(i: int) -> int:
    """Return entry `i` (counted from 1) of the Luby sequence 1 1 2 1 1 2 4 ..."""
    k = 1
    while (1 << k) - 1 < i:
        k += 1
    while (1 << k) - 1 != i:
        i -= (1 << (k - 1)) - 1
        k = 1
        while (1 << k) - 1 < i:
            k += 1
    return 1 << (k - 1)
