"""Products, quotients and exponentials that a runtime may rewrite.

XLA computes `exp(a) exp(b)` as `exp(a + b)`, `exp(a) / exp(b)` as `exp(a - b)`, `exp(a) ** p` as
`exp(p a)`, and `(a / b) / (c / d)` as `(a d) / (b c)`. A sum or product in an exponent is rounded
relative to its size, so the relative error of the value, in units of roundoff, may be as large as
the magnitude of the exponent. Products of denominators may overflow or be flushed to zero where no
quotient does. The same is true of factors that are multiplied in another order, `(a c) (b d)` as
`(a b) (c d)`. Therefore, a value made of products, powers and reciprocals keeps a record of its
factors. An integer power is such a product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...graph.float32 import FLOAT32
from ...ops import Affine, Curve, Product, Rearrange
from ...ops.float32 import exponent_of
from .values import MOST, TINY, InputErrors, OutputErrors, times


OF_EXPONENTIAL = 24.0
"""Units of roundoff that a product adds for each exponential in it.

They cover the stated error of the exponential, the rounding of exponentials that other ops read,
and a product.
"""


@dataclass(frozen=True, eq=False)
class Formula:
    """A value as a quotient of products.

    Args:
        top: `(2, B, n)`: bounds on the magnitude of the numerator, from below and above. Here, in
            `bottom` and in `widest`, an exponential counts as 1.
        bottom: `(2, B, n)`: bounds on the magnitude of the denominator, from below and above.
        widest: `(B, n)` bound on the magnitude of the largest factor.
        reach: `(B, n)` bound on the product of any subset of its factors, where a factor of the
            denominator enters as its reciprocal.
        inverse_reach: `(B, n)` the same bound for the reciprocals of its factors.
        factors: The number of factors, constants included.
        divisions: The number of divisions.
        exponent: `(B, n)` bound on the sum of the magnitudes of all exponents, if all factors are
            exponentials; otherwise None.
        exponentials: The number of exponentials, and of their powers that are not integer powers.
    """

    top: np.ndarray
    bottom: np.ndarray
    widest: np.ndarray
    reach: np.ndarray
    inverse_reach: np.ndarray
    factors: int = 1
    divisions: int = 0
    exponent: np.ndarray | None = None
    exponentials: int = 0

    @staticmethod
    def of(x: InputErrors) -> Formula:
        """Return the formula of a value; if it has none, the value itself is the only factor."""
        if x.formula is not None:
            return x.formula
        least = np.maximum(np.maximum(x.lo - x.off, -(x.hi + x.off)), 0.0)
        top = np.stack([least, x.size])
        return Formula(top, np.ones(top.shape), x.size, *_reaches(least, x.size))

    def inverse(self) -> Formula:
        """Return the formula of the reciprocal."""
        return replace(
            self,
            top=self.bottom,
            bottom=self.top,
            reach=self.inverse_reach,
            inverse_reach=self.reach,
            divisions=self.divisions + 1,
        )

    def times(self, other: Formula) -> Formula:
        """Return the formula of a product."""
        exponent = None
        if self.exponent is not None and other.exponent is not None:
            exponent = self.exponent + other.exponent
        return Formula(
            times(self.top, other.top),
            times(self.bottom, other.bottom),
            np.maximum(self.widest, other.widest),
            self.reach * other.reach,
            self.inverse_reach * other.inverse_reach,
            self.factors + other.factors,
            self.divisions + other.divisions,
            exponent,
            self.exponentials + other.exponentials,
        )

    def at(self, index: np.ndarray) -> Formula:
        """Return the formula of the entries at `index`."""
        exponent = None if self.exponent is None else self.exponent[:, index]
        top, bottom = self.top[..., index], self.bottom[..., index]
        return replace(
            self,
            top=top,
            bottom=bottom,
            widest=self.widest[:, index],
            reach=self.reach[:, index],
            inverse_reach=self.inverse_reach[:, index],
            exponent=exponent,
        )

    def error(self, size: np.ndarray) -> np.ndarray:
        """Bound the error that rewriting may add to a value of magnitude at most `size`."""
        error = np.zeros(size.shape)
        if self.exponent is not None and self.exponentials > 1:
            count = self.exponentials
            error = FLOAT32.unit * size * (OF_EXPONENTIAL * count + (count - 1) * self.exponent)
            error = error * (1.0 + 2.0**-10)
        if self.factors > 2:  # Factors may be multiplied in any order.
            error = np.where(self.reach < MOST, error + TINY * self.factors * self.reach, np.inf)
        if self.divisions > 1:
            least, most = self.bottom
            bad = (self.top[1] >= MOST) | (most >= MOST) | (least < 2.0 * FLOAT32.tiny)
            flushed = TINY * (1.0 + self.widest) / np.maximum(least, FLOAT32.tiny)
            error = np.where(bad, np.inf, error + flushed)
        return error


def _reaches(least: np.ndarray, most: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return `reach` and `inverse_reach` of a factor whose magnitude is in `[least, most]`."""
    return np.maximum(most, 1.0), np.maximum(1.0 / np.maximum(least, FLOAT32.tiny), 1.0)


