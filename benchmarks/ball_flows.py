"""Trajectories in continuous time, in ball arithmetic, by Taylor series and slopes of the flow.

A step advances a point by its Taylor series. The remainder is the next coefficient over a ball
around the whole step, which Picard's inclusion verifies. The errors around the point are advanced
by slopes over that ball: the iterated integrals of the variational equation are averages of
products of these slopes.

Reference: R. J. Lohner, *Computation of guaranteed enclosures for the solutions of ordinary initial
and boundary value problems*, 1992.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ball_loops import ROUGH_BITS, BallLoop, BallState, Digits, exact, plant_slopes
from ball_numbers import Powers
from flint import arb, arb_mat, arb_series, ctx

from outrange.core import check_deadline


SHORTEST = 256
"""A trajectory ends if a step would be shorter than a period divided by this."""

ITERATED = 10
"""Number of iterated integrals of the variational equation; the rest is bounded by a geometric
series."""


@dataclass(frozen=True, eq=False)
class BallPiece:
    """A piece of a trajectory between two times.

    Args:
        start: Exact start.
        h: Exact duration.
        series: Taylor coefficients of each state; the last one is a ball that is valid for the
            whole piece.
        error: Ball around 0 with the error of each state at all times of the piece.
    """

    start: Fraction
    h: Fraction
    series: list[list[arb]]
    error: list[arb]

    def at(self, time: Fraction) -> list[arb]:
        """Return balls that contain the states at a time, without the errors."""
        tau, found = exact(time - self.start), []
        for row in self.series:
            total = row[-1]
            for c in reversed(row[:-1]):
                total = total * tau + c
            found.append(total)
        return found

    @property
    def last(self) -> BallState:
        """Return the state at the end."""
        return BallState.of(self.at(self.start + self.h), self.error)

    def holds(self, time: Fraction) -> list[arb]:
        """Return balls that contain the states at a time, including the errors."""
        return [b + e for b, e in zip(self.at(time), self.error, strict=True)]


def pieces(
    loop: BallLoop,
    at: BallState,
    u: BallState,
    ends: tuple[Fraction, Fraction],
    w: Sequence,
    digits: Digits,
) -> Iterator[BallPiece]:
    """Yield the pieces of a trajectory over a period, in as many steps as necessary.

    Raises:
        ArithmeticError: The trajectory cannot be followed.
        OutOfTime: The period takes too long.
    """
    check_deadline()
    start, end = ends
    size, order = max(float(m.abs_upper()) for m in at.middle) + 1e-3, digits.order
    if end - start < (loop.dt or Fraction(1)) / SHORTEST:
        raise ArithmeticError("steps are too short")
    h = end - start
    hull = _hull(loop, at, u, ends, w)
    rest = None
    with suppress(ZeroDivisionError):  # over so wide a ball; a shorter step has a narrower one
        if hull is not None:
            rest = _coefficients(loop, hull, u.balls, _clock(ends), w, order + 1)
    far = float("inf")
    if rest is not None:
        far = max(float((row[-1] * exact(h) ** (order + 1)).rad()) for row in rest)
    if hull is None or rest is None or not far <= 2.0**digits.rest * size:
        half = start + h / 2
        for piece in pieces(loop, at, u, (start, half), w, digits):
            yield piece
        at = piece.last
        yield from pieces(loop, at, u, (half, end), w, digits)
        return
    near = _coefficients(loop, at.middle, u.middle, exact(start), w, order)
    series = [[*row, last[-1]] for row, last in zip(near, rest, strict=True)]
    yield BallPiece(start, h, series, _grown(loop, at, u, (hull, ends), w))


def _clock(ends: tuple[Fraction, Fraction]) -> arb:
    return exact(ends[0]).union(exact(ends[1]))


def _hull(
    loop: BallLoop, at: BallState, u: BallState, ends: tuple[Fraction, Fraction], w: Sequence
) -> list[arb] | None:
    """Return balls that contain the solutions from the whole box; None if the step is too long."""
    with ctx.workprec(ROUGH_BITS):
        x, clock, span = at.balls, _clock(ends), arb(0).union(exact(ends[1] - ends[0]))
        push = u.balls

        def image(tried: list[arb]) -> list[arb]:
            rate = loop.rate(tried, push, clock, w)
            return [c + span * s for c, s in zip(x, rate, strict=True)]

        def wider(c: arb) -> arb:
            return c + arb(0, 0.1 * float(c.rad()) + 1e-18)

        tried = [wider(c) for c in image(x)]
        for _ in range(12):
            found = image(tried)
            if all(a.contains(b) for a, b in zip(tried, found, strict=True)):
                return found
            # Balls that contain their images stay unchanged; otherwise those that depend on them
            # never would.
            tried = [
                a if a.contains(b) else wider(a.union(b)) for a, b in zip(tried, found, strict=True)
            ]
            if not all(a.is_finite() for a in tried):
                return None
    return None


def _coefficients(
    loop: BallLoop, x: Sequence[arb], u: Sequence[arb], t: arb, w: Sequence, order: int
) -> list[list[arb]]:
    """Return the Taylor coefficients of the solutions that start in balls, up to `order`."""
    found = [[c] for c in x]
    for j in range(order):
        states = [Powers(arb_series(c, j + 1)) for c in found]
        clock = Powers(arb_series([t, 1], j + 1))
        for row, rate in zip(found, loop.rate(states, u, clock, w), strict=True):
            constant = arb(0) if j else rate
            row.append((rate.series[j] if isinstance(rate, Powers) else arb(constant)) / (j + 1))
    return found


def _grown(
    loop: BallLoop, at: BallState, u: BallState, over: tuple[list[arb], Any], w: Sequence
) -> list[arb]:
    """Return the propagated errors of state and control, valid at all times of a step.

    Raises:
        ArithmeticError: The step is too long for a bound.
    """
    hull, ends = over
    with ctx.workprec(ROUGH_BITS):
        h, n = exact(ends[1] - ends[0]), len(hull)
        rows = plant_slopes(loop, hull, u.balls, _clock(ends), w)
        none = [[arb(0)] * len(rows[0]) for _ in u.middle]
        matrix = arb_mat([*rows, *none])
        norm = max((sum((s.abs_upper() for s in row), arb(0)) for row in rows), key=float)
        share = h * norm / (ITERATED + 1)
        if not share < 0.5:
            raise ArithmeticError("slopes are too large for a step")
        term = arb_mat([[e] for e in [*at.error, *u.error]])
        total = term
        for q in range(1, ITERATED + 1):
            term = matrix * term * (h / q)
            total = total + term
        left = max((b.abs_upper() for b in term.entries()), key=float) * share / (1 - share)
        return [arb(0, (b + arb(0, left)).abs_upper()) for b in total.entries()[:n]]
