"""Ends of ranges in few digits, rounded so that what lies between the ends still does."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Context

import numpy as np


DIGITS = 4
"""Digits in which messages show a number."""


def rounded_up(value: float) -> float:
    """The least number of few digits that is not below."""
    return _rounded(value, ROUND_CEILING)


def rounded_down(value: float) -> float:
    """The largest number of few digits that is not above."""
    return _rounded(value, ROUND_FLOOR)


def _rounded(value: float, way: str) -> float:
    if not np.isfinite(value):
        return value
    return float(Context(prec=DIGITS, rounding=way).create_decimal(value)) + 0.0
