"""Evaluation, at a point, of inequalities about sums that float32 may compute in any order.

At a point, the exact value of a sum is known. Every order of summation yields this value if no
partial sum can be rounded. This is so if all terms are multiples of a number `2^k`, and the sum of
their absolute values is less than `2^24` times this number. Otherwise the error of any order is at
most `n u / (1 - n u)` times the sum of the absolute values, where `n` is the number of operations
and `u = 2^-24`.

Reference: N. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., section 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ...core import And, Atom, Formula
from ...core.formula import FALSE
from ...graph.float32 import FLOAT32


def tighten_sums(formula: Formula, point: np.ndarray) -> Formula:
    """Return a formula that implies `formula` at a point for every order of its float32 sums.

    Args:
        formula: A formula over the flat `[x, y]`.
        point: The float32 values of `[x, y]`.
    """
    if not isinstance(formula, Atom):
        parts = tuple(tighten_sums(part, point) for part in formula.parts)
        return And(parts) if isinstance(formula, And) else type(formula)(parts)
    if len(formula.terms) < 2:
        return formula
    values = [Fraction(c) * Fraction(float(point[i])) for i, c in formula.terms]
    terms = [*values, Fraction(formula.offset)]
    if sum(map(abs, terms)) >= FLOAT32.largest:
        return FALSE  # A partial sum may overflow.
    error = rounding_error(terms)
    if error == 0:
        return formula
    offset = Fraction(formula.offset) + error
    return Atom(formula.terms, float(np.nextafter(float(offset), np.inf)), formula.strict)


def rounding_error(terms: Sequence[Fraction]) -> Fraction:
    """Bound the rounding error of a float32 sum of products, in any order.

    Args:
        terms: The exact products and constants; the denominators are powers of two.

    Example:
        >>> rounding_error([Fraction(3, 2), Fraction(-5, 2)])
        Fraction(0, 1)
        >>> float(rounding_error([Fraction(2**24), Fraction(1)])) > 1.0
        True
    """
    total = sum(map(abs, terms))
    grid = max(term.denominator for term in terms)
    if total * grid < FLOAT32.whole and grid <= 2**126:
        return Fraction(0)
    n = 2 * len(terms)
    unit = Fraction(FLOAT32.unit)
    return n * unit / (1 - n * unit) * total + n * Fraction(FLOAT32.tiny)
