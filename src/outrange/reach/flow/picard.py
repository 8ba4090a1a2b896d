"""One step of a differential equation, verified by Picard's operator.

For `x' = f(t, x, u)` with `u` held, the operator maps a function `x` on [0, h] to

    (P x)(tau) = x0 + h int_0^tau f(t0 + h s, x(s), u) ds,        tau in [0, 1].

If it maps the set of all continuous functions within `rest` of a polynomial `p` into itself, it has
a fixed point there (Schauder), which is a solution. The functions in `f` are locally Lipschitz
where it is defined, so the solution is unique. Where `f` jumps, its models contain the convex hull
of its limits, and the inclusion is strict (`with_rounding` adds to the true value): a solution of
`x' in conv f(x)` that left `p + [-R, R]` would have to be inside it at the moment of leaving.

The polynomial is computed by the operator itself, power by power, without any proof. Only the
inclusion is verified, with every truncation and rounding in the remainder of the Taylor models.

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
from ..polynomials.models import Models, with_rounding


Field = Callable[[Models, Fraction, Fraction], Models]
"""`field(x, t0, h)` evaluates the right-hand side on the models `x`, over the times `t0 + h
tau`."""

TIME, LEAST_TIME = 6, 2
"""Largest and smallest degree in time of a tube's models."""

TRIES = 5
"""Largest number of remainders tried before a step is given up."""

REFINEMENTS = 1
"""Number of further applications of the operator, which tighten a verified remainder."""

LATE = 2e-4
"""A step is short enough if its truncated powers of time are at most about this fraction of the
radius of every state's model."""

JUMPS = 4
"""Largest number of bisections of a period to locate the time of a jump."""

CALM = 2.0**-7
"""A step may be twice as long if its truncated powers are at most this fraction of `LATE`."""

SPARE = 2.0**-12
"""The last power of time is dropped if, without it, the truncated powers are at most this fraction
of `LATE`."""


