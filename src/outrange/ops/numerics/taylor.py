"""Taylor coefficients of sines, powers, `exp`, `tanh` and the logistic function, in float64.

The coefficients are computed in closed form. Like `series.taylor_of`, the functions return bounds
on `f^(j) / j!` over each `[lo, hi]`.
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from itertools import pairwise

import numpy as np


_NEAR = Fraction(1, 10**9)
"""Bound on the error of the polynomials' turning points."""


def sine_taylor(lo: np.ndarray, hi: np.ndarray, order: int, ahead: int = 0) -> np.ndarray:
    """Return bounds on the Taylor coefficients of `sin(x + ahead * pi / 2)`.

    A derivative is one of `sin`, `cos`, `-sin`, `-cos`, which change no faster than their argument;
    `2^-49` exceeds the errors of their float64 implementations and of the sums computed here.
    """
    middle = 0.5 * lo + 0.5 * hi
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.maximum(hi - middle, middle - lo) * (1.0 + 2.0**-50) + 2.0**-49
        waves = (np.sin(middle), np.cos(middle))
    out = np.empty((2, order + 1, *np.shape(lo)))
    for j in range(order + 1):
        quarter = (j + ahead) % 4
        wave = waves[quarter % 2] * (1.0 if quarter < 2 else -1.0)
        part = 1.0 / math.factorial(j)
        out[0, j] = np.fmax(wave - off, -1.0) * part
        out[1, j] = np.fmin(wave + off, 1.0) * part
    return outward(out)


def power_taylor(
    exponent: float, factors: list[float], lo: np.ndarray, hi: np.ndarray
) -> np.ndarray:
    """Return bounds on `factors[j] * x^(exponent - j)` over each positive `[lo, hi]`.

    Args:
        exponent: Exponent of the first coefficient, at most 1.
        factors: One number per coefficient.
        lo: Lower bounds of `x`, of any shape; where they are not positive, the result is infinite.
        hi: Upper bounds of `x`, of the same shape.
    """
    out = np.empty((2, len(factors), *np.shape(lo)))
    fine = lo > 0
    least, most = np.where(fine, lo, 1.0), np.where(fine, hi, 1.0)
    for j, factor in enumerate(factors):
        p = exponent - j
        both = factor * np.power(least, p), factor * np.power(most, p)
        out[0, j] = np.where(fine, np.minimum(*both), -np.inf)
        out[1, j] = np.where(fine, np.maximum(*both), np.inf)
    return outward(out)


def reciprocal_taylor(lo: np.ndarray, hi: np.ndarray, order: int) -> np.ndarray:
    """Return bounds on the Taylor coefficients `(-1)^j x^(-1 - j)` of `1 / x`, on one side of 0."""
    down = hi < 0
    signs = [(-1.0) ** j for j in range(order + 1)]
    ends = power_taylor(-1.0, signs, np.where(down, -hi, lo), np.where(down, -lo, hi))
    # 1 / x is odd, so its coefficients of even index are odd, and the others are even.
    for j in range(0, order + 1, 2):
        mirrored = -ends[1, j], -ends[0, j]
        ends[0, j] = np.where(down, mirrored[0], ends[0, j])
        ends[1, j] = np.where(down, mirrored[1], ends[1, j])
    return ends


def root_taylor(lo: np.ndarray, hi: np.ndarray, order: int) -> np.ndarray:
    """Return bounds on the Taylor coefficients of the square root, for positive `x`."""
    factors = [1.0]
    for j in range(order):
        factors.append(factors[-1] * (0.5 - j) / (j + 1))
    return power_taylor(0.5, factors, lo, hi)


def exp_taylor(lo: np.ndarray, hi: np.ndarray, order: int) -> np.ndarray:
    """Return bounds on the Taylor coefficients of the exponential function."""
    out = np.empty((2, order + 1, *np.shape(lo)))
    for j in range(order + 1):
        part = 1.0 / math.factorial(j)
        out[0, j], out[1, j] = np.exp(lo) * part, np.exp(hi) * part
    return outward(out)


