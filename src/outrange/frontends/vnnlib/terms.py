"""Linear terms in exact arithmetic, and the inequalities built from them.

A term is a dict from the index of a variable to its coefficient, with the constant under
`CONSTANT`. Decimal numbers are taken as the rationals they denote and combined exactly. They are
rounded to the nearest double once, when the inequality is complete. So the bound in `(<= X_0 0.1)`
is the double nearest to 0.1.
"""

import math
import re
from collections.abc import Sequence
from fractions import Fraction

from ...core import And, Atom, Or, UnsupportedError
from .errors import Fault
from .monomials import Monomials


Term = dict[int, int | Fraction]

CONSTANT = -1

NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
"""Pattern of a decimal literal. Exponents with more than three digits would only cost memory, since
three digits already exceed the range of a double."""

_LONGEST = 1000
_MOST_BITS = 2**14


def literal(text: str) -> int | Fraction:
    """Return the rational number that a decimal literal denotes.

    Raises:
        Fault: The text is not a literal, or exceeds the range of a double.

    Example:
        >>> literal("-.5e1")
        Fraction(-5, 1)
    """
    if len(text) > _LONGEST or not NUMBER.fullmatch(text):
        raise Fault(
            "a number must look like `-0.5` or `1e-3`, with at most three digits in the exponent "
            f"and at most {_LONGEST} characters in total."
        )
    if math.isinf(float(text)):
        raise Fault("a number must be finite as a double, that is, below 1.8e308.")
    return Fraction(text)


def plus(parts: Sequence[Term], signs: Sequence[int]) -> Term:
    """Return the sum of `signs[k] * parts[k]`."""
    total: Term = {}
    for part, sign in zip(parts, signs, strict=True):
        for index, c in part.items():
            total[index] = _check_length(total.get(index, 0) + sign * c)
    return total


def times(parts: Sequence[Term], products: Monomials | None = None) -> Term:
    """Return the product of terms.

    Args:
        parts: Factors of the product, each a linear term.
        products: The products of variables in the file; None if at most one factor may have
            variables.

    Raises:
        Fault: Two factors have variables, and `products` is None.
    """
    varying: Term | None = None
    by: int | Fraction = 1
    for part in parts:
        factor = constant(part)
        if factor is not None:
            by = _check_length(by * factor)
        elif varying is None:
            varying = part
        elif products is not None:
            varying = products.multiply(varying, part, CONSTANT)
        else:
            raise Fault(
                "at most one factor of a product may contain variables; products of variables "
                "are supported only in version 2.0 with the element type `real`.",
                UnsupportedError,
            )
    return {index: _check_length(c * by) for index, c in (varying or {CONSTANT: 1}).items()}


def over(parts: Sequence[Term]) -> Term:
    """Return the first term divided by all others, which must be constants.

    Raises:
        Fault: A divisor has variables, or is zero.
    """
    by: int | Fraction = 1
    for part in parts[1:]:
        divisor = constant(part)
        if divisor is None:
            raise Fault("a divisor must be a constant.", UnsupportedError)
        if divisor == 0:
            raise Fault("a divisor must not be zero.")
        by = _check_length(by * divisor)
    return {index: _check_length(Fraction(c) / by) for index, c in parts[0].items()}


def constant(term: Term) -> int | Fraction | None:
    """Return the value of a term without variables; None if the term has variables."""
    if any(c != 0 for index, c in term.items() if index != CONSTANT):
        return None
    return term.get(CONSTANT, 0)


def at_most(left: Term, right: Term, strict: bool, linear: float = math.inf) -> Atom | And | Or:
    """Build `left <= right`, or `<` if `strict`, with every coefficient rounded once.

    Without variables, the condition is decided exactly: `And(())` is true, `Or(())` is false. An
    inequality with products is multiplied by the common denominator of its coefficients if this
    makes all of them integers below `2^53`.

    Args:
        left: Linear term on the left-hand side.
        right: Linear term on the right-hand side.
        strict: Whether equality is excluded.
        linear: Number of variables that are not products; all variables from this index on are
            products.

    Raises:
        Fault: A number is too large for a double, or a coefficient is so small that it rounds to 0.
    """
    difference = plus((left, right), (1, -1))
    factor = _denominator(difference) if max(difference, default=0) >= linear else 1
    difference = {index: c * factor for index, c in difference.items()}
    offset = difference.pop(CONSTANT, 0)
    terms = tuple((index, _to_float(c)) for index, c in sorted(difference.items()) if c != 0)
    if not terms:
        return And(()) if offset < 0 or (offset == 0 and not strict) else Or(())
    if any(c == 0 for _, c in terms):
        raise Fault("a coefficient is too small for a double.")
    return Atom(terms, _to_float(offset) + 0.0, strict, float(factor))


def _denominator(term: Term) -> int:
    """Return a term's common denominator if it makes all numbers integers below `2^53`, else 1."""
    factor = math.lcm(*(c.denominator for c in term.values()))
    exact = factor < 2**53 and all(abs(c * factor) < 2**53 for c in term.values())
    return factor if exact else 1


def _to_float(value: int | Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        raise Fault("a coefficient must be finite as a double, that is, below 1.8e308.") from None


def _check_length(value: int | Fraction) -> int | Fraction:
    """Return `value`; raise if its numerator and denominator together exceed `_MOST_BITS` bits."""
    if value.numerator.bit_length() + value.denominator.bit_length() > _MOST_BITS:
        raise Fault(
            "the coefficients of a term have too many digits; round the numbers in the term."
        )
    return value
