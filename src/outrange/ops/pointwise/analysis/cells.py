"""The sign of an expression along the line, proved cell by cell.

The first cells form a fixed grid. If the enclosure of a cell leaves the sign undecided, the cell is
cut into smaller ones. Where the sign changes, the cells shrink geometrically toward the root.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from ....core.arrays import Elementwise
from ...numerics.root import root
from ..expression import Expressions
from ..intervals import enclosures
from ..nodes import Apply
from ..primitives import PRIMITIVES
from ..values import program


FAR = 2.0**40
"""Largest point of the first grid of cells around 0; the grid is symmetric."""

_STEPS = np.concatenate([
    np.arange(0.0, 8.0, 0.125), 8.0 * 1.25 ** np.arange(0, 53), [2.0**20, 2.0**30, FAR],
])  # fmt: skip
_NEAR = 2.0 ** -np.array([
    3.0, 6.0, 9.0, 12.0, 16.0, 20.0, 30.0, 40.0, 60.0, 100.0, 300.0, 500.0, 700.0, 990.0,
])  # fmt: skip
_WAVES = np.arange(8.0, 104.0, 0.25)
_CUTS, _ROUNDS, _MOST = 4, 5, 6000
_RINGS = 4.0 ** np.arange(0, 40)


Payable = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""A function of the cells' widths and of the sizes of an expression on them. It returns a mask of
the cells whose sign may stay unknown, because the error that this adds is small."""


@dataclass(frozen=True, eq=False)
class CellGrid:
    """Neighboring cells in order, with the sign and size of an expression on each.

    Args:
        lo: `(cells,)`: the lower endpoints of the cells.
        hi: `(cells,)`: the upper endpoints of the cells.
        sign: 1 (nowhere negative), -1 (nowhere positive), 0 (zero) or 2 (unknown).
        size: Upper bound on the absolute value of the expression on the cell.
        stuck: Number of cuts in a row, up to the one that produced this cell, that decided no sign.
    """

    lo: np.ndarray
    hi: np.ndarray
    sign: np.ndarray
    size: np.ndarray
    stuck: np.ndarray

    def clusters(self) -> list[tuple[int, int]]:
        """Return `(first, stop)` of every run of cells with unknown sign."""
        open_ = np.concatenate([[False], self.sign == 2, [False]])
        starts = np.flatnonzero(open_[1:] & ~open_[:-1])
        stops = np.flatnonzero(~open_[1:] & open_[:-1])
        return list(zip(starts.tolist(), stops.tolist(), strict=True))


def grid(lo: float, hi: float, waves: bool = False) -> np.ndarray:
    """Return points from `lo` to `hi`, close together near 0 and near finite endpoints.

    With `waves`, more points are added, for functions that contain a sine or cosine.
    """
    steps = np.concatenate([_STEPS, _WAVES]) if waves else _STEPS
    points = [np.array([lo, hi]), steps, -steps]
    for end, sign in ((lo, 1.0), (hi, -1.0)):
        points += [end + sign * _STEPS, end + sign * _NEAR] if np.isfinite(end) else []
    edges = np.unique(np.concatenate(points))
    return edges[(edges >= lo) & (edges <= hi)]