@dataclass(frozen=True, eq=False)
class PicardStep:
    """Taylor models over one time step for a batch of boxes, and whether they are verified.

    Args:
        tube: Models over `tau` in [0, 1]; valid where `verified`.
        verified: `(B,)`: whether the inclusion is verified for each box.
        late: `(B, n)`: estimated part of the remainder that a shorter step would remove.
        later: `(B, n)`: the same estimate for models with one fewer power of time.
    """

    tube: Models
    verified: np.ndarray
    late: np.ndarray
    later: np.ndarray

    def step_length_advice(
        self, passed: np.ndarray | None = None, level: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return whether a shorter step is advised, and whether a longer one would suffice.

        Both are `(B,)`, one entry for each box. A shorter step is advised if the truncated powers
        of time are too large (see `LATE`), or if the right-hand side jumps and `level` is below
        `JUMPS`. A longer one suffices if these powers are at most `CALM` times the limit.

        Args:
            passed: `(B,)`: whether the right-hand side jumps within the step.
            level: Number of bisections of the period so far.
        """
        room = self._room
        late, calm = self.late > room, self.late <= CALM * room
        worth = np.any(late, axis=1)
        if passed is not None and level < JUMPS:
            worth = worth | passed
        return worth, np.all(calm, axis=1)

    @property
    def spare(self) -> bool:
        """Whether the last power of time may be dropped for every box (see `SPARE`)."""
        return bool(self.verified.all() and (self.later <= SPARE * self._room).all())

    @property
    def _room(self) -> np.ndarray:
        radius = self.tube.radius
        radius = np.maximum(radius, 1e-3 * radius.max(axis=1, keepdims=True))
        return LATE * radius + 1e-13 * self.tube.norm


def step(
    field: Field, x0: Models, start: Fraction, h: Fraction, time: int, frames: MonomialFrames
) -> PicardStep:
    """Enclose solutions over one step by Picard's operator, and report which boxes are verified.

    Args:
        x0: The states at the start, whose remainders have been turned into symbols.
        start: Start of the step.
        h: Exact length of the step.
        time: The highest power of `tau`.
        frames: The cached monomial frames.
    """
    guess = x0.plain()
    with np.errstate(all="ignore"):
        for power in range(1, time + 1):
            slope = field(guess.to_frame(frames.at(power - 1)), start, h)
            guess = _integral(slope, x0, h, frames.at(power))
        zero = np.zeros(x0.coef.shape[:2])
        first = _apply_operator(field, guess, zero, x0, start, h)
        guess, rest = first.plain(), _inflate(first.rest, guess)
        verified = np.zeros(x0.count, bool)
        for _ in range(TRIES):
            tube = _apply_operator(field, guess, rest, x0, start, h)
            fits = (_distance(tube, guess) <= rest) & np.isfinite(rest)
            verified = np.all(fits, axis=1)
            if verified.all():
                break
            rest = np.where(verified[:, None], rest, _inflate(_distance(tube, guess), guess))
        for _ in range(REFINEMENTS):
            # The solution is within `rest` of `guess`, so the image of that set contains it.
            less = np.minimum(rest, _distance(tube, guess))
            rest = np.where(verified[:, None], less, rest)
            tube = _apply_operator(field, guess, rest, x0, start, h)
    return PicardStep(tube, verified, *_truncation_estimates(tube))


def ordered_step(
    field: Field, x0: Models, start: Fraction, h: Fraction, time: int, frames: MonomialFrames
) -> tuple[PicardStep, int]:
    """Enclose the states over one step in models with as many powers of `tau` as needed.

    Powers are added, up to `TIME`, until every box is verified and none would benefit from a
    shorter step. Returns the step, and the highest power of `tau` to try first in the next step.
    """
    picard_step = step(field, x0, start, h, time, frames)
    while time < TIME and (picard_step.step_length_advice()[0] | ~picard_step.verified).any():
        time += 1
        picard_step = step(field, x0, start, h, time, frames)
    return picard_step, max(LEAST_TIME, time - picard_step.spare)


def _apply_operator(
    field: Field, guess: Models, rest: np.ndarray, x0: Models, start: Fraction, h: Fraction
) -> Models:
    """Apply Picard's operator to all functions within `rest` of a polynomial."""
    slope = field(replace(guess, rest=rest), start, h)
    return _integral(slope, x0, h, guess.frame)


def _integral(slope: Models, x0: Models, h: Fraction, frame: MonomialFrame) -> Models:
    """Return `x0 + h int slope`, truncated to the frame's powers of `tau`."""
    width, near = frame.width, float(h)
    powers = min(slope.frame.times, frame.time)
    factors = near / np.arange(1, powers + 1)
    coef = np.zeros((*x0.coef.shape[:2], frame.size))
    coef[..., :width] = x0.coef
    by_time = slope.coef.reshape(*slope.coef.shape[:2], slope.frame.times, width)
    integral = by_time[:, :, :powers] * factors[:, None]
    coef[..., width : width * (powers + 1)] = integral.reshape(*coef.shape[:2], -1)
    sym = np.zeros((*x0.coef.shape[:2], frame.times, x0.sym.shape[-1]))
    sym[:, :, :1] = x0.sym
    sym[:, :, 1 : powers + 1] = slope.sym[:, :, :powers] * factors[:, None]
    if slope.rest is None:
        return Models(frame, coef, sym, None)
    # h is rounded once, divided once, multiplied once.
    size = slope.norm + slope.sym_norm
    rest = near * (slope.rest * (1.0 + gamma(3)) + gamma(4) * size)
    if slope.frame.times > powers:
        dropped = slope.norms[..., powers * (frame.order + 1) :].sum(axis=-1)
        dropped = dropped + slope.sym_norms[..., powers:].sum(axis=-1)
        rest = rest + near / (powers + 1) * dropped * (1.0 + gamma(4))
    return Models(frame, coef, sym, with_rounding(rest))


def _distance(image: Models, guess: Models) -> np.ndarray:
    """Bound the distance from the polynomial `guess` to any function that `image` contains."""
    assert image.rest is not None
    away = np.abs(image.coef - guess.coef).sum(axis=-1)
    away = away + np.abs(image.sym - guess.sym).sum(axis=(-2, -1))
    return with_rounding(image.rest + away * (1.0 + gamma(2)))


def _inflate(rest: np.ndarray | None, guess: Models) -> np.ndarray:
    """Return a remainder to try: 1.25 times `rest`, plus a small margin.

    The margin grows with the largest remainder and with the coefficients of `guess`.
    """
    assert rest is not None
    least = 2.0**-50 * guess.norm
    share = 0.05 * rest.max(axis=1, keepdims=True)
    return 1.25 * rest + 0.1 * share + least


def _truncation_estimates(tube: Models) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the truncation error after the last power of `tau`, and after the previous power."""
    step_of = tube.frame.order + 1
    by_time = tube.norms.reshape(*tube.norms.shape[:2], -1, step_of).sum(axis=-1)
    by_time = by_time + tube.sym_norms
    with np.errstate(all="ignore"):
        ratios = by_time[..., 1:] / by_time[..., :-1]
    ratios = np.where(np.isfinite(ratios), np.minimum(ratios, 1.0), 1.0)
    late = by_time[..., 1:] * ratios
    # Without the last power, at least that power itself is truncated.
    later = late[..., -2] + by_time[..., -1] if late.shape[-1] > 1 else by_time[..., -1] + np.inf
    return late[..., -1], later
