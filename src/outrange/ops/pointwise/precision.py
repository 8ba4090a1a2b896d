"""Float64 implementation of a function with several pieces, and a bound on its error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core import UnsupportedError
from ...core.arrays import Elementwise
from .analysis.bends import Shape
from .expression import Expressions
from .intervals import enclose
from .values import program


_U = 2.0**-53
_ULPS = (0.0, *(2.0**k for k in range(-1, 25)))
"""Relative errors that are tried, in units of roundoff. The relative error of `exp` grows with
its argument, which may be as large as 745 and may itself be the difference of larger numbers.
Stated as an absolute error, it would be huge at large values.
"""


def _least_size(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.where(low > 0, low, np.where(high < 0, -high, 0.0))


def value_error(
    t: Expressions, shapes: Sequence[Shape], lo: float, hi: float
) -> tuple[float, float]:
    """Return `(off, ulps)` that cover the float64 error in every cell between `lo` and `hi`.

    Raises:
        UnsupportedError: The error has no bound.
    """
    absolute, relative, least = [], [], []
    for shape in shapes:
        off, part = shape.error
        inside = (shape.cells.hi > lo) & (shape.cells.lo < hi)
        # At a pole nothing is claimed about the smallest numbers.
        inside &= ~shape.broken | np.isfinite(off) | np.isfinite(part)
        low, high = enclose(t, shape.piece.expression, *shape.inner)
        for store, x in ((absolute, off), (relative, part), (least, _least_size(low, high))):
            store.append(np.broadcast_to(x, inside.shape)[inside])
    off, part, size = (np.concatenate(x) for x in (absolute, relative, least))
    best = (np.inf, 0.0, 0.0)
    for ulps in _ULPS:
        with np.errstate(invalid="ignore"):
            need = np.where(part > ulps * _U, np.maximum(off - ulps * _U * size, 0.0), 0.0)
        need = float(need.max(initial=0.0))
        best = min(best, (need / _U + ulps, need, ulps))
    if not np.isfinite(best[0]):
        raise UnsupportedError("its float64 error has no bound")
    return best[1] * 1.01, best[2]


def slope_error(t: Expressions, shapes: Sequence[Shape], lo: float, hi: float) -> float:
    """Return a bound on the error of the slope, relative to 1 plus the absolute slope."""
    worst = 0.0
    for shape in shapes:
        cells = shape.cells
        inside = (cells.hi > lo) & (cells.lo < hi) & ~shape.broken
        low, high = enclose(t, shape.slope, *shape.inner)
        with np.errstate(all="ignore"):
            absolute, relative = shape.slope_error
            error = np.fmin(absolute / (1.0 + _least_size(low, high)), relative)
            # In undecided cells, the slope of the function with the stated convexity differs.
            moved = np.where(cells.size == 0, 0.0, 2.0 * cells.size * (cells.hi - cells.lo))
        worst = max(worst, float(np.max(error[inside], initial=0.0)))
        worst = max(worst, float(np.max(moved[inside & (cells.sign == 2)], initial=0.0)))
    return worst * 1.01


def functions(
    t: Expressions, shapes: Sequence[Shape], thresholds: Sequence[float]
) -> tuple[Elementwise, Elementwise]:
    """Return `f` and its slope as functions that use the thresholds to select a piece."""
    values = [program(t, s.piece.expression) for s in shapes]
    slopes = [program(t, s.slope) for s in shapes]
    return _by_piece(thresholds, values), _by_piece(thresholds, slopes)


def _by_piece(thresholds: Sequence[float], parts: list[Elementwise]) -> Elementwise:
    if len(parts) == 1:
        only = parts[0]

        def plain(x: np.ndarray) -> np.ndarray:
            x = np.asarray(x) + 0.0  # at the end of a domain -0.0 is 0.0
            out = only(x)
            return np.where(np.isnan(x), x, out) if np.isnan(x).any() else out

        return plain
    cuts = np.array(thresholds)

    def run(x: np.ndarray) -> np.ndarray:
        x = np.asarray(x)
        which = np.searchsorted(cuts, x, side="right")
        out = np.empty(x.shape, x.dtype if x.dtype.kind == "f" else float)
        for i, part in enumerate(parts):
            is_inside = which == i
            if is_inside.any():
                out[is_inside] = part(x[is_inside])
        return np.where(np.isnan(x), x, out) if np.isnan(x).any() else out

    return run
