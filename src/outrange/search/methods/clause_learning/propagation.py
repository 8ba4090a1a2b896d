"""Bound propagation through the rows of a conjunction, with explanations.

A unit of known phase is linear. A unit of unknown phase is replaced by its bounding line over the
*root* box, so that the reason for a step contains only the phases that the step needs.

References: E. Davis, *Constraint propagation with interval labels*, Artificial Intelligence
32 (1987); O. Ohrimenko, P. Stuckey, M. Codish, *Propagation via lazy clause generation*,
Constraints 14 (2009).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ....core import up
from .one_layer import OneLayer
from .trail import ACTIVE, HIGH, INACTIVE, LOW, PHASE, Antecedent, Trail


GAIN = 1e-3
"""Fraction of an input's root interval that a step must cut off; smaller steps are skipped."""

FEW = 4
"""Units with slope 0 are left out of a matrix product if fewer than one in this many units has a
nonzero slope."""

ROOT_ROUNDS = 16
"""Maximum number of rounds that lower the limits of units before the search."""

DIVISION = 1e-15
"""Relative error of the few operations that turn the slack of a row into a bound."""


class _Step(NamedTuple):
    """A bound `value` that a row implies for input `at`, or a conflict if `at` is -1."""

    row: int
    at: int
    kind: int
    value: float


