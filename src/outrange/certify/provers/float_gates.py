"""Gates in float64: products of a linear form and the slope of a unit's curve.

This vectorizes `outrange_check.curves.slopes` and its use in `outrange_check.bounds`. A slope is
given as an interval. An interval of inputs is considered to lie on one side of a kink only if
float64 arithmetic can decide this, because the checker can then decide it, too.
"""

from __future__ import annotations

import numpy as np

from outrange_check.curves import BITS, SMOOTH

from ...ops import curve
from .float_lines import Lines
from .float_network import FloatBlock


TOUCH = 1e-10
"""An interval is considered to lie on one side of a kink only if its distance from the kink is at
least this fraction of its length."""


def float_slopes(
    block: FloatBlock, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest slope of a block's curve over `low <= z <= high`.

    Args:
        block: The block with the curve.
        low: Lower bounds on `z`, of any shape.
        high: Upper bounds on `z`, of the same shape.
    """
    if block.slopes is not None:
        below, above = block.slopes
        room = TOUCH * (high - low) + TOUCH * TOUCH
        left, right = low < room, high > -room
        return (
            np.minimum(np.where(left, below, above), np.where(right, above, below)),
            np.maximum(np.where(left, below, above), np.where(right, above, below)),
        )
    df = curve(str(block.curve)).df
    assert df is not None
    places = [low, high, *(np.clip(end / 2.0**BITS, low, high) for end, _ in _ends(block))]
    slopes = [df(place) for place in places]
    return np.minimum.reduce(slopes), np.maximum.reduce(slopes)


def _ends(block: FloatBlock) -> list[tuple[float, int]]:
    return SMOOTH[str(block.curve)][2][:-1]


def gate_lines(least: np.ndarray, most: np.ndarray, low: np.ndarray, high: np.ndarray) -> Lines:
    """Return lines in `z` below and above `slope * z`, where `slope` and `z` lie in intervals.

    Args:
        least: Smallest slopes, of any shape.
        most: Largest slopes, of the same shape.
        low: Lower bounds on `z`, of the same shape.
        high: Upper bounds on `z`, of the same shape.
    """
    is_one_sided = (low >= 0) | (high <= 0)
    width = np.where(is_one_sided, 1.0, high - low)
    out = []
    for below, above in ((most, least), (least, most)):  # the slopes of the product at the ends
        slope = np.where(
            is_one_sided, np.where(low >= 0, above, below), (above * high - below * low) / width
        )
        out += [slope, np.where(is_one_sided, 0.0, (above - slope) * high)]
    return out[0], out[1], out[2], out[3]
