"""Real roots of polynomials with rational coefficients, counted exactly.

Reference: S. Basu, R. Pollack, M.-F. Roy, *Algorithms in Real Algebraic Geometry*, 2006, section
2.2.2 (Sturm's theorem).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise


def has_root(polynomial: Mapping[int, Fraction], lo: Fraction, hi: Fraction) -> bool:
    """Return whether a polynomial has a root in `[lo, hi]`, by Sturm's theorem.

    Args:
        polynomial: Maps powers to coefficients, not all of which are 0.
        lo: Lower endpoint of the interval.
        hi: Upper endpoint of the interval.

    Example:
        >>> square = {2: Fraction(1), 0: Fraction(-2)}
        >>> has_root(square, Fraction(1), Fraction(2)), has_root(square, Fraction(2), Fraction(3))
        (True, False)
    """
    degree = max(polynomial)
    rows = [[polynomial.get(k, Fraction(0)) for k in range(degree, -1, -1)]]
    rows.append([c * (degree - i) for i, c in enumerate(rows[0][:-1])])
    while rows[-1]:
        rows.append(_negative_remainder(*rows[-2:]))
    chain = rows[:-1]
    if not all(_value(chain[0], x) for x in (lo, hi)):
        return True
    return _changes(chain, lo) != _changes(chain, hi)


def _negative_remainder(above: list[Fraction], below: list[Fraction]) -> list[Fraction]:
    """Return the negated remainder of `above / below`, up to a positive factor.

    The result has no leading zeros.
    """
    rest = list(above)
    while len(rest) >= len(below):
        factor = rest[0] / below[0]
        for i, c in enumerate(below):
            rest[i] -= factor * c
        rest = rest[1:]
    while rest and not rest[0]:
        rest = rest[1:]
    return [-c / abs(rest[0]) for c in rest]


def _changes(chain: list[list[Fraction]], x: Fraction) -> int:
    """Count the changes of sign along a chain of polynomials at `x`, ignoring zeros."""
    signs = [value > 0 for value in (_value(row, x) for row in chain) if value]
    return sum(a != b for a, b in pairwise(signs))


def _value(row: list[Fraction], x: Fraction) -> Fraction:
    total = Fraction(0)
    for c in row:
        total = total * x + c
    return total