class Propagation:
    """Propagation of input bounds and unit phases through the rows of a conjunction."""

    def __init__(self, net: OneLayer) -> None:
        self.net = net
        self.trail = Trail(net.box.lo, net.box.hi, net.bias.size)
        self.least = (net.box.hi - net.box.lo) * GAIN
        self._up, self._down = np.maximum(net.inner, 0.0), np.minimum(net.inner, 0.0)
        self._steepest = np.abs(net.inner).max(axis=1, initial=0.0)
        lo, hi = self.sums(net.box.lo, net.box.hi)
        self.lo, self.hi = lo - net.off, hi + net.off
        self.slope, self.height = self._root_lines()
        self.limit = np.full(net.bias.size, np.inf)
        """`(U,)` upper limits of the units' sums wherever the conjunction holds; infinite if
        unknown."""

    def sums(self, lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the least and largest sums of the units over a box in float64, `(U,)` each."""
        pair = self._up @ np.stack([lo, hi], axis=1) + self._down @ np.stack([hi, lo], axis=1)
        return pair[:, 0] + self.net.bias, pair[:, 1] + self.net.bias

    def _root_lines(self) -> tuple[np.ndarray, np.ndarray]:
        """Return arrays `(slope, height)`, each `(K, U)`, of the units' bounding lines in each row.

        They satisfy `weight * max(z, 0) >= weight * (slope z + height)` over the root box.
        """
        lo, hi = np.minimum(self.lo, 0.0), np.maximum(self.hi, 0.0)
        chord = hi / np.where(hi > lo, hi - lo, 1.0)
        # The line is above the kink at both bounds, regardless of the division's rounding.
        lift = up(np.maximum(-chord * lo, hi - chord * hi), 2)
        below = (hi > -lo).astype(np.float64)
        over = self.net.weights < 0
        return np.where(over, chord, below), np.where(over, np.maximum(lift, 0.0), 0.0)

    def form(self, row: int, phase: np.ndarray) -> tuple[np.ndarray, float]:
        """Return `form` and `height` such that `form . x + height` is at most the value of a row.

        The bound holds where the units have the given phases; 0 denotes an unknown phase.
        """
        net = self.net
        slope = np.where(phase == 0, self.slope[row], phase == ACTIVE) * net.weights[row]
        lift = np.where(phase == 0, self.height[row], 0.0) @ net.weights[row]
        height = slope @ net.bias + lift + net.height[row]
        units = np.flatnonzero(slope)
        if FEW * units.size < slope.size:
            return slope[units] @ net.inner[units] + net.direct[row], height
        return slope @ net.inner + net.direct[row], height

    def limit_units(self) -> None:
        """Lower the upper limits of units to the largest values that the rows allow at the root."""
        net, trail = self.net, self.trail
        for row in range(len(net.height)):
            form, height = self.form(row, trail.phase)
            left = net.slack[row] - _least(form, height, trail.lo, trail.hi)
            # The form must not contain the unit whose limit it gives: only slope 0 qualifies.
            eligible = (net.weights[row] > 0) & (self.slope[row] == 0) & (trail.phase == 0)
            room = max(left, 0.0) / np.where(eligible, net.weights[row], 1.0) * (1 + DIVISION)
            # A limit above the unit's range adds nothing, and would round too coarsely.
            self.limit = np.where(
                eligible & (room < self.hi), np.minimum(self.limit, room), self.limit
            )

    def run(self) -> Antecedent | None:
        """Propagate until nothing changes; return the reason for a conflict, or None."""
        while True:
            before = len(self.trail.events)
            conflict = self._units(before) or self._rows()
            if conflict is not None:
                return conflict
            if len(self.trail.events) == before:
                return None

    def _units(self, now: int) -> Antecedent | None:
        """Derive phases from sums, and bounds of inputs from phases and limits.

        Return the reason for a conflict, or None.
        """
        net, trail = self.net, self.trail
        lo, hi = self.sums(trail.lo, trail.hi)
        phase = trail.phase.copy()
        top = np.where(phase == INACTIVE, 0.0, self.limit) + net.off
        bottom = np.where(phase == ACTIVE, 0.0, -np.inf) - net.off
        for unit in np.flatnonzero((lo > top) | (hi < bottom)):
            return Antecedent("unit", int(unit), now)
        for unit in np.flatnonzero((phase == 0) & (lo > net.off)):
            trail.push(PHASE, int(unit), ACTIVE, Antecedent("unit", int(unit), now))
        for unit in np.flatnonzero((phase == 0) & (hi < -net.off)):
            trail.push(PHASE, int(unit), INACTIVE, Antecedent("unit", int(unit), now))
        for unit in self._near(top - lo):
            self._tighten(
                net.inner[unit], float(top[unit] - lo[unit]), Antecedent("unit", int(unit), now)
            )
        for unit in self._near(hi - bottom):
            self._tighten(
                -net.inner[unit], float(hi[unit] - bottom[unit]), Antecedent("unit", int(unit), now)
            )
        return None

    def _near(self, left: np.ndarray) -> np.ndarray:
        """Return the units whose sums may tighten the bound of an input.

        Args:
            left: `(U,)` distance of each sum's least or largest value from the sum's limit. A
                unit is returned if its distance is below `|weight| * width` for some input.
        """
        width = np.maximum(self.trail.hi - self.trail.lo - self.least, 0.0)
        near = np.flatnonzero(left < self._steepest * float(width.max(initial=0.0)))
        reach = (np.abs(self.net.inner[near]) * width).max(axis=1, initial=0.0)
        return near[left[near] < reach]

    def _rows(self) -> Antecedent | None:
        """Derive bounds of inputs from the rows; return the reason for a conflict, or None."""
        net, trail = self.net, self.trail
        for row in range(len(net.height)):
            reason = Antecedent("row", row, len(trail.events))
            form, height = self.form(row, trail.phase)
            # The slack is counted twice: an explanation without some phases may round differently.
            left = 2 * net.slack[row] - _least(form, height, trail.lo, trail.hi)
            if left < 0:
                return reason
            self._tighten(form, left, reason)
        return None

    def _tighten(self, form: np.ndarray, left: float, reason: Antecedent) -> None:
        """Tighten bounds of inputs, given that `form . x` exceeds its minimum by at most `left`."""
        trail = self.trail
        width = trail.hi - trail.lo
        size = np.abs(form)
        for at in np.flatnonzero(size * (width - self.least) > left):
            end = _end(form[at], left, trail.lo[at], trail.hi[at])
            if form[at] > 0:
                if end < trail.hi[at] - self.least[at]:
                    trail.push(HIGH, int(at), max(end, trail.lo[at]), reason)
            else:
                if end > trail.lo[at] + self.least[at]:
                    trail.push(LOW, int(at), min(end, trail.hi[at]), reason)

    def explain(self, index: int) -> list[int]:
        """Return the indices of the events that imply event `index`, derived from a unit or row."""
        event = self.trail.events[index]
        reason = event.reason
        if reason.kind == "unit":
            if event.kind == PHASE:
                return self._sum_events(reason, lower=event.value == ACTIVE, spare=None)
            rises = self.net.inner[reason.index, event.at] > 0
            return self._sum_events(reason, lower=rises == (event.kind == HIGH), spare=event.at)
        return self._row_events(reason, event.at, event.kind, event.value)

    def explain_conflict(self, reason: Antecedent) -> list[int]:
        """Return the indices of the events that imply a conflict in a unit or a row."""
        if reason.kind == "unit":
            lo, _ = self.sums(self.trail.lo, self.trail.hi)
            unit, off = reason.index, self.net.off[reason.index]
            phase = self.trail.phase[unit]
            top = (0.0 if phase == INACTIVE else self.limit[unit]) + off
            return self._sum_events(reason, lower=lo[unit] > top, spare=-1)
        return self._row_events(reason, -1, LOW, 0.0)

    def _sum_events(self, reason: Antecedent, lower: bool, spare: int | None) -> list[int]:
        """Return the indices of the events that imply a bound on a unit's pre-activation sum.

        Args:
            reason: Reason with the unit's row.
            lower: Whether the bound is the least sum, not the largest.
            spare: Index of the input that was bounded, -1 for a conflict, or None for the unit's
                own phase.
        """
        trail, row = self.trail, self.net.inner[reason.index]
        events = []
        if spare is not None and (event := trail.latest(PHASE, reason.index, reason.before)) >= 0:
            events.append(event)
        for at in np.flatnonzero(row):
            side = LOW if (row[at] > 0) == lower else HIGH
            if at != spare and (event := trail.latest(side, int(at), reason.before)) >= 0:
                events.append(event)
        return events

    def _row_events(self, reason: Antecedent, at: int, kind: int, value: float) -> list[int]:
        """Return the indices of events that imply a row's bound of input `at`, or a conflict.

        The phases of the units that read the input are tried first, then all phases. The result
        also contains the events of the input bounds that are needed with these phases.

        Args:
            reason: Reason with the row.
            at: Index of the input, or -1 for a conflict.
            kind: `LOW` or `HIGH`.
            value: The bound.
        """
        net, box = self.net, self.net.box
        read = net.weights[reason.index] != 0
        step = _Step(reason.index, at, kind, value)
        used = self._phases(read & (net.inner[:, at] != 0), reason.before) if at >= 0 else {}
        if used and self._follows(step, used, box.lo, box.hi):
            return list(used.values())
        now = self._box_at(reason.before)
        if not (used and self._follows(step, used, *now)):
            used = self._fewer(step, self._phases(read, reason.before), now)
        form, _ = self._form_of(reason.index, used)
        events = list(used.values())
        for other in np.flatnonzero(form):
            side = LOW if form[other] > 0 else HIGH
            event = self.trail.latest(side, int(other), reason.before)
            if other != at and event >= 0:
                events.append(event)
        return events

    def _phases(self, units: np.ndarray, before: int) -> dict[int, int]:
        """Return a map from units to the events before event `before` that set their phases.

        Args:
            units: Mask of the units; units without a phase at that time are omitted.
            before: Index of an event.
        """
        has_phase = units & (self.trail.phase != 0)
        pairs = (
            (int(u), self.trail.latest(PHASE, int(u), before)) for u in np.flatnonzero(has_phase)
        )
        return {unit: event for unit, event in pairs if event >= 0}

    def _fewer(
        self, step: _Step, phases: dict[int, int], box: tuple[np.ndarray, np.ndarray]
    ) -> dict[int, int]:
        """Drop the phases that a step does not need, latest first; return the remaining phases.

        A phase is dropped if the step still follows from the remaining phases and the box.
        """
        used = dict(phases)
        for unit in sorted(phases, key=phases.__getitem__, reverse=True):
            event = used.pop(unit)
            if not self._follows(step, used, *box):
                used[unit] = event
        return used

    def _box_at(self, before: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the bounds of the inputs before event `before`."""
        lo, hi = self.trail.lo.copy(), self.trail.hi.copy()
        for event in reversed(self.trail.events[before:]):
            if event.kind != PHASE:
                (lo, hi)[event.kind][event.at] = event.old
        return lo, hi

    def _form_of(self, row: int, used: dict[int, int]) -> tuple[np.ndarray, float]:
        """Return `form` and `height` of a row if only the phases `used` are known."""
        phase = np.zeros(self.net.bias.size, np.int8)
        for unit, event in used.items():
            phase[unit] = int(self.trail.events[event].value)
        return self.form(row, phase)

    def _follows(self, step: _Step, used: dict[int, int], lo: np.ndarray, hi: np.ndarray) -> bool:
        """Return whether the phases `used` and the box `[lo, hi]` imply a step."""
        form, height = self._form_of(step.row, used)
        left = self.net.slack[step.row] - _least(form, height, lo, hi)
        if left < 0:
            return True
        at = step.at
        if at < 0 or form[at] == 0 or (form[at] > 0) != (step.kind == HIGH):
            return False
        end = _end(form[at], left, lo[at], hi[at])
        return end <= step.value if step.kind == HIGH else end >= step.value


def _end(slope: float, left: float, lo: float, hi: float) -> float:
    """Return the bound of an input whose term may exceed its least value by at most `left`.

    This is an upper bound for a positive slope, and a lower bound for a negative slope.
    """
    room = left / abs(slope) * (1 + DIVISION)
    return float(up(lo + room)) if slope > 0 else float(-up(room - hi))


def _least(form: np.ndarray, height: float, lo: np.ndarray, hi: np.ndarray) -> float:
    """Return the minimum of `form . x + height` over a box, as computed in float64."""
    return float(np.maximum(form, 0.0) @ lo + np.minimum(form, 0.0) @ hi + height)
