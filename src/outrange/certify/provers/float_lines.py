"""Lines above and below curves in float64, by the method of `outrange_check.curves.lines`.

These lines are not trusted: one that is wrong in its last digits may cost a proof, not soundness.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from outrange_check.curves import BITS, SMOOTH

from ...ops import curve
from .float_network import FloatBlock


TURNS = 24
"""Number of bisections with which the checker locates the point where a curve has a given slope."""

Lines = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""The lines below and above: `low slope, low offset, high slope, high offset`."""

Function = Callable[[np.ndarray], np.ndarray]

BALL_LOSS = 3e-7
"""Error, per unit of slope, of evaluating a curve in ball arithmetic where the sign of its second
derivative is unknown."""


def float_lines(block: FloatBlock, low: np.ndarray, high: np.ndarray) -> Lines:
    """Return lines below and above a block's curve over `low <= z <= high`.

    Args:
        block: The block with the curve.
        low: Lower bounds on `z`, of any shape.
        high: Upper bounds on `z`, of the same shape.
    """
    if block.slopes is not None:
        return _kink(block.slopes, low, high)
    name = str(block.curve)
    facts = curve(name)
    assert facts.df is not None
    return _smooth(name, facts.f, facts.df, low, high)


def float_values(
    block: FloatBlock, low: np.ndarray, high: np.ndarray, lines: Lines
) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper bounds on the units' values, by the method of the checker's `values`.

    Args:
        block: The block of the units.
        low: Lower bounds on the sums that enter the curve.
        high: Upper bounds on these sums.
        lines: The lines over the same intervals.
    """
    if block.slopes is not None:
        ends = block.slopes[0] * low, block.slopes[1] * high, 0.0 * low
        is_one_sided = (low >= 0) | (high <= 0)
        slope = lines[0]
        least = np.where(
            is_one_sided, np.minimum(slope * low, slope * high), np.minimum.reduce(ends)
        )
        return least, np.where(
            is_one_sided, np.maximum(slope * low, slope * high), np.maximum.reduce(ends)
        )
    ls, lt, hs, ht = lines
    return np.minimum(ls * low, ls * high) + lt, np.maximum(hs * low, hs * high) + ht


def turns_up(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return whether the default slope of a line through a kink is the slope above the kink."""
    return 1025 * high > -1024 * low


def _kink(slopes: tuple[float, float], low: np.ndarray, high: np.ndarray) -> Lines:
    below, above = slopes
    is_one_sided = (low >= 0) | (high <= 0)
    slope = np.where(low >= 0, above, below)
    turn = np.where(turns_up(low, high), above, below)
    chord = (above * high - below * low) / np.where(is_one_sided, 1.0, high - low)
    offset = (above - chord) * high
    turn, chord = np.where(is_one_sided, slope, turn), np.where(is_one_sided, slope, chord)
    offset, none = np.where(is_one_sided, 0.0, offset), np.zeros_like(low)
    return (turn, none, chord, offset) if above >= below else (chord, offset, turn, none)


def _smooth(name: str, f: Function, df: Function, low: np.ndarray, high: np.ndarray) -> Lines:
    """Choose lines as the checker does: tangent at the middle, chord, or best of four slopes."""
    shape, low, high = low.shape, low.ravel(), high.ravel()
    wide, middle = high - low > 1e-12, (low + high) / 2
    f_low, f_high, tangent = f(low), f(high), df(middle)
    chord = np.where(wide, (f_high - f_low) / np.where(wide, high - low, 1.0), tangent)
    bend = np.zeros(low.shape, int)
    start = -np.inf
    bends = [(end / 2.0**BITS, sign) for end, sign in SMOOTH[name][2]]
    for end, sign in bends:
        bend = np.where((low >= start) & (high <= end), sign, bend)
        start = end
    out: list[np.ndarray] = []
    mixed = np.flatnonzero(bend == 0)
    for sign in (1, -1):
        slope = np.where(bend == sign, tangent, chord)
        # The checker locates the middle by bisection, and pays for its error.
        # The slope is rounded down, so on one side there is no error.
        missed = np.abs(df(middle - (high - low) / 2**TURNS) - tangent) * (sign > 0)
        touch = f(middle) - slope * middle - sign * missed * (high - low) / 2
        at_ends = [f_low - slope * low, f_high - slope * high]
        ends = np.minimum(*at_ends) if sign > 0 else np.maximum(*at_ends)
        offset = np.where(bend == sign, touch, ends)
        if mixed.size:
            a, b = low[mixed], high[mixed]
            tried = np.stack([chord[mixed], tangent[mixed], df(a), df(b)])
            minima = _least(f, df, bends, sign, tried, a, b)
            score = sign * tried * (a + b) / 2 + minima
            best = np.argmax(score, axis=0)[None]
            slope[mixed] = np.take_along_axis(tried, best, 0)[0]
            offset[mixed] = sign * np.take_along_axis(minima, best, 0)[0]
        out += [slope.reshape(shape), offset.reshape(shape)]
    return out[0], out[1], out[2], out[3]


def _least(
    f: Function,
    df: Function,
    bends: list[tuple[float, int]],
    sign: int,
    slope: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    """Bound `sign * (f(z) - slope * z)` from below over the pieces between `low` and `high`."""
    out = np.full(slope.shape, np.inf)
    start = -np.inf
    for end, bend in bends:
        inside = np.flatnonzero((np.minimum(high, end) > low) & (high > start) & (start < end))
        a, b = np.maximum(low[inside], start), np.minimum(high[inside], end)
        start, slopes = end, slope[:, inside]
        if not inside.size:
            continue
        ends = np.minimum(sign * (f(a) - slopes * a), sign * (f(b) - slopes * b))
        if bend == 0:
            ends = ends - BALL_LOSS * (1.5 + np.abs(slopes))
        elif bend * sign > 0:
            p = _level(df, sign, slopes, a, b)
            rise = sign * (df(p) - slopes)
            g = sign * (f(p) - slopes * p)
            ends = np.minimum(g + rise * (a - p), g + rise * (b - p))
        out[:, inside] = np.minimum(out[:, inside], ends)
    return out


def _level(df: Function, sign: int, slope: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Locate the point between `a` and `b` where `f` has the given slope; `sign * f` is convex."""
    a, b = np.broadcast_to(a, slope.shape), np.broadcast_to(b, slope.shape)
    for _ in range(TURNS):
        middle = (a + b) / 2
        rising = sign * (df(middle) - slope) > 0
        a, b = np.where(rising, a, middle), np.where(rising, middle, b)
    return a
