"""Ranges of Taylor models over their variables, at an instant or between instants."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import comb

import numpy as np

from ...core import Bounds, down, gamma, up
from .frame import MonomialFrame
from .models import Models, with_rounding


def ends(frame: MonomialFrame, coef: np.ndarray, sym: np.ndarray, rest: np.ndarray) -> Bounds:
    """Return lower and upper bounds on the values of models at an instant.

    The first and second power of each variable are bounded together: `a x^2 + b x` on [-1, 1] has
    its extremes at the endpoints and at `-b / 2a`. Every other monomial is bounded separately.

    Args:
        frame: The monomials in `eps`.
        coef: Coefficients of the monomials, `(..., M)`.
        sym: Coefficients of the symbols, `(..., S)`.
        rest: Remainders of the models, `(...)`.

    Returns:
        Two arrays `(...)`.
    """
    linear = np.abs(coef[..., frame.linear])
    most = np.zeros((*coef.shape[:-1], 2))
    if frame.squares.size:
        bend = coef[..., frame.squares]
        for side, sign in enumerate((-1.0, 1.0)):
            a = sign * bend
            with np.errstate(all="ignore"):
                top = np.where(2.0 * a <= -linear, linear * linear / (-4.0 * a), linear + a)
            most[..., side] = np.where(bend == 0.0, linear, top).sum(axis=-1)
    else:
        most += linear.sum(axis=-1, keepdims=True)
    others = coef[..., frame.others]
    even = frame.even[frame.others]
    odd = np.abs(others[..., ~even]).sum(axis=-1) + np.abs(sym).sum(axis=-1) + rest
    high = np.maximum(others[..., even], 0.0).sum(axis=-1)
    low = np.maximum(-others[..., even], 0.0).sum(axis=-1)
    size = np.abs(coef).sum(axis=-1) + odd
    pad = with_rounding(gamma(coef.shape[-1] + sym.shape[-1] + 16) * size)
    middle = coef[..., 0]
    least = down(middle - (most[..., 0] + odd + low) - pad)
    largest = up(middle + (most[..., 1] + odd + high) + pad)
    return (
        np.where(np.isnan(least), -np.inf, least),
        np.where(np.isnan(largest), np.inf, largest),
    )


@cache
def _weights(time: int, start: Fraction, end: Fraction) -> tuple[tuple[float, ...], ...]:
    """Return `W[b][t]`, the weight of `tau^t` in control point `b` of the piece `[start, end]`.

    The weight is the blossom of the power: take `time` numbers, `b` of which are `end` and the rest
    `start`, and average the products of all choices of `t` of these numbers.
    """
    rows = []
    for b in range(time + 1):
        row = []
        for t in range(time + 1):
            total = Fraction(0)
            for j in range(max(0, t - (time - b)), min(b, t) + 1):
                total += comb(b, j) * comb(time - b, t - j) * end**j * start ** (t - j)
            row.append(float(total / comb(time, t)))
        rows.append(tuple(row))
    return tuple(rows)


@dataclass(frozen=True, eq=False)
class Hull:
    """The control points of a tube: models whose convex combinations are its values over time.

    Bernstein polynomials are non-negative and add up to 1, so the range of a tube lies in the hull
    of the ranges of its control points. Their dependence on `eps` and on the symbols is preserved.

    Args:
        frame: The monomials in `eps`.
        coef: Coefficients of the control points, `(B, C, n, M)`.
        sym: Coefficients of the symbols, `(B, C, n, S)`.
        rest: Remainders, valid for all control points, `(B, n)`.
    """

    frame: MonomialFrame
    coef: np.ndarray
    sym: np.ndarray
    rest: np.ndarray

    @staticmethod
    def of(tube: Models, start: Fraction = Fraction(0), end: Fraction = Fraction(1)) -> Hull:
        """Return the control points of the part of a tube between two times.

        Args:
            tube: Models over `tau` in [0, 1].
            start: Start of the piece, in `tau`.
            end: End of the piece, in `tau`.
        """
        frame = tube.frame
        if frame.time == 0:
            assert tube.rest is not None
            return Hull(frame, tube.coef[:, None], tube.sym[:, :, 0][:, None], tube.rest)
        weight = np.array(_weights(frame.time, start, end))
        by_time = tube.coef.reshape(*tube.coef.shape[:2], frame.times, frame.width)
        coef = np.einsum("ct,bntm->bcnm", weight, by_time)
        sym = np.einsum("ct,bnts->bcns", weight, tube.sym)
        assert tube.rest is not None
        # Each weight is rounded once and is at most 1; each sum has one term for each power.
        size = tube.norm + tube.sym_norm
        rest = with_rounding(tube.rest + gamma(frame.times + 3) * size)
        # The monomials of a frame without time are the first monomials of any other frame.
        return Hull(frame, coef, sym, rest)

    def ends(self) -> Bounds:
        """Return lower and upper bounds on the values of the tube, `(B, n)` each."""
        low, high = ends(self.frame, self.coef, self.sym, self.rest[:, None])
        return low.min(axis=1), high.max(axis=1)

    def forms(self, rows: np.ndarray) -> Bounds:
        """Return lower and upper bounds on `rows @ x`, `(B, R)` each, for rows `(R, n)`."""
        coef = np.einsum("rn,bcnm->bcrm", rows, self.coef)
        sym = np.einsum("rn,bcns->bcrs", rows, self.sym)
        sizes = np.abs(self.coef).sum(axis=-1) + np.abs(self.sym).sum(axis=-1)
        g = gamma(rows.shape[1] + 2)
        rest = with_rounding(g * sizes.max(axis=1) + (1.0 + g) * self.rest) @ np.abs(rows).T
        low, high = ends(self.frame, coef, sym, with_rounding(rest)[:, None])
        return low.min(axis=1), high.max(axis=1)


def piece(tube: Models, start: Fraction, end: Fraction) -> Models:
    """Return a tube restricted to a part of its time, which is rescaled to [0, 1].

    Args:
        tube: Models over `tau` in [0, 1], with remainders.
        start: Start of the part.
        end: End of the part.
    """
    frame = tube.frame
    weight = np.zeros((frame.times, frame.times))
    for t in range(frame.times):
        for r in range(t + 1):
            weight[r, t] = float(comb(t, r) * start ** (t - r) * (end - start) ** r)
    by_time = tube.coef.reshape(*tube.coef.shape[:2], frame.times, frame.width)
    coef = np.einsum("rt,bntm->bnrm", weight, by_time).reshape(tube.coef.shape)
    sym = np.einsum("rt,bnts->bnrs", weight, tube.sym)
    assert tube.rest is not None
    # The weights of a power add up to `end^t`, at most 1; each is rounded once.
    rest = with_rounding(tube.rest + gamma(frame.times + 3) * (tube.norm + tube.sym_norm))
    return Models(frame, coef, sym, rest)


def at_end(tube: Models, instant: MonomialFrame) -> Models:
    """Return models of the values of a tube at its end, `tau = 1`."""
    frame = tube.frame
    coef = tube.coef.reshape(*tube.coef.shape[:2], frame.times, frame.width).sum(axis=2)
    sym = tube.sym.sum(axis=2, keepdims=True)
    if tube.rest is None:
        return Models(instant, coef, sym, None)
    rest = with_rounding(tube.rest + gamma(frame.times) * (tube.norm + tube.sym_norm))
    return Models(instant, coef, sym, rest)
