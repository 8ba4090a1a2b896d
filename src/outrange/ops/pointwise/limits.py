"""Limits on the length of a formula, and on the work spent on its analysis."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isfinite

from ...core import UnsupportedError, check_deadline
from .nodes import Sum


MOST_EXPRESSIONS = 4000
"""Largest number of expressions in a formula and its derivatives."""

MOST_TERMS = 512
"""Largest number of terms in one sum. A product of polynomials that has more is not multiplied out.
"""

MOST_POWER = 256
"""Largest integer power of an expression; computing its error bound takes that many steps."""

MOST_BITS = 4096
"""Largest number of bits in the numerator and denominator of one coefficient, enough for a hundred
float32 factors."""

SCALE = 960
"""Largest absolute binary exponent of a coefficient, well within the range of float64."""

MOST_WORK = 2**25
"""Limit on how many numbers all analyses of one table compute: about a minute on one core.

The analysis of one activation computes about 2**15 numbers, and the analysis of a composition of
eight activations about 2**19.
"""

EXPRESSION_WORK = 2**8
"""Work charged for each new expression: rewriting it costs as much as this many numbers."""


class EffortError(UnsupportedError):
    """Error for an analysis that would exceed its work limit."""


@dataclass(eq=False)
class Effort:
    """The work of analyses so far, and its limit.

    Args:
        most: Limit on the work, in numbers computed.
        spent: Work so far, in numbers computed.
    """

    most: float = MOST_WORK
    spent: int = 0

    def spend(self, count: int) -> None:
        """Add `count` to the work so far, before that work is done.

        Raises:
            EffortError: The work would exceed the limit.
            OutOfTime: The deadline has passed.
        """
        check_deadline()
        if self.spent + count > self.most:
            raise EffortError("a function of one variable that takes too long to analyze")
        self.spent += count


def exact(value: float) -> Fraction:
    """Return a float as a fraction, without rounding.

    Raises:
        UnsupportedError: The float is not finite.
    """
    if not isfinite(value):
        raise UnsupportedError("a formula with an infinite constant")
    return Fraction(value)


def check_sum(node: Sum) -> None:
    """Reject a sum that exceeds `MOST_TERMS`, `MOST_POWER`, `MOST_BITS` or `SCALE`.

    Raises:
        UnsupportedError: The sum exceeds one of these limits.
    """
    if len(node.terms) > MOST_TERMS:
        raise UnsupportedError(f"a formula with a sum of more than {MOST_TERMS} terms")
    for monomial, _ in node.terms:
        if any(abs(power) > MOST_POWER for _, power in monomial):
            raise UnsupportedError(f"a formula with an exponent above {MOST_POWER}")
    for c in (node.constant, *(c for _, c in node.terms)):
        above, below = c.numerator.bit_length(), c.denominator.bit_length()
        if above + below > MOST_BITS or (c and abs(above - below) > SCALE):
            raise UnsupportedError(
                f"a formula with a coefficient of more than {MOST_BITS} bits, or outside "
                f"2^-{SCALE} to 2^{SCALE}"
            )
