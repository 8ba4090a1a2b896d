"""Finds points of boxes that satisfy some clause, by descents and a retreat toward the middle."""

from __future__ import annotations

import numpy as np

from ..attack.pgd import Descent, descend
from ..common.domain_boxes import DomainBoxes
from .clause_bounds import ClauseBounds
from .settings import SETTINGS


INSIDE = Descent(steps=24, step=0.3, decay=0.82)
"""Settings for the descents within boxes."""


def violations_in(
    clauses: ClauseBounds,
    lo: np.ndarray,
    hi: np.ndarray,
    open_: np.ndarray,
    whole: np.ndarray,
    rng: np.random.Generator,
) -> list[list[np.ndarray]]:
    """Return, for each box, up to two points where an open clause has a value of at most 0.

    The values are computed in plain float64. The point with the lowest value often lies on a face
    that two boxes share. So a point nearer to the middle of the box comes first, if the value there
    is still at most a quarter of the (negative) lowest value. The list of a box is empty if no
    point was found.

    Args:
        clauses: The clauses and their values.
        lo: `(B, d)` lower bounds of the free inputs.
        hi: `(B, d)` upper bounds of the free inputs.
        open_: `(B, m)` mask of the open clauses.
        whole: `(d,)` mask of the integer inputs.
        rng: Random generator for the starts.
    """
    count, d = lo.shape
    with np.errstate(all="ignore"):
        deep, at = _descend(clauses, lo, hi, open_, whole, rng)
        boxes = DomainBoxes(lo, hi, whole)
        middle = boxes.snap(0.5 * lo + 0.5 * hi)
        shares = np.append(0.0, 0.5 ** np.arange(SETTINGS.retreats - 1, 0, -1))
        line = middle[:, None] + shares[:, None] * (at - middle)[:, None]
        line = boxes.snap(np.clip(line, lo[:, None], hi[:, None]))
        value = _least(
            clauses.values(line.reshape(-1, d)), np.repeat(open_, SETTINGS.retreats, axis=0)
        )
    well = value.reshape(count, SETTINGS.retreats) <= np.minimum(0.25 * deep, 0.0)[:, None]
    points_of_boxes: list[list[np.ndarray]] = []
    for i in range(count):
        points = [] if not deep[i] <= 0 else [at[i]]
        if points and well[i].any():
            points.insert(0, line[i, int(well[i].argmax())])
        points_of_boxes.append(points)
    return points_of_boxes


def _descend(
    clauses: ClauseBounds,
    lo: np.ndarray,
    hi: np.ndarray,
    open_: np.ndarray,
    whole: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Descend on the open clauses from the middle and from random points of each box.

    Return the least value of an open clause that was found in each box, `(B,)`, and its point,
    `(B, d)`.
    """
    count, d = lo.shape
    low, high, on = (np.repeat(a, SETTINGS.starts, axis=0) for a in (lo, hi, open_))
    share = rng.random((count, SETTINGS.starts, d))
    share[:, 0] = 0.5
    share = share.reshape(-1, d)
    boxes = DomainBoxes(low, high, whole)
    x = boxes.snap(np.clip(low * (1.0 - share) + high * share, low, high))
    k = np.where(on, np.nan_to_num(clauses.values(x), nan=np.inf), np.inf).argmin(axis=1)
    deep, at = np.full(len(x), np.inf), x.copy()
    for met, every in descend(clauses.gradient, x, k, boxes, INSIDE):
        value = _least(every, on)
        better = value < deep
        deep[better], at[better] = value[better], met[better]
    best = deep.reshape(count, SETTINGS.starts).argmin(axis=1) + SETTINGS.starts * np.arange(count)
    return deep[best], at[best]


def _least(values: np.ndarray, open_: np.ndarray) -> np.ndarray:
    """Return the least value of the open clauses at each point, `(n,)`."""
    return np.where(open_, np.nan_to_num(values, nan=np.inf), np.inf).min(axis=1)