def formula(op: object, before: Sequence[InputErrors]) -> Formula | None:
    """Return the formula of an op's result, that is, the result as a quotient of products.

    Products, multiplication by constants, exponentials and powers have formulas. A power that is
    not an integer has one only if all factors of its base are exponentials. Entries selected from
    one value keep its formula. Returns None if the op has no formula.

    Args:
        op: The op.
        before: The op's inputs with their formulas. An input without a formula is a single factor.
    """
    if isinstance(op, Product):
        left, right = (Formula.of(x) for x in before)
        return left.at(op.left).times(right.at(op.right))
    if isinstance(op, Rearrange) and len(before) == 1 and (op.index >= 0).all():
        return None if before[0].formula is None else before[0].formula.at(op.index)
    if isinstance(op, Affine) and op.factor is not None and not op.bias.any():
        size = np.broadcast_to(np.abs(op.factor), before[0].off.shape)
        ends, ones = np.stack([size, size]), np.ones((2, *size.shape))
        factor = Formula(ends, ones, size, *_reaches(size, size))
        return Formula.of(before[0]).times(factor)
    if not isinstance(op, Curve) or op.origin is None:
        return None
    x = before[0]
    if op.origin[0] == "exp":
        # The value is its only factor, so no bound of it is needed.
        ones = np.ones((2, *x.size.shape))
        reach, inverse = (np.exp(np.clip(v + x.off, 0.0, 700.0)) for v in (x.hi, -x.lo))
        return Formula(ones, ones, ones[0], reach, inverse, exponent=x.size, exponentials=1)
    power = exponent_of(op)
    if power is None:
        return None
    root = Formula.of(x)
    if power.is_integer():
        result = _power(root, int(abs(power)))
    else:
        result = _power_of_exponentials(root, abs(power))
    return result if power > 0 or result is None else result.inverse()


def _power(argument: Formula, exponent: int) -> Formula:
    """Return the formula of a positive integer power, as a product."""
    product = argument
    for _ in range(exponent - 1):
        product = product.times(argument)
    return product


def _power_of_exponentials(argument: Formula, power: float) -> Formula | None:
    """Return the formula of a positive power of a product or quotient of exponentials.

    The power may be one more factor of the exponent, so it counts as one more exponential. The
    result is None if other factors occur.
    """
    if argument.exponent is None:
        return None
    reaches = [
        np.maximum(reach, reach**power) for reach in (argument.reach, argument.inverse_reach)
    ]
    return replace(
        argument,
        reach=reaches[0],
        inverse_reach=reaches[1],
        exponent=power * argument.exponent,
        exponentials=argument.exponentials + 1,
    )


def add_rewriting_errors(
    op: object, before: Sequence[InputErrors], output: OutputErrors, size: np.ndarray
) -> OutputErrors:
    """Add the errors of the ways in which a runtime may rewrite the op's formula.

    Args:
        op: The op; if it has no formula, no error is added.
        before: Inputs with their errors.
        output: The errors of the op without rewriting.
        size: `(B, n)` bound on the magnitude of the op's real value.
    """
    value_formula = formula(op, before)
    if value_formula is None:
        return output
    if isinstance(op, Rearrange):
        return replace(output, formula=value_formula)
    more = value_formula.error(size + output.off)
    rounding = None if output.own_rounding is None else output.own_rounding + more
    return replace(
        output,
        local=output.local + more,
        off=output.off + more,
        own_rounding=rounding,
        formula=value_formula,
    )