def square_taylor(lo: np.ndarray, hi: np.ndarray, order: int) -> np.ndarray:
    """Return bounds on the Taylor coefficients of `x^2`."""
    out = np.zeros((2, order + 1, *np.shape(lo)))
    out[0, 0] = np.where((lo <= 0) & (hi >= 0), 0.0, np.minimum(lo * lo, hi * hi))
    out[1, 0] = np.maximum(lo * lo, hi * hi)
    out = outward(out)
    for j, ends in ((1, (2.0 * lo, 2.0 * hi)), (2, (1.0, 1.0))):
        if j <= order:
            out[0, j], out[1, j] = ends
    out[:, 3:] = 0.0
    return out


def outward(ends: np.ndarray) -> np.ndarray:
    """Widen lower and upper bounds by more than a few dozen float64 roundings."""
    with np.errstate(invalid="ignore"):
        pad = np.abs(ends) * 2.0**-47 + 2.0**-1000
    pad[0] *= -1.0
    return ends + pad


@functools.cache
def _tangent_powers(order: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Return every `f^(j) / j!` of the hyperbolic tangent as a polynomial in `t = tanh x`.

    Each polynomial is given by its coefficients, lowest power first, and its approximate turning
    points in (-1, 1). Since `t' = 1 - t^2`, polynomial `j` is the derivative of the one before it,
    times `1 - t^2`, divided by `j`. All have only simple real roots, which the roots of their
    derivatives separate. The list ends before the first polynomial whose turning points float64
    cannot separate.
    """
    polynomials, powers = [], [Fraction(0), Fraction(1)]
    for j in range(order + 1):
        slope = [k * c for k, c in enumerate(powers)][1:]
        turns = np.sort(np.polynomial.polynomial.polyroots([float(c) for c in slope]).real)
        places = [Fraction(float(turn)) for turn in turns]
        ends = [(_value(slope, at - _NEAR), _value(slope, at + _NEAR)) for at in places]
        apart = all(b - a > 2 * _NEAR for a, b in pairwise(places))
        # There are as many changes of sign as the degree, so these are all roots.
        if not apart or not all(a * b < 0 for a, b in ends):
            break
        polynomials.append((np.array([float(c) for c in powers]), turns))
        less = [*slope, Fraction(0), Fraction(0)]
        more = [Fraction(0), Fraction(0), *slope]
        powers = [(a - b) / (j + 1) for a, b in zip(less, more, strict=True)]
    return tuple(polynomials)


def _value(powers: list[Fraction], x: Fraction) -> Fraction:
    total = Fraction(0)
    for c in reversed(powers):
        total = total * x + c
    return total


def tanh_taylor(lo: np.ndarray, hi: np.ndarray, order: int) -> np.ndarray:
    """Return bounds on the Taylor coefficients of the hyperbolic tangent.

    Each is a polynomial in `tanh x`, whose extremes are attained at the endpoints or at turning
    points. The computed `tanh` is off by at most 4 units in the last place. A computed turning
    point is off by less than `_NEAR`, which changes the value there only to second order. `2^-44`
    times the sum of the magnitudes of the coefficients exceeds the effect of these errors, rounding
    included.
    """
    first, last = np.tanh(lo), np.tanh(hi)
    out = np.empty((2, order + 1, *np.shape(lo)))
    out[0], out[1] = -np.inf, np.inf
    near = float(_NEAR)
    for j, (powers, turns) in enumerate(_tangent_powers(order)):
        ends = np.polynomial.polynomial.polyval(np.stack([first, last]), powers)
        low, high = ends.min(axis=0), ends.max(axis=0)
        for turn in turns:
            inside = (first <= turn + near) & (turn - near <= last)
            value = np.polynomial.polynomial.polyval(turn, powers)
            low = np.where(inside, np.minimum(low, value), low)
            high = np.where(inside, np.maximum(high, value), high)
        # The function itself is more accurate than a polynomial of it.
        off = 2.0**-44 * np.abs(powers).sum() if j else 2.0**-48 * np.maximum(-low, high)
        out[0, j], out[1, j] = low - off, high + off
    return outward(out)


def logistic_taylor(lo: np.ndarray, hi: np.ndarray, order: int) -> np.ndarray:
    """Return bounds on the Taylor coefficients of the logistic function `(1 + tanh(x / 2)) / 2`."""
    out = tanh_taylor(0.5 * lo, 0.5 * hi, order) * 0.5 ** np.arange(1, order + 2).reshape(
        1, -1, *[1] * np.ndim(lo)
    )
    out[:, 0] += 0.5
    return outward(out)
