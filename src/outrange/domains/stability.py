"""Activation phases: the linear piece of its curve to which a unit is confined over a box.

A unit is *stable* if its whole range lies in one interval between adjacent knots on which the curve
is a straight line, or if the range is a single point. Its linear bounds are then exact, and stay
exact on every smaller box. A stable unit's interval is stored in one byte: `-1` for the first
interval, `1` for the last, `1 + g` for an inner interval `g`. `0` marks a unit that is not known to
lie in such an interval.
"""

from collections.abc import Iterator

import numpy as np

from ..ops import Curve, Largest, Step


def _gaps(curve: Curve) -> Iterator[tuple[int, float, float, tuple[bool, bool]]]:
    """Yield `(code, least, most, strict)` for every linear piece of a curve with several pieces.

    `least` and `most` are the endpoints of the piece. `strict` states for each endpoint whether the
    curve jumps there.
    """
    ends = (-np.inf, *curve.knots, np.inf)
    last = len(curve.bends) - 1
    for g, bend in enumerate(curve.bends):
        if bend == "line" and last > 0:
            code = 1 if g == last else -1 if g == 0 else 1 + g
            least, most = ends[g], ends[g + 1]
            yield code, least, most, (least in curve.jumps, most in curve.jumps)


def phase_codes(curve: Curve, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Return the phase byte of each unit over `[lo, hi]`, as int8 in the shape of `lo`."""
    codes = np.zeros(lo.shape, np.int8)
    for code, least, most, strict in _gaps(curve):
        inside = (lo > least) if strict[0] else (lo >= least)
        inside &= (hi < most) if strict[1] else (hi <= most)
        codes[inside & (codes == 0)] = code
    return codes


def is_stable(curve: Curve, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Return a mask of the units whose linear bounds are exact on every part of `[lo, hi]`."""
    if isinstance(curve, Step):
        return curve.is_flat(lo, hi)
    if len(curve.bends) == 1:
        return np.full(lo.shape, True) if curve.bends[0] == "line" else lo == hi
    return (phase_codes(curve, lo, hi) != 0) | (lo == hi)


def clip_to_phases(
    curve: Curve, codes: np.ndarray, lo: np.ndarray, hi: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Clip `lo` and `hi`, in place, to the linear piece that each unit's phase code denotes."""
    for code, least, most, _ in _gaps(curve):
        in_gap = codes == code
        if in_gap.any():
            np.maximum(lo, least, out=lo, where=in_gap)
            np.minimum(hi, most, out=hi, where=in_gap)
    return lo, hi


def find_rivals(op: Largest, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Return the entries that compete for the maximum of a window in some box.

    An entry competes if it may be the largest of a window in which another entry may also be the
    largest.
    """
    present = op.windows >= 0
    source = np.maximum(op.windows, 0)
    best = np.where(present, lo[:, source], -np.inf).max(axis=-1, keepdims=True)
    able = present & (hi[:, source] >= best)
    able &= able.sum(axis=-1, keepdims=True) > 1
    return np.unique(source[able.any(axis=0)])
