"""Activation phases: the gap of a curve that a unit lies in, and what follows from it.

A unit is *stable* when its whole range lies in one gap on which the curve is a straight line (or
is a single point): its linear bounds are then exact, and stay so on every smaller box.
A stable unit's gap is kept in one byte: `-1` the first gap, `1` the last, `1 + g` an inner gap
`g`, and `0` for an unstable unit, or one whose gap is not linear.
"""

from collections.abc import Iterator

import numpy as np

from ..ops import Curve, Largest, Step


def _gaps(curve: Curve) -> Iterator[tuple[int, float, float, tuple[bool, bool]]]:
    """`(code, least, most, strict)` of every straight gap; `strict` where an end is a jump."""
    ends = (-np.inf, *curve.knots, np.inf)
    last = len(curve.bends) - 1
    for g, bend in enumerate(curve.bends):
        if bend == "line" and last > 0:
            code = 1 if g == last else -1 if g == 0 else 1 + g
            least, most = ends[g], ends[g + 1]
            yield code, least, most, (least in curve.jumps, most in curve.jumps)


def phase_codes(curve: Curve, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """The byte of each unit over `[lo, hi]`, int8 of that shape."""
    codes = np.zeros(lo.shape, np.int8)
    for code, least, most, strict in _gaps(curve):
        inside = (lo > least) if strict[0] else (lo >= least)
        inside &= (hi < most) if strict[1] else (hi <= most)
        codes[inside & (codes == 0)] = code
    return codes


def is_stable(curve: Curve, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Where the linear bounds of the unit are exact whatever its ends."""
    if isinstance(curve, Step):
        return curve.is_flat(lo, hi)
    if len(curve.bends) == 1:
        return np.full(lo.shape, True) if curve.bends[0] == "line" else lo == hi
    return (phase_codes(curve, lo, hi) != 0) | (lo == hi)


def clip_to_phases(
    curve: Curve, codes: np.ndarray, lo: np.ndarray, hi: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`lo`, `hi` cut to the gap that each unit is known to lie in (in place)."""
    for code, least, most, _ in _gaps(curve):
        known = codes == code
        if known.any():
            np.maximum(lo, least, out=lo, where=known)
            np.minimum(hi, most, out=hi, where=known)
    return lo, hi


def rivals(op: Largest, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Entries that may be the largest of a window that has another such entry, in some box."""
    present = op.windows >= 0
    source = np.maximum(op.windows, 0)
    best = np.where(present, lo[:, source], -np.inf).max(axis=-1, keepdims=True)
    able = present & (hi[:, source] >= best)
    able &= able.sum(axis=-1, keepdims=True) > 1
    return np.unique(source[able.any(axis=0)])
