"""Conversion of a claim about a loop into decisions about every segment of its pipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...core import And, Atom, Formula, down, gamma, up
from ...core.formula import FALSE, TRUE, atoms
from ..flow import AllOf, AnyOf, Decide, PipeDecision, Segment, Window
from ..flow.linear_claims import decide_limits, middle_of, nothing_open
from .claims import TimedClaim


EARLY = 0.1
"""With `early`, the chosen time is the first whose robustness is at least this fraction of the best
robustness, if that is positive."""

NEAR_INSTANT = 0.7
"""An instant at which a period begins or ends is preferred if its robustness is at least this
fraction of the best robustness."""


@dataclass(frozen=True, eq=False)
class AtomThroughout:
    """The decision on whether an inequality in states and controls is true throughout a segment.

    Args:
        atom: The inequality, over `[states, controls]`.
        states: Number of states, which come first among the variables of the inequality.
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
            # One product and one sum, each rounded once.
            pad = gamma(2) * (np.abs(push).max(axis=0) + np.abs(most[:, 0]) + np.abs(least[:, 0]))
            most = up(most + push.max(axis=0)[:, None] + 2 * pad[:, None])
            least = down(least + push.min(axis=0)[:, None] - 2 * pad[:, None])
        return decide_limits(least, most, *ends, segment.forms(row))


@dataclass(frozen=True, eq=False)
class ConstantDecision:
    """The decision about a condition whose truth does not depend on the states."""

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
    """A function that decides a condition on the part of a segment within a time window.

    Args:
        window: The times at which `part` must hold; segments are cut to this window.
    """

    part: Decide
    window: Window

    def __call__(self, segment: Segment) -> PipeDecision:
        if not self.window.counts(segment):
            return nothing_open(segment)
        return self.part(segment.restrict(self.window.start, self.window.end))


def build_decision(
    claim: TimedClaim,
    times: Sequence[Fraction],
    flat: np.ndarray,
    dt: Fraction,
    states: int,
    early: bool = False,
) -> Decide:
    """Build a decision function whose positive result proves a claim.

    Where a claim allows several times or alternatives, simulations suggest one of them, and the
    decision is about this one. So a positive decision proves the claim, but a negative decision
    does not refute it.

    Args:
        claim: The claim to imply.
        times: Times of the simulations, up to the final time of the loop.
        flat: States and controls of the simulations, `(batch, times, states + controls)`. At least
            one simulation is needed if `claim.chooses`.
        early: See `choose_conditions`.
    """
    parts = []
    for formula, start, stop in choose_conditions(claim, times, flat, dt, early):
        on_controls = reads_controls(formula, states)
        window = Window(start, stop, None, times[-1]) if on_controls else Window(start, stop, dt)
        part = throughout(formula, states)
        # `AnyOf` also serves a single part: if it fails on a whole segment, it may hold on parts
        # of its time, where bounds are tighter.
        part = part if isinstance(part, AnyOf) else AnyOf([part])
        parts.append(DuringWindow(part, window))
    return parts[0] if len(parts) == 1 else AllOf(parts)


def reads_controls(formula: Formula, states: int) -> bool:
    """Return whether a condition depends on controls, which are constant between two instants."""
    return any(i >= states for atom in atoms(formula) for i, _ in atom.terms)


def throughout(formula: Formula, states: int) -> Decide:
    """Build a function that decides whether a condition holds throughout a segment."""
    if formula in (TRUE, FALSE):
        return ConstantDecision(formula == TRUE)
    if isinstance(formula, Atom):
        return AtomThroughout(formula, states)
    parts = [throughout(part, states) for part in formula.parts]
    return AllOf(parts) if isinstance(formula, And) else AnyOf(parts)


def choose_conditions(
    claim: TimedClaim,
    times: Sequence[Fraction],
    flat: np.ndarray,
    dt: Fraction,
    early: bool = False,
) -> list[tuple[Formula, Fraction, Fraction]]:
    """Choose conditions that together imply a claim, each with its start and end.

    Args:
        claim: The claim to imply.
        times: Times of the simulations.
        flat: States and controls of the simulations, `(batch, times, states + controls)`.
        early: Whether to take the first time with clear robustness, if there is one (see `EARLY`).
            Otherwise, the time with the best robustness is taken, or an instant at which a period
            begins or ends and whose robustness is almost as good (see `NEAR_INSTANT`).
    """
    if claim.op == "all":
        return [
            condition
            for part in claim.parts
            for condition in choose_conditions(part, times, flat, dt, early)
        ]
    if claim.op == "any":
        robustness = [part.robustness(times, flat).min() for part in claim.parts]
        return choose_conditions(claim.parts[int(np.argmax(robustness))], times, flat, dt, early)
    assert claim.formula is not None
    if claim.op == "always":
        return [(claim.formula, claim.start, claim.stop)]
    robustness, index = claim.robustness_by_time(times, flat).min(axis=0), claim.index(times)
    best = int(np.argmax(robustness))
    if early and robustness[best] > 0:
        time = times[index[int(np.argmax(robustness >= EARLY * robustness[best]))]]
        return [(claim.formula, time, time)]
    # The bounds of the states are tighter at an instant than between two instants.
    sharp = [k for k in range(len(index)) if (times[index[k]] / dt).denominator == 1]
    first = max(sharp, key=lambda k: robustness[k], default=best)
    if (
        robustness[first] >= NEAR_INSTANT * robustness[best]
        or robustness[best] <= 0 < robustness[first]
    ):
        best = first
    time = times[index[best]]
    return [(claim.formula, time, time)]
