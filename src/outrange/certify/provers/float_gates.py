"""Gates in float64: a form times the slope that a unit's curve has, which some interval holds.

It is `outrange_check.curves.slopes`, and what `outrange_check.bounds` makes of it, for many units
at once. A side of a kink is believed only if float64 can tell it; then the checker can.
"""

from __future__ import annotations

import numpy as np

from outrange_check.curves import BITS, SMOOTH

from ...ops import curve
from .float_lines import Lines
from .float_network import FloatBlock


TOUCH = 1e-10
"""Of an interval's length, how far from the kink it lies to be on one side of it."""


def float_slopes(
    block: FloatBlock, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest slope of the curve of a block over `low <= z <= high`.

    Args:
        block: Whose curve.
        low: From there; any shape.
        high: To there.
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
    found = [df(place) for place in places]
    return np.minimum.reduce(found), np.maximum.reduce(found)


def _ends(block: FloatBlock) -> list[tuple[float, int]]:
    return SMOOTH[str(block.curve)][2][:-1]


def gate_lines(least: np.ndarray, most: np.ndarray, low: np.ndarray, high: np.ndarray) -> Lines:
    """Lines below and above `slope * z` with `least <= slope <= most` and `low <= z <= high`.

    Args:
        least: Slopes from there.
        most: To there.
        low: From there; any shape.
        high: To there.
    """
    one = (low >= 0) | (high <= 0)
    width = np.where(one, 1.0, high - low)
    out = []
    for below, above in ((most, least), (least, most)):  # what the product is at the ends
        slope = np.where(
            one, np.where(low >= 0, above, below), (above * high - below * low) / width
        )
        out += [slope, np.where(one, 0.0, (above - slope) * high)]
    return out[0], out[1], out[2], out[3]
