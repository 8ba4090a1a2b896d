"""The grid on which numbers lie: the multiples of a power of two.

Float64 adds such multiples exactly, up to `2^53` times the power of two.
"""

from __future__ import annotations

import numpy as np


FINEST = 2.0**-24
"""Finest grid that is searched for: sums on finer grids soon need more digits than float64 has."""

FIRST = 64
"""Number of entries that are checked first. If they are trained weights, one of them is usually not
a multiple of `FINEST`. The other entries are then not checked.
"""


def grid_of(values: np.ndarray) -> float:
    """Return the largest power of two that divides all numbers; 0 if it is below `FINEST`.

    The result is infinite if all numbers are 0, since 0 lies on any grid. It is 0 if a number is
    not finite.

    Example:
        >>> grid_of(np.array([1.0, -0.75])), grid_of(np.array([0.1])), grid_of(np.zeros(3))
        (0.25, 0.0, inf)
    """
    flat = np.ravel(values)
    spacing = np.inf
    for part in (flat[:FIRST], flat[FIRST:]):
        spacing = min(spacing, _coarsest(part))
        if spacing < FINEST:
            return 0.0
    return spacing


def _coarsest(values: np.ndarray) -> float:
    if not np.isfinite(values).all():
        return 0.0
    nonzero = values[values != 0]
    if not nonzero.size:
        return np.inf
    mantissa, power = np.frexp(nonzero)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    return float(np.ldexp((whole & -whole).astype(np.float64), power - 53).min())
