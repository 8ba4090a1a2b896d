"""Propagation of float32 errors through curves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ...core import Bounds, InputError, UnsupportedError, down, gamma, up
from ...graph.float32 import FLOAT32, only_picks
from ...ops import Curve, Step
from ...ops.float32 import float32_error
from ...ops.relaxation.slopes import slope_range
from ..relaxations import CurveRelaxation
from .values import MOST, TINY, InputErrors, OutputErrors, flush_error, times


def curve(op: Curve, before: Sequence[InputErrors], bounds: Bounds, reads: int) -> OutputErrors:
    """Bound a curve's error by its slopes at all possible arguments, or by its range there.

    The possible arguments are the input's real range, widened by the error of the input.
    """
    x = before[0]
    lo, hi = x.lo - x.off, x.hi + x.off
    lo, hi = np.where(x.off > 0, down(lo), lo), np.where(x.off > 0, up(hi), hi)
    try:
        if isinstance(op, Step) and op.rows is not None:
            lo, hi = np.where(x.off > 0, np.floor(lo), lo), np.where(x.off > 0, np.ceil(hi), hi)
        least, most = op.range(lo, hi)
    except InputError:
        return _unbounded_error(x.off)
    width = np.where(x.off > 0, most - least, 0.0)
    local = _rounding(op, np.maximum(-least, most))
    slopes, jumps = _slopes(op, lo, hi, x.off)
    middle = 0.5 * slopes[0] + 0.5 * slopes[1]
    radius = np.maximum(slopes[1] - middle, middle - slopes[0]) * (1.0 + 2.0**-50)
    steep = np.maximum(np.abs(slopes[0]), np.abs(slopes[1]))
    # A subnormal argument may be read as zero.
    local = local + np.minimum(times(steep, flush_error(x.lo - x.off, x.hi + x.off)), 1.0)
    moved = np.minimum(times(steep, x.off) + jumps, width)
    moved = np.where(np.isnan(moved), np.inf, moved)
    rest = times(radius, x.off) + 2.0**-48 * times(np.abs(middle), x.off)
    straight = (jumps == 0) & np.isfinite(rest) & (rest <= moved)
    middle, rest = np.where(straight, middle, 0.0), np.where(straight, rest, moved)
    local = local + gamma(reads + 16) * moved
    zero = np.zeros((2, *rest.shape))
    slope = np.stack([middle, middle])
    lines = CurveRelaxation(slope, zero, None, zero, zero, zero)
    return OutputErrors(local + rest, moved + local, lines, local)


def _unbounded_error(off: np.ndarray) -> OutputErrors:
    unbounded, zero = np.full(off.shape, np.inf), np.zeros((2, *off.shape))
    return OutputErrors(unbounded, unbounded, CurveRelaxation(zero, zero, None, zero, zero, zero))


def _rounding(op: Curve, size: np.ndarray) -> np.ndarray:
    """Bound the rounding error of float32 in a curve's value of magnitude at most `size`."""
    if isinstance(op, Step) and (op.is_staircase or op.rows is not None):
        # A number of a table is rounded to the nearest float32; a staircase adds no error.
        return np.where(size < MOST, FLOAT32.unit * size, np.inf) * (op.rows is not None)
    stated = float32_error(op)
    if stated is None:
        raise UnsupportedError(
            "With arithmetic='float32', every function must have a known bound on its float32 "
            "error (docs/float32.md lists the functions with such a bound). Received: "
            f"`{op.name}`. For this function, use arithmetic='real'."
        )
    if only_picks(op, FLOAT32):
        return np.where(size < MOST, np.where(size > 0, FLOAT32.tiny, 0.0), np.inf)
    local = FLOAT32.unit * (stated.relative * size + stated.absolute) + TINY
    return np.where(size < MOST, local, np.inf)


def _slopes(
    op: Curve, lo: np.ndarray, hi: np.ndarray, off: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Return the range of slopes between jumps, and a bound on the effect of jumps within reach."""
    zero = np.zeros(lo.shape)
    if isinstance(op, Step):
        jumps = np.where((off > 0) & ~op.is_flat(lo, hi), np.inf, 0.0)
        if op.is_staircase:
            # At most this many jumps, each as high as their spacing, lie in any interval of length
            # `off`.
            jumps = np.minimum(jumps, op.spacing * (np.floor(off / op.spacing) + 1.0))
        return (zero, zero), jumps
    jumps, least, most = zero, np.full(lo.shape, np.inf), np.full(lo.shape, -np.inf)
    edges = (-np.inf, *op.jumps, np.inf)
    for first, last in pairwise(edges):
        start = np.maximum(lo, up(first) if np.isfinite(first) else first)
        stop = np.minimum(hi, down(last) if np.isfinite(last) else last)
        met = start <= stop
        low, high = slope_range(op, np.where(met, start, lo), np.where(met, stop, lo))
        least = np.where(met, np.minimum(least, low), least)
        most = np.where(met, np.maximum(most, high), most)
    for jump in op.jumps:
        values = op.f(np.array([down(jump), jump, up(jump)]))
        height = float(values.max() - values.min()) * (1.0 + 2.0**-40)
        met = (lo <= jump) & (jump <= hi) & (off > 0)
        jumps = jumps + np.where(met, height, 0.0)
    nothing = least > most
    return (np.where(nothing, 0.0, least), np.where(nothing, 0.0, most)), jumps
