"""Arithmetic of integer types: quotients, remainders, powers, roots and comparisons.

No argument lies between two consecutive integers, so every jump is placed halfway between them.
Then float64 rounding is too small to step across a jump, and no argument lies on a jump.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .integer_inference import integer_comparison
from .values import Operand, Value


if TYPE_CHECKING:
    from .builder import Builder


MOST = 2.0**50
"""Largest integer that float64 separates from the adjacent half-integers after a rounded division.
"""

MOST_SQUARED = 2.0**44
"""Largest integer `n` for which float64 separates the square roots of `n` and `n + 1/2`."""


def quotient(b: Builder, x: Operand, divisor: np.ndarray, *, floored: bool = False) -> Operand:
    """Return `x / divisor` of integers, truncated, or rounded down if `floored`.

    Args:
        b: The graph under construction.
        x: Integers up to `MOST` in size.
        divisor: Nonzero integers up to `MOST` in size, broadcast against `x`.
        floored: True divides as Python does: -7 by 2 is -4. False divides as C does: -3.
    """
    divisor = np.asarray(divisor, np.float64)
    signed, size = b.affine_map(x, np.sign(divisor)), np.abs(divisor)
    if floored:
        return b.curve("floor", b.divide(b.affine_map(signed, 1.0, 0.5), size))
    above = b.affine_map(b.curve("relu", signed), 1.0, 0.5)
    below = b.affine_map(b.clip(signed, -np.inf, 0.0), 1.0, -0.5)
    return b.add(b.curve("floor", b.divide(above, size)), b.curve("ceil", b.divide(below, size)))


def remainder(b: Builder, x: Operand, divisor: np.ndarray, *, floored: bool = True) -> Operand:
    """Return the remainder of the integer division `quotient(b, x, divisor)`.

    If it is not 0, it has the sign of the divisor if `floored`, otherwise the sign of `x`.
    """
    divisor = np.asarray(divisor, np.float64)
    whole = quotient(b, x, divisor, floored=floored)
    left = b.subtract(x, b.multiply(whole, divisor))
    # Limits of any remainder, much tighter than an interval bound of the difference.
    most, least = float(divisor.max()) - 1.0, float(divisor.min()) + 1.0
    if floored:
        return b.clip(left, min(least, 0.0), max(most, 0.0))
    reach = max(most, -least)
    return b.clip(left, -reach, reach)


def root(b: Builder, x: Operand) -> Operand:
    """Return the largest integer whose square is at most the integer `x`, up to `MOST_SQUARED`."""
    return b.curve("floor", b.curve("sqrt", b.affine_map(x, 1.0, 0.5)))


def power(b: Builder, x: Operand, exponent: int) -> Operand:
    """Return `x ** exponent` for integers `x` and a nonnegative exponent."""
    if exponent == 0:
        return np.ones(tuple(x.shape))
    if exponent == 1:
        return x
    # The function is known up to ulps; its value is an integer.
    return b.curve("round", b.curve("power", x, exponent=float(exponent)))


def compare(b: Builder, how: str, x: Operand, y: Operand) -> Operand:
    """Return 1 where the comparison `how` (a NumPy name) of integers is true, otherwise 0."""
    return integer_comparison(b, how, x, y)


def truth(b: Builder, x: Value) -> Operand:
    """Return 1 where an integer is not 0, otherwise 0."""
    return integer_comparison(b, "not_equal", x, np.zeros(()))
