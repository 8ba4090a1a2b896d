"""The grid that numbers lie on: sums of whole multiples of a power of two are exact in float64."""

from __future__ import annotations

import numpy as np


FINEST = 2.0**-24
"""Finer grids are not looked for: sums on them leave float64 before long."""

FIRST = 64
"""Entries that are looked at first: of trained weights hardly one in a thousand lies on a grid."""


def grid_of(values: np.ndarray) -> float:
    """The largest power of two that divides all numbers; 0 if that is below `FINEST`.

    Infinite if all are zero: they lie on any grid.

    Example:
        >>> grid_of(np.array([1.0, -0.75])), grid_of(np.array([0.1])), grid_of(np.zeros(3))
        (0.25, 0.0, inf)
    """
    flat = np.ravel(values)
    found = np.inf
    for part in (flat[:FIRST], flat[FIRST:]):
        found = min(found, _coarsest(part))
        if found < FINEST:
            return 0.0
    return found


def _coarsest(values: np.ndarray) -> float:
    if not np.isfinite(values).all():
        return 0.0
    some = values[values != 0]
    if not some.size:
        return np.inf
    mantissa, power = np.frexp(some)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    return float(np.ldexp((whole & -whole).astype(np.float64), power - 53).min())
