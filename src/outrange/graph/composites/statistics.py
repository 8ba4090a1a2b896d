"""Variances and norms over axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...core import UnsupportedError
from ..values import Operand
from .logic import truth
from .power import power


if TYPE_CHECKING:
    from ..builder import Builder


Axes = int | Sequence[int] | None


def variance(
    b: Builder, x: Operand, axes: Axes, keepdims: bool = False, correction: float = 0.0
) -> Operand:
    """Return the variance over axes, the mean squared distance from the mean.

    Args:
        b: The graph under construction.
        x: The entries of the sample.
        axes: The axes to reduce; None for all.
        keepdims: Whether the reduced axes are kept with length 1.
        correction: The sum of squares is divided by the number of entries minus this number.

    Raises:
        UnsupportedError: The correction is at least the number of entries.
    """
    square = b.curve("square", b.subtract(x, b.reduce("mean", x, axes, True)))
    if correction == 0.0:
        return b.reduce("mean", square, axes, keepdims)
    total = b.reduce("sum", square, axes, keepdims)
    count = x.size // max(int(np.prod(total.shape)), 1)
    if count <= correction:
        raise UnsupportedError(
            f"a variance must be over more entries than its correction of {correction:g}, but "
            f"is over {count}"
        )
    return b.affine_map(total, 1.0 / (count - correction), ulps=1)


def vector_norm(
    b: Builder, x: Operand, order: float, axes: Axes, keepdims: bool = False
) -> Operand:
    """Return `sum(|x| ** order) ** (1 / order)` over axes.

    Order 0 counts the nonzero entries. Infinity returns the largest magnitude, and minus infinity
    the smallest.

    Raises:
        UnsupportedError: The order is negative and finite.
    """
    if order == 2.0:
        return b.curve("sqrt", b.reduce("sum", b.curve("square", x), axes, keepdims))
    if order == 0.0:
        return b.reduce("sum", truth(b, x), axes, keepdims)
    size = b.curve("abs", x)
    if np.isinf(order):
        return b.reduce("max" if order > 0 else "min", size, axes, keepdims)
    if order < 0.0:
        raise UnsupportedError(f"a norm of the negative order {order:g} is not supported")
    total = b.reduce("sum", power(b, size, order), axes, keepdims)
    return total if order == 1.0 else power(b, total, 1.0 / order)
