"""Quadratic forms as sums of squares of linear forms, in exact arithmetic.

A square has exact bounds, and so does a sum of squares of independent forms. A sum of monomials
loses the relation between them: `x ** 2 - 2 * x * y + y ** 2` is never negative, but the sum of the
bounds of its monomials over a box may be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from ..forms import Number, is_float


CONSTANT = -1
"""Key of the constant term in a linear form, whose other keys are indices of entries."""

Row = dict[int, Fraction]
"""Map from the variables of a linear form to their coefficients."""


def complete_squares(
    squares: Mapping[tuple[int, int], Number], linear: Mapping[int, Number]
) -> tuple[list[tuple[Fraction, Row]], Row] | None:
    """Write a quadratic form as a sum of squares, by a rational LDL decomposition.

    Args:
        squares: Coefficient of each product of two variables, `(i, j)` with `i <= j`.
        linear: Coefficients of the variables, and the constant under `CONSTANT`.

    Returns:
        A list of pairs of a coefficient and a linear form to be squared, and the linear rest. All
        coefficients of the squares have the same sign. The result is None if the form is
        indefinite, or if a form to be squared has coefficients that are not float64 numbers.

    Example:
        >>> parts, rest = complete_squares({(0, 0): 1, (0, 1): -2, (1, 1): 1}, {0: 6})
        >>> [(int(c), {i: int(v) for i, v in row.items()}) for c, row in parts]
        [(1, {0: 1, 1: -1, -1: 3})]
        >>> {i: int(v) for i, v in rest.items()}
        {1: 6, -1: -9}
    """
    matrix: dict[int, Row] = {}

    def put(i: int, j: int, value: Number) -> None:
        for a, b in {(i, j), (j, i)}:
            matrix.setdefault(a, {})[b] = Fraction(value) / (1 if i == j else 2)

    for (i, j), c in squares.items():
        put(i, j, c)
    constants = {i: Fraction(c) / (1 if i == CONSTANT else 2) for i, c in linear.items() if c}
    parts: list[tuple[Fraction, Row]] = []
    variables = sorted(matrix)
    for i in variables:
        row = {j: v for j, v in matrix[i].items() if v}
        if not row:
            continue
        pivot = row.get(i)
        if pivot is None or (parts and (pivot > 0) != (parts[0][0] > 0)):
            return None
        whole = dict(row)
        if constants.get(i):
            whole[CONSTANT] = constants[i]
        form = _primitive(whole)
        if not all(map(is_float, form.values())):  # Later rows have even longer numbers.
            return None
        parts.append((pivot / form[i] ** 2, form))
        for j, v in row.items():
            for k, w in row.items():
                matrix[j][k] = matrix[j].get(k, Fraction(0)) - v * w / pivot
        if CONSTANT in whole:
            for j, v in whole.items():
                constants[j] = constants.get(j, Fraction(0)) - v * whole[CONSTANT] / pivot
    rest = {i: c if i == CONSTANT else 2 * c for i, c in constants.items() if c}
    return parts, rest


def _primitive(row: Row) -> Row:
    """Return the multiple of a row whose entries are integers without a common factor."""
    denominator = math.lcm(*(v.denominator for v in row.values()))
    entries = {i: v * denominator for i, v in row.items()}
    divisor = math.gcd(*(v.numerator for v in entries.values()))
    return {i: v / divisor for i, v in entries.items()}
