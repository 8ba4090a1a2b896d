"""Normalization of a value by its own statistics, with limits on the results for every input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...core import up
from ..values import Operand, Value
from .products import product


if TYPE_CHECKING:
    from ..builder import Builder


def standardize(b: Builder, x: Operand, axes: Sequence[int], epsilon: float) -> Operand:
    """Return `(x - mean) / sqrt(variance + epsilon)` over `axes`.

    If `epsilon` is not negative, no result among `n` entries exceeds `sqrt(n - 1)` in size. The
    deviations from the mean add up to 0, so if one deviation is `d`, the squares of the others add
    up to at least `d^2 / (n - 1)`.
    """
    centered = b.subtract(x, b.reduce("mean", x, axes, True))
    n = int(np.prod([x.shape[i] for i in axes]))
    return _scale_by_rms(b, centered, axes, epsilon, float(n - 1))


def by_root_mean_square(b: Builder, x: Operand, axes: Sequence[int], epsilon: float) -> Operand:
    """Return `x / sqrt(mean(x ** 2) + epsilon)` over `axes`.

    If `epsilon` is not negative, no result among `n` entries exceeds `sqrt(n)` in size.
    """
    n = int(np.prod([x.shape[i] for i in axes]))
    return _scale_by_rms(b, x, axes, epsilon, float(n))


def _scale_by_rms(
    b: Builder, x: Operand, axes: Sequence[int], epsilon: float, most: float
) -> Operand:
    square = b.reduce("mean", b.curve("square", x), axes, True)
    factor = b.curve("rsqrt", b.affine_map(square, 1.0, epsilon))
    return multiply_within(b, x, factor, float(up(np.sqrt(most))) if epsilon >= 0 else np.inf)


def multiply_within(b: Builder, x: Operand, factor: Operand, most: float) -> Operand:
    """Return `x * factor`, which the caller guarantees to lie in `[-most, most]`."""
    if not isinstance(x, Value) or not isinstance(factor, Value):
        return b.multiply(x, factor)
    factor = b.broadcast(factor, x.shape)
    places = np.arange(x.size).reshape(x.shape)
    return product(b, x, factor, places, places, name="normalize", limits=(-most, most))


def by_norm(b: Builder, x: Operand, axes: Sequence[int], order: float, epsilon: float) -> Operand:
    """Return `x / max(norm(x), epsilon)` over `axes`, with a norm of order 1, 2 or infinity.

    No entry exceeds 1 in size.
    """
    if order == 2:
        square = b.reduce("sum", b.curve("square", x), axes, True)
        # min(1 / sqrt(s), 1 / epsilon), without the pole.
        factor = b.curve("rsqrt", b.clip(square, epsilon * epsilon, np.inf))
    else:
        size = b.reduce("sum" if order == 1 else "max", b.curve("abs", x), axes, True)
        factor = b.curve("reciprocal", b.clip(size, epsilon, np.inf))
    return multiply_within(b, x, factor, 1.0)
