"""One step of a differential equation, verified by Picard's operator.

For `x' = f(t, x, u)` with `u` held, the operator maps a function `x` on [0, h] to

    (P x)(tau) = x0 + h int_0^tau f(t0 + h s, x(s), u) ds,        tau in [0, 1].

If it maps the set of all continuous functions within `rest` of a polynomial `p` into itself, then
it has a fixed point there (Schauder), which is a solution; `f` is built of functions that are
locally Lipschitz where it is defined, so it is the only one. The polynomial comes from the
operator itself, power by power, without any proof; the inclusion alone is verified, with every
truncation and rounding in the remainder of the Taylor models.

Reference: K. Makino, M. Berz, *Rigorous integration of flows and ODEs using Taylor models*, SNC
2009.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ...core import gamma
from ..polynomials.frame import MonomialFrame, MonomialFrames
from ..polynomials.models import Models, paid


Field = Callable[[Models, Fraction, Fraction], Models]
"""`field(x, t0, h)`: the right side on models of some frame, over `t0 + h tau`."""

TIME, LEAST_TIME = 6, 2
"""Powers of time that a tube has at most, and at least."""

TRIES = 5
"""Remainders that are tried before a step is given up."""

REFINEMENTS = 1
"""How often the operator is applied again to a remainder that holds: it only shrinks."""

LATE = 2e-4
"""A step is short enough where what its cut powers of time add is this share of the radius."""

CALM = 2.0**-7
"""And it could be twice as long where it is this share of that."""

SPARE = 2.0**-12
"""A power of time can be spared where without it what is cut would be this share of that."""


@dataclass(frozen=True, eq=False)
class PicardStep:
    """One step over a batch.

    Args:
        tube: Over `tau` in [0, 1]; what it says holds where `held`.
        held: `(B,)` where the inclusion is verified.
        late: `(B, n)` an estimate of what a shorter step would take from the remainder.
        later: `(B, n)` the same if there were one power of time less.
    """

    tube: Models
    held: np.ndarray
    late: np.ndarray
    later: np.ndarray

    def lateness(self) -> tuple[np.ndarray, np.ndarray]:
        """`(B,)` where a shorter step would be worth it, and where a longer one would do."""
        room = self._room
        late, calm = self.late > room, self.late <= CALM * room
        return np.any(late, axis=1), np.all(calm, axis=1)

    @property
    def spare(self) -> bool:
        """Whether the last power of time is worth nothing to any box."""
        return bool(self.held.all() and (self.later <= SPARE * self._room).all())

    @property
    def _room(self) -> np.ndarray:
        radius = self.tube.radius
        radius = np.maximum(radius, 1e-3 * radius.max(axis=1, keepdims=True))
        return LATE * radius + 1e-13 * self.tube.norm


def step(
    field: Field, x0: Models, start: Fraction, h: Fraction, time: int, frames: MonomialFrames
) -> PicardStep:
    """Verify one step.

    Args:
        field: The right side.
        x0: At an instant, without remainder: what there was is a symbol.
        start: When the step begins.
        h: How long it takes, exactly.
        time: The highest power of `tau`.
        frames: Of the question.
    """
    guess = x0.plain()
    with np.errstate(all="ignore"):
        for power in range(1, time + 1):
            slope = field(guess.raised(frames.at(power - 1)), start, h)
            guess = _integral(slope, x0, h, frames.at(power))
        zero = np.zeros(x0.coef.shape[:2])
        first = _applied(field, guess, zero, x0, start, h)
        guess, rest = first.plain(), _grown(first.rest, guess)
        held = np.zeros(x0.count, bool)
        for _ in range(TRIES):
            found = _applied(field, guess, rest, x0, start, h)
            fits = (_distance(found, guess) <= rest) & np.isfinite(rest)
            held = np.all(fits, axis=1)
            if held.all():
                break
            rest = np.where(held[:, None], rest, _grown(_distance(found, guess), guess))
        for _ in range(REFINEMENTS):
            # The solution is within `rest` of `guess`, so what the operator makes of that holds it.
            less = np.minimum(rest, _distance(found, guess))
            rest = np.where(held[:, None], less, rest)
            found = _applied(field, guess, rest, x0, start, h)
    return PicardStep(found, held, *_late(found))


def ordered_step(
    field: Field, x0: Models, start: Fraction, h: Fraction, time: int, frames: MonomialFrames
) -> tuple[PicardStep, int]:
    """The same with as many powers of `tau` as it takes, and with how many to begin the next time.

    A shorter step is worth more than a power that is missing only where there are `TIME`.
    """
    found = step(field, x0, start, h, time, frames)
    while time < TIME and (found.lateness()[0] | ~found.held).any():
        time += 1
        found = step(field, x0, start, h, time, frames)
    return found, max(LEAST_TIME, time - found.spare)


def _applied(
    field: Field, guess: Models, rest: np.ndarray, x0: Models, start: Fraction, h: Fraction
) -> Models:
    """Picard's operator on all functions within `rest` of a polynomial."""
    slope = field(replace(guess, rest=rest), start, h)
    return _integral(slope, x0, h, guess.frame)


