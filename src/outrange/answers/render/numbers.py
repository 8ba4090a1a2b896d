"""Formatting of numbers with few digits, of bounds rounded outward, and of percentages."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

import numpy as np
from numpy.typing import ArrayLike


DIGITS = 6
"""Significant digits of displayed numbers; arrays keep all digits."""


def tidy(values: ArrayLike, scale: ArrayLike) -> np.ndarray:
    """Round values to the precision of `scale` with `DIGITS` digits, without negative zeros.

    For display only: a bound of -4e-16 next to a range of 2 is shown as 0.
    """
    values = np.asarray(values, np.float64)
    scale = np.broadcast_to(np.asarray(scale, np.float64), values.shape)
    safe = np.where(np.isfinite(scale) & (scale > 0), scale, 1.0)
    unit = 10.0 ** np.clip(np.floor(np.log10(safe)) - (DIGITS - 1), -300, 300)
    steps = np.round(values / unit)
    back = np.where(unit < 1, steps / np.round(1 / np.minimum(unit, 1.0)), steps * unit)
    return np.where(np.isfinite(values) & (scale > 0), back, values) + 0.0


def outward(values: ArrayLike, scale: ArrayLike, side: int) -> np.ndarray:
    """Round bounds outward to the precision of `scale` with `DIGITS` digits.

    A printed bound thus remains a bound. A bound that needs no more digits is unchanged. A bound so
    small that it would become 0 is rounded to one significant digit instead: -2.9e-15 becomes
    -3e-15, since a step in the last digit of `scale` would be far too wide.

    Args:
        scale: Magnitude that determines the digits; it broadcasts against `values`.
        side: -1 for lower bounds, 1 for upper bounds.

    Returns:
        Numbers at or beyond the bounds.

    Example:
        >>> outward([0.1234561, -2.9e-15, 2.0], 1.0, -1)
        array([ 1.2345e-01, -3.0000e-15,  2.0000e+00])
        >>> float(outward(0.1234561, 1.0, 1))
        0.12346
    """
    values = np.asarray(values, np.float64)
    near = tidy(values, scale)
    missing = near < values if side > 0 else near > values
    if not missing.any():
        return near
    flat = np.broadcast_to(np.asarray(scale, np.float64), values.shape)
    magnitude = np.where(near == 0, np.abs(values), flat)
    digits = np.where(near == 0, 1, DIGITS).ravel()
    rows = zip(values.flat, magnitude.flat, digits, missing.flat, near.flat, strict=True)
    rounded = [_beyond(v, s, int(d), side) if m else n for v, s, d, m, n in rows]
    return np.array(rounded, np.float64).reshape(values.shape)


def _beyond(value: float, scale: float, digits: int, side: int) -> float:
    """Return the nearest number at or beyond `value` with the precision of `scale`.

    The precision is the unit of the last digit when `scale` is written with `digits` digits.
    """
    if not np.isfinite(value) or not np.isfinite(scale):
        return value
    exponent = Decimal(scale).adjusted() - (digits - 1)
    rounding = ROUND_CEILING if side > 0 else ROUND_FLOOR
    step = Decimal(1).scaleb(exponent)
    with localcontext() as context:
        context.prec = 800  # enough for the exact decimal form of any float64
        return float((Decimal(value) / step).to_integral_value(rounding) * step)


def vector(values: ArrayLike, most: int = 8) -> str:
    """Format an array in one line, such as `[0., 2.5]`; an axis longer than `most` is abridged."""
    values = np.asarray(values)
    if values.ndim == 0:
        text = number(float(values))
        return text if set(text) & set(".einfa") else f"{text}."
    if len(values) <= most:
        parts = [vector(part, most) for part in values]
    else:
        first, last = ([vector(v, most) for v in side] for side in (values[:3], values[-3:]))
        parts = [*first, "...", *last]
    return f"[{', '.join(parts)}]"


def number(value: float | None) -> str:
    """Format one number with `DIGITS` significant digits, and None as a dash."""
    return "-" if value is None else f"{value:.{DIGITS}g}"


def bound(value: float, side: int) -> str:
    """Format one bound, rounded outward to `DIGITS` digits: down if `side` is -1, up if it is 1."""
    return number(float(outward(value, abs(value), side)))


def outward_ends(lo: float, hi: float) -> tuple[float, float]:
    """Round the bounds of an interval outward to `DIGITS` digits of the larger absolute value."""
    scale = max(abs(lo), abs(hi))
    return float(outward(lo, scale, -1)), float(outward(hi, scale, 1))


def ends_text(lo: ArrayLike, hi: ArrayLike) -> str:
    """Format lower and upper bounds, rounded outward: `lo=[0., 1.], hi=[2., 3.]`."""
    scale = np.maximum(np.abs(lo), np.abs(hi))
    return f"lo={vector(outward(lo, scale, -1))}, hi={vector(outward(hi, scale, 1))}"


def short(value: float, digits: int = 4, side: int = 0) -> float:
    """Round a number to `digits` significant digits; a negative zero becomes 0.

    Args:
        side: 0 rounds to nearest, -1 rounds down (for lower bounds), and 1 rounds up.

    Example:
        >>> short(0.12349, 3), short(0.12349, 3, -1), short(0.12301, 3, 1)
        (0.123, 0.123, 0.124)
    """
    near = float(f"{value:.{digits}g}") + 0.0
    if side * near >= side * value or not np.isfinite(value):
        return near
    return _beyond(value, abs(value), digits, side) + 0.0


def share(part: int, whole: int) -> str:
    """Format `part / whole` as a percentage; 0 and 100 are shown only if they are exact."""
    percent = f"{part / whole:.1%}"
    if part > 0 and percent == "0.0%":
        return "<0.1%"
    return ">99.9%" if part < whole and percent == "100.0%" else percent


def size(seconds: float) -> str:
    """Format a duration in seconds, such as `12.50 s` or `3 min 5 s`."""
    return f"{seconds:.2f} s" if seconds < 60 else f"{int(seconds // 60)} min {seconds % 60:.0f} s"
