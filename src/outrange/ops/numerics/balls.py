"""Real numbers as balls of any precision (Arb), and exact solution of integer linear systems.

No other file imports `flint`.

A ball is an `arb`: a midpoint, computed with the number of bits of `precision`, and a radius.

Reference: F. Johansson, *Arb: efficient arbitrary-precision midpoint-radius interval arithmetic*,
IEEE Transactions on Computers 66 (2017).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from threading import RLock
from typing import Any

import numpy as np


MOST_EXPONENT = 1 << 16
"""Binary exponent, in absolute value, beyond which `fraction_ends` is only approximate."""


_PRECISION = RLock()
"""Lock held inside a `precision` context, because all threads of the process share the setting."""


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Set the precision of balls, in bits, inside the context, and restore it afterwards.

    Other threads that set a precision wait, so that results do not depend on timing.
    """
    from flint import ctx

    with _PRECISION, ctx.workprec(bits):
        yield


def ball(lo: float | Fraction, hi: float | Fraction | None = None) -> Any:
    """Return a ball that contains `[lo, hi]`, or only `lo` if `hi` is None.

    A single float is represented exactly.
    """
    from flint import arb

    if hi is not None and lo != hi:
        return ball(lo).union(ball(hi))
    if isinstance(lo, Fraction):
        return arb(lo.numerator) / arb(lo.denominator)
    return arb(float(lo))


def balls(values: Iterable[float]) -> list[Any]:
    """Return each number as a ball of radius 0."""
    from flint import arb

    return [arb(value) for value in values]


def cut(x: Any, lo: float, hi: float) -> Any:
    """Return a ball around the intersection of `x` and `[lo, hi]`, which must not be empty."""
    if not x.is_finite():
        return ball(lo, hi)
    low, high = float_ends(x)
    return x if lo <= low and high <= hi else x.intersection(ball(lo, hi))


def matrix(rows: int, columns: int, entries: Sequence[Any]) -> Any:
    """Return a matrix of balls from its entries, balls or floats, listed row by row."""
    from flint import arb_mat

    return arb_mat(rows, columns, list(entries))


def series(value: Any, length: int) -> Any:
    """Return a power series with `length` coefficients, from a list of balls or a series.

    Raises:
        ValueError: `value` is a series with fewer coefficients.
    """
    from flint import arb_series

    if isinstance(value, list):
        return arb_series(value, length)
    if value.prec < length:
        raise ValueError(
            f"a series must have at least {length} coefficients. Received: {value.prec}."
        )
    return value


def float_ends(x: Any) -> tuple[float, float]:
    """Return float64 bounds of a ball; both are infinite if the ball is not finite."""
    if not x.is_finite():
        return -math.inf, math.inf
    return _below(x), -_below(-x)


def fraction_ends(x: Any) -> tuple[Fraction, Fraction] | None:
    """Return bounds of a ball, or None if there are no finite ones.

    They are the exact endpoints unless a binary exponent exceeds `MOST_EXPONENT` in absolute value.
    """
    if not x.is_finite():
        return None
    parts = []
    for part in (x.mid(), x.rad()):
        number, power = (int(v) for v in part.man_exp())
        if abs(power) > MOST_EXPONENT:
            low, high = float_ends(x)
            finite = math.isfinite(low) and math.isfinite(high)
            return (Fraction(low), Fraction(high)) if finite else None
        parts.append(Fraction(number) * Fraction(2) ** power)
    middle, radius = parts
    return middle - radius, middle + radius


def number(value: Any) -> Any:
    """Return a ball that contains a number: an integer, float64, fraction or decimal string."""
    from flint import arb

    return arb(value) if isinstance(value, int | str) else ball(value)


def constant(name: str) -> Any:
    """Return a ball that contains the named constant: `"pi"`, or `"nan"` for an unknown number."""
    from flint import arb

    return getattr(arb, name)()


def integer_power(x: Any, n: int) -> Any:
    """Return `x ** n`; unlike a power computed with logarithms, it handles balls that contain 0."""
    from flint import arb

    power = arb(1)
    for bit in bin(n)[2:]:
        power = power * power
        power = power * x if bit == "1" else power
    return power


def _below(x: Any) -> float:
    """Return a float64 number at or just below the lower end of a finite ball."""
    low = x.lower()
    near = float(low)
    if math.isinf(near):
        return float(np.finfo(np.float64).max) if near > 0 else near
    while not ball(near) <= low:
        near = math.nextafter(near, -math.inf)
    return near


def solve_integers(matrix: list[list[int]], right: list[int]) -> tuple[list[int], int] | None:
    """Solve a square system of linear equations with integer coefficients, without rounding.

    Args:
        matrix: Coefficients, `n` rows of `n` integers.
        right: Right-hand sides, `n` integers.

    Returns:
        Numerators `(n,)` and their common positive denominator; None if the matrix is singular.
    """
    from flint import fmpz_mat

    size = len(right)
    if not size:
        return [], 1
    entries = [entry for row in matrix for entry in row]
    try:
        solution: Any = fmpz_mat(size, size, entries).solve(fmpz_mat(size, 1, right))
    except ZeroDivisionError:
        return None
    numerators, denominator = solution.numer_denom()
    sign = -1 if denominator < 0 else 1
    return [sign * int(n) for n in numerators.entries()], sign * int(denominator)
