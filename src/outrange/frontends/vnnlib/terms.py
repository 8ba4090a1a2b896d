"""Linear terms in exact arithmetic, and the inequalities made of them.

A term is a dict from the index of a variable to its coefficient, the constant under `CONSTANT`.
Decimal numbers are taken as the rationals they write, combined exactly, and rounded to the nearest
double once, when the inequality is complete. So `(<= X_0 0.1)` has the double nearest to 0.1.
"""

import math
import re
from collections.abc import Sequence
from fractions import Fraction

from ...core import And, Atom, Or, UnsupportedError
from .errors import Fault


Term = dict[int, int | Fraction]

CONSTANT = -1

NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
"""Three digits of exponent are more than a double needs; more would cost memory for nothing."""

_LONGEST = 1000
_MOST_BITS = 2**14


def literal(text: str) -> int | Fraction:
    """The rational number that a decimal literal writes.

    Raises:
        Fault: It is none, or no finite double is near it.

    Example:
        >>> literal("-.5e1")
        Fraction(-5, 1)
    """
    if len(text) > _LONGEST or not NUMBER.fullmatch(text):
        raise Fault(
            "a number is written like `-0.5` or `1e-3`, with an exponent of three digits and "
            f"{_LONGEST} characters at most."
        )
    if math.isinf(float(text)):
        raise Fault("a number must be finite as a double, that is below 1.8e308.")
    return Fraction(text)


def plus(parts: Sequence[Term], signs: Sequence[int]) -> Term:
    """The sum of `signs[k] * parts[k]`."""
    total: Term = {}
    for part, sign in zip(parts, signs, strict=True):
        for index, c in part.items():
            total[index] = _bounded(total.get(index, 0) + sign * c)
    return total


def times(parts: Sequence[Term]) -> Term:
    """The product, of which at most one factor holds variables.

    Raises:
        Fault: Two factors hold variables.
    """
    varying: Term | None = None
    by: int | Fraction = 1
    for part in parts:
        factor = constant(part)
        if factor is not None:
            by = _bounded(by * factor)
        elif varying is None:
            varying = part
        else:
            raise Fault(
                "a product may hold variables in one factor only (conditions are linear).",
                UnsupportedError,
            )
    return {index: _bounded(c * by) for index, c in (varying or {CONSTANT: 1}).items()}


def over(parts: Sequence[Term]) -> Term:
    """The first divided by all others, which are constants.

    Raises:
        Fault: A divisor holds variables, or is zero.
    """
    by: int | Fraction = 1
    for part in parts[1:]:
        divisor = constant(part)
        if divisor is None:
            raise Fault("a divisor must be a constant (conditions are linear).", UnsupportedError)
        if divisor == 0:
            raise Fault("a divisor must not be zero.")
        by = _bounded(by * divisor)
    return {index: _bounded(Fraction(c) / by) for index, c in parts[0].items()}


def constant(term: Term) -> int | Fraction | None:
    """The value of a term without variables; None where it has some."""
    if any(c != 0 for index, c in term.items() if index != CONSTANT):
        return None
    return term.get(CONSTANT, 0)


def at_most(left: Term, right: Term, strict: bool) -> Atom | And | Or:
    """`left <= right`, or `<` where `strict`: every coefficient rounded once.

    Without variables it is decided exactly.

    Raises:
        Fault: A coefficient is beyond the doubles, above or below.
    """
    difference = plus((left, right), (1, -1))
    offset = difference.pop(CONSTANT, 0)
    terms = tuple((index, _rounded(c)) for index, c in sorted(difference.items()) if c != 0)
    if not terms:
        return And(()) if offset < 0 or (offset == 0 and not strict) else Or(())
    if any(c == 0 for _, c in terms):
        raise Fault("a coefficient is too small for a double.")
    return Atom(terms, _rounded(offset) + 0.0, strict)


def _rounded(value: int | Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        raise Fault("a coefficient must be finite as a double, that is below 1.8e308.") from None


def _bounded(value: int | Fraction) -> int | Fraction:
    """`value`, unless it has grown so long that going on would take for ever."""
    if value.numerator.bit_length() + value.denominator.bit_length() > _MOST_BITS:
        raise Fault("the exact coefficients of a term get too long; write it with fewer numbers.")
    return value