def _integral(slope: Models, x0: Models, h: Fraction, frame: MonomialFrame) -> Models:
    """`x0 + h int slope`, cut to the powers of `tau` that the frame has."""
    width, near = frame.width, float(h)
    kept = min(slope.frame.times, frame.time)
    factors = near / np.arange(1, kept + 1)
    coef = np.zeros((*x0.coef.shape[:2], frame.size))
    coef[..., :width] = x0.coef
    by_time = slope.coef.reshape(*slope.coef.shape[:2], slope.frame.times, width)
    integral = by_time[:, :, :kept] * factors[:, None]
    coef[..., width : width * (kept + 1)] = integral.reshape(*coef.shape[:2], -1)
    sym = np.zeros((*x0.coef.shape[:2], frame.times, x0.sym.shape[-1]))
    sym[:, :, :1] = x0.sym
    sym[:, :, 1 : kept + 1] = slope.sym[:, :, :kept] * factors[:, None]
    if slope.rest is None:
        return Models(frame, coef, sym, None)
    # h is rounded once, divided once, multiplied once.
    size = slope.norm + slope.sym_norm
    rest = near * (slope.rest * (1.0 + gamma(3)) + gamma(4) * size)
    if slope.frame.times > kept:
        dropped = slope.norms[..., kept * (frame.order + 1) :].sum(axis=-1)
        dropped = dropped + slope.sym_norms[..., kept:].sum(axis=-1)
        rest = rest + near / (kept + 1) * dropped * (1.0 + gamma(4))
    return Models(frame, coef, sym, paid(rest))


def _distance(found: Models, guess: Models) -> np.ndarray:
    """How far any function of `found` may be from the polynomial `guess`."""
    assert found.rest is not None
    away = np.abs(found.coef - guess.coef).sum(axis=-1)
    away = away + np.abs(found.sym - guess.sym).sum(axis=(-2, -1))
    return paid(found.rest + away * (1.0 + gamma(2)))


def _grown(rest: np.ndarray | None, guess: Models) -> np.ndarray:
    """A remainder to try: more than what was found, and never nothing."""
    assert rest is not None
    least = 2.0**-50 * guess.norm
    share = 0.05 * rest.max(axis=1, keepdims=True)
    return 1.25 * rest + 0.1 * share + least


def _late(tube: Models) -> tuple[np.ndarray, np.ndarray]:
    """The last power of `tau` tells how large those are that were cut, and the one before."""
    step_of = tube.frame.order + 1
    by_time = tube.norms.reshape(*tube.norms.shape[:2], -1, step_of).sum(axis=-1)
    by_time = by_time + tube.sym_norms
    with np.errstate(all="ignore"):
        ratios = by_time[..., 1:] / by_time[..., :-1]
    ratios = np.where(np.isfinite(ratios), np.minimum(ratios, 1.0), 1.0)
    late = by_time[..., 1:] * ratios
    # What is left out is at least the last power itself.
    later = late[..., -2] + by_time[..., -1] if late.shape[-1] > 1 else by_time[..., -1] + np.inf
    return late[..., -1], later
