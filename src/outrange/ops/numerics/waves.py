"""Multiples of pi / 2, each rounded only once."""

from fractions import Fraction


PI, PI_REST = 3.141592653589793, 1.2246467991473532e-16
"""Two numbers whose sum is pi to 107 bits."""


def quarters(count: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return `k * pi` for `|k| <= count`, and the numbers `(k + 1/2) * pi` between them."""
    pi = Fraction(PI) + Fraction(PI_REST)
    whole = tuple(float(k * pi) for k in range(-count, count + 1))
    half = tuple(float((k + Fraction(1, 2)) * pi) for k in range(-count, count))
    return whole, half
