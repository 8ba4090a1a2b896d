"""Lookup of the values that the choices in a closed loop select by index."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ...graph import Builder, Value


def choice_values(b: Builder, which: Value, choices: Sequence[np.ndarray]) -> Value:
    """Look up the selected value of each choice, without rounding; the result is `(batch, c)`.

    Each entry of the result is exactly one of the float64 values. A sum of differences in float64
    would round, as in -0.665 + 1.017.

    Args:
        which: `(batch, c)` integers, the index (from 0) of the selected value of each choice.
        choices: The increasing values of each choice.
    """
    columns = [
        _value(b, b.structural(lambda a, i=i: a[0][:, i : i + 1], [which]), values.tolist())
        for i, values in enumerate(choices)
    ]
    return b.concat(columns, axis=1)  # pyright: ignore[reportReturnType]


def _value(b: Builder, which: Value, values: Sequence[float]) -> Value:
    """Compute `values[which]` exactly.

    If the values are exactly evenly spaced, the result is one affine map of `which`; otherwise it
    is a sum of clipped terms.
    """
    first, exact = values[0], [Fraction(v) for v in values]
    step = values[1] - first if len(values) > 1 else 0.0
    if all(exact[0] + j * Fraction(step) == v for j, v in enumerate(exact)):
        return b.affine_map(which, step, first)
    factors: list[float] = []
    pieces = []
    for j in range(1, len(values)):
        # The difference of two float64 numbers is an exact sum of a few float64 numbers.
        rest = exact[j] - exact[j - 1]
        while rest:
            factors.append(float(rest))
            pieces.append(b.clip(b.affine_map(which, 1.0, 1.0 - j), 0.0, 1.0))
            rest -= Fraction(factors[-1])
    return b.affine_map(b.combine(factors, pieces), 1.0, first)  # pyright: ignore[reportReturnType]
