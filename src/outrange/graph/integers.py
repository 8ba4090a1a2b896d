"""Arithmetic of integer types: quotients, remainders, powers, roots and comparisons.

Nothing lies between two whole numbers, so every jump is put halfway between them: whatever float64
rounds on the way is too small to step across one, and no point of interest lies on one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .values import Operand, Value
from .whole import whole_comparison


if TYPE_CHECKING:
    from .builder import Builder


MOST = 2.0**50
"""Up to here float64 tells a whole number from the halves beside it, after a rounded division."""

MOST_SQUARED = 2.0**44
"""Up to here it tells the root of a whole number from that of the number and a half."""


def quotient(b: Builder, x: Operand, divisor: np.ndarray, *, floored: bool = False) -> Operand:
    """`x / divisor` of whole numbers, its fraction cut off (or rounded down, if `floored`).

    Args:
        b: The builder.
        x: Whole numbers up to `MOST` in size.
        divisor: Whole numbers other than 0, likewise; broadcasts against `x`.
        floored: As Python divides: -7 by 2 is -4. By default as C does: -3.
    """
    divisor = np.asarray(divisor, np.float64)
    turned, size = b.affine_map(x, np.sign(divisor)), np.abs(divisor)
    if floored:
        return b.curve("floor", b.divide(b.affine_map(turned, 1.0, 0.5), size))
    above = b.affine_map(b.curve("relu", turned), 1.0, 0.5)
    below = b.affine_map(b.clip(turned, -np.inf, 0.0), 1.0, -0.5)
    return b.add(b.curve("floor", b.divide(above, size)), b.curve("ceil", b.divide(below, size)))


def remainder(b: Builder, x: Operand, divisor: np.ndarray, *, floored: bool = True) -> Operand:
    """What `quotient` leaves: of the divisor's sign if `floored`, else of the sign of `x`."""
    divisor = np.asarray(divisor, np.float64)
    whole = quotient(b, x, divisor, floored=floored)
    left = b.subtract(x, b.multiply(whole, divisor))
    # Known of any remainder, and far from what an interval makes of the difference.
    most, least = float(divisor.max()) - 1.0, float(divisor.min()) + 1.0
    if floored:
        return b.clip(left, min(least, 0.0), max(most, 0.0))
    reach = max(most, -least)
    return b.clip(left, -reach, reach)


def root(b: Builder, x: Operand) -> Operand:
    """The largest whole number whose square is at most `x`, whole and at most `MOST_SQUARED`."""
    return b.curve("floor", b.curve("sqrt", b.affine_map(x, 1.0, 0.5)))


def power(b: Builder, x: Operand, exponent: int) -> Operand:
    """`x ** exponent` of whole numbers, for an exponent that is not negative."""
    if exponent == 0:
        return np.ones(tuple(x.shape))
    if exponent == 1:
        return x
    # The function is known up to ulps, its value is whole.
    return b.curve("round", b.curve("power", x, exponent=float(exponent)))


def compare(b: Builder, how: str, x: Operand, y: Operand) -> Operand:
    """`x > y` and the like of whole numbers, as 0 or 1; `how` is a NumPy name."""
    return whole_comparison(b, how, x, y)


def truth(b: Builder, x: Value) -> Operand:
    """1 where a whole number is not 0."""
    return whole_comparison(b, "not_equal", x, np.zeros(()))
