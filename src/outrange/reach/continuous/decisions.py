"""From a claim about a loop to questions about every segment of its pipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...core import And, Atom, Formula, down, gamma, up
from ...core.formula import FALSE, TRUE, atoms
from ..flow import AllOf, AnyOf, Decide, PipeDecision, Segment, Window
from ..flow.rows import decided, middle_of, nothing_open
from .claims import TimedClaim


EARLY = 0.1
"""Where the first time will do, one is clear that is worth this share of the best."""

NEAR_INSTANT = 0.7
"""An instant between two periods is taken where it is worth this share of the best time."""


@dataclass(frozen=True, eq=False)
class AtomHeld:
    """An inequality about states and controls holds throughout every segment; a `Decide`.

    Args:
        atom: Over `[states, controls]`.
        states: How many are states that a condition names.
    """

    atom: Atom
    states: int

    def __call__(self, segment: Segment) -> PipeDecision:
        row = np.zeros((1, segment.lo.shape[1]))
        for i, c in self.atom.terms:
            if i < self.states:
                row[0, i] = c
        limit = -self.atom.offset
        limit = np.nextafter(limit, -np.inf) if self.atom.strict else limit
        ends = np.array([-np.inf]), np.array([limit])
        least, most = segment.within(row, *ends)
        pushed = [(i - self.states, c) for i, c in self.atom.terms if i >= self.states]
        if pushed and segment.controls is None:
            return nothing_open(segment)
        for i, c in pushed:
            assert segment.controls is not None
            push = np.stack([c * segment.controls[0][:, i], c * segment.controls[1][:, i]])
            # A product and a sum are rounded once each.
            pad = gamma(2) * (np.abs(push).max(axis=0) + np.abs(most[:, 0]) + np.abs(least[:, 0]))
            most = up(most + push.max(axis=0)[:, None] + 2 * pad[:, None])
            least = down(least + push.min(axis=0)[:, None] - 2 * pad[:, None])
        return decided(least, most, *ends, segment.forms(row))


@dataclass(frozen=True, eq=False)
class Settled:
    """What holds, or does not, whatever the states are; a `Decide`."""

    holds: bool

    def __call__(self, segment: Segment) -> PipeDecision:
        count = segment.boxes.size
        size = np.full(count, 0.0 if self.holds else np.inf)
        slack = np.full(count, np.inf if self.holds else -np.inf)
        forms = None
        if not self.holds:
            forms = middle_of(segment.forms(np.zeros((1, segment.lo.shape[1]))))
        return PipeDecision(np.full(count, not self.holds), forms, size, slack)


@dataclass(frozen=True, eq=False)
class DuringWindow:
    """A condition at all times of a window; a `Decide`.

    Args:
        part: The condition.
        window: When it counts; segments are cut to it.
    """

    part: Decide
    window: Window

    def __call__(self, segment: Segment) -> PipeDecision:
        if not self.window.counts(segment):
            return nothing_open(segment)
        return self.part(segment.between(self.window.start, self.window.end))


def deciding(
    claim: TimedClaim,
    times: Sequence[Fraction],
    flat: np.ndarray,
    dt: Fraction,
    states: int,
    early: bool = False,
) -> Decide:
    """A question that, once answered, implies a claim.

    What shall hold at some time, or in one of several ways, is asked of the time and the way that
    simulations show: a claim is implied by that, and not the other way round.

    Args:
        claim: What shall hold.
        times: Of the simulations, to the end of the loop.
        flat: `(batch, times, states + controls)`, at least one.
        dt: The period.
        states: How many there are.
        early: See `chosen`.
    """
    parts = []
    for formula, start, stop in chosen(claim, times, flat, dt, early):
        held = is_held(formula, states)
        window = Window(start, stop, None, times[-1]) if held else Window(start, stop, dt)
        part = held_by(formula, states)
        # Of several parts any may hold, and of one: where it does not throughout a segment, it
        # may in parts of its time, which are known better.
        part = part if isinstance(part, AnyOf) else AnyOf([part])
        parts.append(DuringWindow(part, window))
    return parts[0] if len(parts) == 1 else AllOf(parts)


def is_held(formula: Formula, states: int) -> bool:
    """Whether a condition is about controls, which are held from each instant on."""
    return any(i >= states for atom in atoms(formula) for i, _ in atom.terms)


def held_by(formula: Formula, states: int) -> Decide:
    """A condition throughout a segment."""
    if formula in (TRUE, FALSE):
        return Settled(formula == TRUE)
    if isinstance(formula, Atom):
        return AtomHeld(formula, states)
    parts = [held_by(part, states) for part in formula.parts]
    return AllOf(parts) if isinstance(formula, And) else AnyOf(parts)


def chosen(
    claim: TimedClaim,
    times: Sequence[Fraction],
    flat: np.ndarray,
    dt: Fraction,
    early: bool = False,
) -> list[tuple[Formula, Fraction, Fraction]]:
    """Conditions, and from when to when, that together imply a claim; see `deciding`.

    Args:
        claim: What shall hold.
        times: Of the simulations.
        flat: `(batch, times, states + controls)`.
        dt: The period.
        early: Whether the first time that is clear is taken, in the place of the best.
    """
    if claim.op == "all":
        return [one for part in claim.parts for one in chosen(part, times, flat, dt, early)]
    if claim.op == "any":
        worth = [part.worth(times, flat).min() for part in claim.parts]
        return chosen(claim.parts[int(np.argmax(worth))], times, flat, dt, early)
    assert claim.formula is not None
    if claim.op == "always":
        return [(claim.formula, claim.start, claim.stop)]
    worth, index = claim.each(times, flat).min(axis=0), claim.index(times)
    best = int(np.argmax(worth))
    if early and worth[best] > 0:
        time = times[index[int(np.argmax(worth >= EARLY * worth[best]))]]
        return [(claim.formula, time, time)]
    # The states at an instant are known better than between two.
    sharp = [k for k in range(len(index)) if (times[index[k]] / dt).denominator == 1]
    first = max(sharp, key=lambda k: worth[k], default=best)
    if worth[first] >= NEAR_INSTANT * worth[best] or worth[best] <= 0 < worth[first]:
        best = first
    time = times[index[best]]
    return [(claim.formula, time, time)]
