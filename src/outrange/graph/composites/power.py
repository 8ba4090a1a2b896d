"""Powers with a constant exponent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..values import Operand, Value


if TYPE_CHECKING:
    from ..builder import Builder


NAMED = {2.0: "square", 0.5: "sqrt", -0.5: "rsqrt", -1.0: "reciprocal"}
"""Maps exponents to the curves that exist for them."""


def power(b: Builder, x: Operand, exponent: float) -> Operand:
    """Return `x ** exponent`.

    A negative power is the reciprocal of the positive one, so it is undefined at 0. An integer
    power is also defined at negative numbers.
    """
    if exponent == 0.0:
        # It is 1 even where `x` has no value. A graph value keeps later ops from being folded.
        ones = np.ones(tuple(x.shape))
        return b.constant_value(ones) if isinstance(x, Value) else ones
    if exponent == 1.0:
        return x
    if exponent in NAMED:
        return b.curve(NAMED[exponent], x)
    if exponent < 0:
        return b.curve("reciprocal", power(b, x, -exponent))
    return b.curve("power", x, exponent=exponent)
