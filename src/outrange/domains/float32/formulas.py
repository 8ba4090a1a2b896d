"""Products, quotients and exponentials that a runtime writes as others.

XLA computes `exp(a) exp(b)` as `exp(a + b)`, `exp(a) / exp(b)` as `exp(a - b)`, `(a / b) / (c / d)`
as `(a d) / (b c)`. A sum in an exponent is rounded relative to the sum, and the value misses by as
many units as the sum is large; products of denominators may overflow or be flushed where no
quotient does, and so may those of some factors that are multiplied first, `(a c) (b d)` as
`(a b) (c d)`. So a value that is made of products and reciprocals keeps what its factors are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...graph.float32 import FLOAT32
from ...ops import Affine, Curve, Product, Rearrange
from .values import MOST, TINY, Arrived, Carried, times


OF_EXPONENTIAL = 24.0
"""Units that a product adds for each exponential in it: what is stated of one, that of those which
others read and which are rounded for them, and a product."""


@dataclass(frozen=True, eq=False)
class Formula:
    """A value as a quotient of products.

    Args:
        top: `(2, B, n)`: the least and the most that the magnitude of the numerator can be.
        bottom: The same of the denominator.
        widest: `(B, n)` the largest factor.
        reach: `(B, n)` the most that any of its factors together can be.
        factors: How many there are, constants among them.
        divisions: How often it divides.
        exponent: `(B, n)` the magnitudes of all exponents together, if it is made of exponentials.
        exponentials: So many.
    """

    top: np.ndarray
    bottom: np.ndarray
    widest: np.ndarray
    reach: np.ndarray
    factors: int = 1
    divisions: int = 0
    exponent: np.ndarray | None = None
    exponentials: int = 0

    @staticmethod
    def of(x: Arrived) -> Formula:
        """A value by itself, where it is no such formula."""
        if x.formula is not None:
            return x.formula
        least = np.maximum(np.maximum(x.lo - x.off, -(x.hi + x.off)), 0.0)
        top = np.stack([least, x.size])
        return Formula(top, np.ones(top.shape), x.size, np.maximum(x.size, 1.0))

    def inverse(self) -> Formula:
        """One over it."""
        reach = np.maximum(1.0 / np.maximum(self.top[0], FLOAT32.tiny), 1.0)
        return replace(
            self, top=self.bottom, bottom=self.top, reach=reach, divisions=self.divisions + 1
        )

    def times(self, other: Formula) -> Formula:
        """A product."""
        exponent = None
        if self.exponent is not None and other.exponent is not None:
            exponent = self.exponent + other.exponent
        return Formula(
            times(self.top, other.top),
            times(self.bottom, other.bottom),
            np.maximum(self.widest, other.widest),
            self.reach * other.reach,
            self.factors + other.factors,
            self.divisions + other.divisions,
            exponent,
            self.exponentials + other.exponentials,
        )

    def at(self, index: np.ndarray) -> Formula:
        """Of some entries."""
        exponent = None if self.exponent is None else self.exponent[:, index]
        top, bottom = self.top[..., index], self.bottom[..., index]
        widest, reach = self.widest[:, index], self.reach[:, index]
        return replace(self, top=top, bottom=bottom, widest=widest, reach=reach, exponent=exponent)

    def error(self, size: np.ndarray) -> np.ndarray:
        """What writing it otherwise may add to the error of a value of at most that size."""
        found = np.zeros(size.shape)
        if self.exponent is not None and self.exponentials > 1:
            count = self.exponentials
            found = FLOAT32.unit * size * (OF_EXPONENTIAL * count + (count - 1) * self.exponent)
            found = found * (1.0 + 2.0**-10)
        if self.factors > 2:  # they may be multiplied in any order
            found = np.where(self.reach < MOST, found + TINY * self.factors * self.reach, np.inf)
        if self.divisions > 1:
            least, most = self.bottom
            bad = (self.top[1] >= MOST) | (most >= MOST) | (least < 2.0 * FLOAT32.tiny)
            flushed = TINY * (1.0 + self.widest) / np.maximum(least, FLOAT32.tiny)
            found = np.where(bad, np.inf, found + flushed)
        return found


def formula(op: object, before: Sequence[Arrived]) -> Formula | None:
    """What an op makes of the formulas of those that it reads; None where that is none."""
    if isinstance(op, Product):
        left, right = (Formula.of(x) for x in before)
        return left.at(op.left).times(right.at(op.right))
    if isinstance(op, Rearrange) and len(before) == 1 and (op.index >= 0).all():
        return None if before[0].formula is None else before[0].formula.at(op.index)
    if isinstance(op, Affine) and op.factor is not None and not op.bias.any():
        size = np.broadcast_to(np.abs(op.factor), before[0].off.shape)
        factor = Formula(
            np.stack([size, size]), np.ones((2, *size.shape)), size, np.maximum(size, 1.0)
        )
        return Formula.of(before[0]).times(factor)
    if not isinstance(op, Curve) or op.origin is None:
        return None
    name, x = op.origin[0], before[0]
    if name == "exp":
        # Of its value nothing is needed: it is made of one factor.
        one = np.ones((2, *x.size.shape))
        reach = np.exp(np.clip(x.hi + x.off, 0.0, 700.0))
        return Formula(one, one, one[0], reach, exponent=x.size, exponentials=1)
    if name == "reciprocal":
        return Formula.of(x).inverse()
    if name == "square":
        own = Formula.of(x)
        return own.times(own)
    return None


def rewritten(op: object, before: Sequence[Arrived], found: Carried, size: np.ndarray) -> Carried:
    """With what the op's formula may be written as.

    Args:
        op: A product, a curve, a rearrangement; others have no formula.
        before: What it reads.
        found: Its errors as it stands.
        size: `(B, n)` the largest magnitude of its value, without errors.
    """
    known = formula(op, before)
    if known is None:
        return found
    if isinstance(op, Rearrange):
        return replace(found, formula=known)
    more = known.error(size + found.off)
    own = None if found.own is None else found.own + more
    return replace(found, local=found.local + more, off=found.off + more, own=own, formula=known)
