"""The values of choices, from whole numbers that say which one it is."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ...graph import Builder, Value


def chosen(b: Builder, which: Value, choices: Sequence[np.ndarray]) -> Value:
    """The value of each choice, without rounding: 0.352 is 0.352, not what -0.665 + 1.017 makes it.

    Args:
        b: The builder.
        which: `(batch, c)` whole numbers from 0: the place of a value among those of its choice.
        choices: The values of each, rising.
    """
    found = [
        _value(b, b.structural(lambda a, i=i: a[0][:, i : i + 1], [which]), values.tolist())
        for i, values in enumerate(choices)
    ]
    return b.concat(found, axis=1)  # pyright: ignore[reportReturnType]


def _value(b: Builder, which: Value, values: Sequence[float]) -> Value:
    """A line through all values where they lie on one; else one piece after the other."""
    first, exact = values[0], [Fraction(v) for v in values]
    step = values[1] - first if len(values) > 1 else 0.0
    if all(exact[0] + j * Fraction(step) == v for j, v in enumerate(exact)):
        return b.affine_map(which, step, first)
    factors: list[float] = []
    pieces = []
    for j in range(1, len(values)):
        # The difference of two float64 numbers is a sum of few of them.
        left = exact[j] - exact[j - 1]
        while left:
            factors.append(float(left))
            pieces.append(b.clip(b.affine_map(which, 1.0, 1.0 - j), 0.0, 1.0))
            left -= Fraction(factors[-1])
    return b.affine_map(b.combine(factors, pieces), 1.0, first)  # pyright: ignore[reportReturnType]