def _measure_sign(
    t: Expressions, e: int, lo: np.ndarray, hi: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    low, high = (end + np.zeros(lo.shape) for end in enclosures(t, [e], lo, hi)[e])
    sign = np.where(low >= 0, np.where(high <= 0, 0, 1), np.where(high <= 0, -1, 2))
    return sign, np.maximum(np.abs(low), np.abs(high))


def _subdivide(lo: np.ndarray, hi: np.ndarray, count: int) -> np.ndarray:
    """Cut each cell into `count` parts, and return their edges, `(cells, count + 1)`."""
    with np.errstate(invalid="ignore"):
        parts = lo[:, None] + (hi - lo)[:, None] * (np.arange(1, count) / count)
    edges = np.concatenate([lo[:, None], parts, hi[:, None]], axis=1)
    return np.clip(edges, lo[:, None], hi[:, None])


def _refine(t: Expressions, e: int, cells: CellGrid, payable: Callable, rounds: int) -> CellGrid:
    """Cut cells of unknown sign into four parts, in up to `rounds` rounds.

    A cell is not cut if its sign may stay unknown (`payable`), if it is infinite or too narrow, or
    if the last two cuts decided no sign. The rounds end early if there would be too many cells.
    """
    for _ in range(rounds):
        again = (cells.sign == 2) & ~payable(cells.hi - cells.lo, cells.size) & (cells.stuck < 2)
        again &= np.isfinite(cells.lo) & np.isfinite(cells.hi)
        least = 4 * np.spacing(np.maximum(np.abs(cells.lo), np.abs(cells.hi)))
        again &= cells.hi - cells.lo > least
        if not again.any() or len(cells.lo) + _CUTS * again.sum() > _MOST:
            break
        edges = _subdivide(cells.lo[again], cells.hi[again], _CUTS)
        new = _new(t, e, edges[:, :-1].ravel(), edges[:, 1:].ravel())
        open_ = (new.sign == 2).reshape(-1, _CUTS).all(axis=1)
        stuck = np.where(open_, cells.stuck[again] + 1, 0)
        cells = _merge(cells, ~again, replace(new, stuck=np.repeat(stuck, _CUTS)))
    return cells


def _new(t: Expressions, e: int, lo: np.ndarray, hi: np.ndarray) -> CellGrid:
    sign, size = _measure_sign(t, e, lo, hi)
    return CellGrid(lo, hi, sign, size, np.zeros(lo.shape, int))


def _merge(cells: CellGrid, mask: np.ndarray, new: CellGrid) -> CellGrid:
    """Return the cells in `mask` and the new cells, in order, without empty new cells."""
    proper = new.lo < new.hi
    parts = [
        np.concatenate([getattr(cells, f.name)[mask], getattr(new, f.name)[proper]])
        for f in fields(CellGrid)
    ]
    order = np.argsort(parts[0], kind="stable")
    return CellGrid(*(p[order] for p in parts))


def signs(
    t: Expressions, e: int, lo: float, hi: float, payable: Callable, finest: float = 1e-9
) -> CellGrid:
    """Divide `[lo, hi]` into cells, and determine the sign of `e` on each of them.

    Args:
        t: The table of expressions.
        e: An expression without branches, defined on this interval.
        lo: Lower endpoint; may be `-inf`.
        hi: Upper endpoint; may be `inf`.
        payable: Function of the cells' widths and of the sizes of `e` on them. It returns a mask of
            the cells whose sign may stay unknown, because the error is small.
        finest: Approximate distance from a root at which a sign is still required.
    """
    edges = grid(lo, hi, has_waves(t, e))
    cells = _new(t, e, edges[:-1], edges[1:])
    cells = _refine(t, e, cells, payable, _ROUNDS)
    height = program(t, e)
    runs = [
        (i, j)
        for i, j in cells.clusters()
        if np.isfinite(cells.lo[i])
        and np.isfinite(cells.hi[j - 1])
        and not payable(cells.hi[i:j] - cells.lo[i:j], cells.size[i:j]).all()
    ]
    a = np.array([cells.lo[i] for i, _ in runs])
    b = np.array([cells.hi[j - 1] for _, j in runs])
    at = roots(height, a, b)
    mask, rings = np.ones(len(cells.lo), bool), []
    for (i, j), left, right, x in zip(runs, a, b, at, strict=True):
        if not np.isnan(x):
            mask[i:j] = False
            rings.append(_rings(x, left, right, finest))
    if rings:
        lo_ = np.concatenate([r[:-1] for r in rings])
        hi_ = np.concatenate([r[1:] for r in rings])
        cells = _merge(cells, mask, _new(t, e, lo_, hi_))
        cells = replace(cells, stuck=np.zeros(len(cells.lo), int))
    return _refine(t, e, cells, payable, 4)


def has_waves(t: Expressions, e: int) -> bool:
    """Return whether an expression contains a sine or cosine, and so may bend infinitely often."""
    nodes = (t.nodes[k] for k in t.dependencies(e))
    return any(isinstance(n, Apply) and PRIMITIVES[n.name].waves for n in nodes)


def roots(height: Elementwise, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a point between each `a` and `b` where a function changes sign, or NaN."""
    if not a.size:
        return a
    first, last = np.asarray(height(a), float), np.asarray(height(b), float)
    changes = (first * last <= 0) & ((first != 0) | (last != 0))
    sign = np.where(last > first, 1.0, -1.0)
    with np.errstate(all="ignore"):
        places = root(lambda x: sign * height(x), a, b)
    return np.where(changes, places, np.nan)


def _rings(at: float, a: float, b: float, finest: float) -> np.ndarray:
    """Return points of `[a, b]` that approach `at`, the nearest about `finest` away from it."""
    steps = max(finest, 16.0 * float(np.spacing(max(abs(at), 2.0**-20)))) * _RINGS
    points = np.concatenate([[a, b], at - steps, at + steps])
    return np.unique(points[(points >= a) & (points <= b)])
