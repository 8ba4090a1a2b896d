"""The checker's lines in float64: `outrange_check.curves.lines`, for many units at once.

Nothing here is trusted: a line that differs in its last digits costs a proof, not its soundness.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from outrange_check.curves import BITS, SMOOTH

from ...ops import curve
from .float_network import FloatBlock


TURNS = 24
"""Halvings by which the checker looks for the point where a curve has a given slope."""

Lines = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""`low slope, low offset, high slope, high offset`."""

Function = Callable[[np.ndarray], np.ndarray]

SEAM = 3e-7
"""What a ball evaluation of a curve loses where its bend is not said, per unit of its slope."""


def float_lines(block: FloatBlock, low: np.ndarray, high: np.ndarray) -> Lines:
    """Lines below and above the curve of a block over `low <= z <= high`.

    Args:
        block: Whose curve.
        low: From there; any shape.
        high: To there.
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
    """Least and largest value of units, as the checker's constant lines have them.

    Args:
        block: Whose curve.
        low: From there.
        high: To there.
        lines: Over the same interval.
    """
    if block.slopes is not None:
        ends = block.slopes[0] * low, block.slopes[1] * high, 0.0 * low
        one = (low >= 0) | (high <= 0)
        slope = lines[0]
        least = np.where(one, np.minimum(slope * low, slope * high), np.minimum.reduce(ends))
        return least, np.where(one, np.maximum(slope * low, slope * high), np.maximum.reduce(ends))
    ls, lt, hs, ht = lines
    return np.minimum(ls * low, ls * high) + lt, np.maximum(hs * low, hs * high) + ht


def turns_up(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether the line that may turn has the slope above the kink, where no share is given."""
    return 1025 * high > -1024 * low


def _kink(slopes: tuple[float, float], low: np.ndarray, high: np.ndarray) -> Lines:
    below, above = slopes
    one = (low >= 0) | (high <= 0)
    slope = np.where(low >= 0, above, below)
    turn = np.where(turns_up(low, high), above, below)
    chord = (above * high - below * low) / np.where(one, 1.0, high - low)
    offset = (above - chord) * high
    turn, chord = np.where(one, slope, turn), np.where(one, slope, chord)
    offset, none = np.where(one, 0.0, offset), np.zeros_like(low)
    return (turn, none, chord, offset) if above >= below else (chord, offset, turn, none)


def _smooth(name: str, f: Function, df: Function, low: np.ndarray, high: np.ndarray) -> Lines:
    """As the checker: the tangent in the middle, the chord, or the best of four slopes."""
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
        # The checker looks for the middle by bisection, and pays for what it misses.
        # The slope is rounded down, so from one side it misses nothing.
        missed = np.abs(df(middle - (high - low) / 2**TURNS) - tangent) * (sign > 0)
        touch = f(middle) - slope * middle - sign * missed * (high - low) / 2
        at_ends = [f_low - slope * low, f_high - slope * high]
        ends = np.minimum(*at_ends) if sign > 0 else np.maximum(*at_ends)
        offset = np.where(bend == sign, touch, ends)
        if mixed.size:
            a, b = low[mixed], high[mixed]
            tried = np.stack([chord[mixed], tangent[mixed], df(a), df(b)])
            found = _least(f, df, bends, sign, tried, a, b)
            score = sign * tried * (a + b) / 2 + found
            best = np.argmax(score, axis=0)[None]
            slope[mixed] = np.take_along_axis(tried, best, 0)[0]
            offset[mixed] = sign * np.take_along_axis(found, best, 0)[0]
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
    """A lower bound of `sign * (f(z) - slope * z)` over the pieces between `low` and `high`."""
    out = np.full(slope.shape, np.inf)
    start = -np.inf
    for end, bend in bends:
        there = np.flatnonzero((np.minimum(high, end) > low) & (high > start) & (start < end))
        a, b = np.maximum(low[there], start), np.minimum(high[there], end)
        start, slopes = end, slope[:, there]
        if not there.size:
            continue
        ends = np.minimum(sign * (f(a) - slopes * a), sign * (f(b) - slopes * b))
        if bend == 0:
            ends = ends - SEAM * (1.5 + np.abs(slopes))
        elif bend * sign > 0:
            p = _level(df, sign, slopes, a, b)
            rise = sign * (df(p) - slopes)
            g = sign * (f(p) - slopes * p)
            ends = np.minimum(g + rise * (a - p), g + rise * (b - p))
        out[:, there] = np.minimum(out[:, there], ends)
    return out


def _level(df: Function, sign: int, slope: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where a piece that bends upward, seen with its sign, has a slope."""
    a, b = np.broadcast_to(a, slope.shape), np.broadcast_to(b, slope.shape)
    for _ in range(TURNS):
        middle = (a + b) / 2
        rising = sign * (df(middle) - slope) > 0
        a, b = np.where(rising, a, middle), np.where(rising, middle, b)
    return a
