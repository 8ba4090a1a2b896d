"""A few hulls that replace many cells if there is no time to process each cell.

For each hull, an affine map is fitted to the cells that may meet it, and used for the entries where
it is much tighter than a box. The largest distance of a cell's form from the map is added to the
error.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core import gamma
from ...domains.rounding import inflate
from ...domains.zonotopes import Zonotopes
from .cells import Cells, error_of, form_ends, without_overflow
from .decide_units import concatenate_cells
from .polytope import CutPolytope, face_of


WORTH = 0.5
"""Threshold for the error of the fitted map at an entry, as a fraction of half the width of the
entry's range. Above this threshold, the range is used instead of the map."""


NUMBERS = 256
"""Limit on the number of hulls times the number of corners of a box. It keeps the cost of hulls
small compared with the cost of thousands of cells."""

NEAR = 1e-9
"""Distance up to which cells are treated as touching: vertices are rounded to 1e-16."""


def hulls(whole: Cells, parts: Sequence[Cells]) -> Cells:
    """Return a few cells, called hulls, whose forms enclose the forms of all given cells.

    There are at most as many hulls as given cells.

    Args:
        whole: All inputs, as a single cell before the first operation.
        parts: Cells that cover all inputs and have reached the same graph value.

    Sound: for every input, the hull encloses the values that the forms of the input's cell allow.
    Cost: for each hull, a least-squares fit to the vertices of the cells that may meet it.
    """
    (polytope,) = whole.polytopes
    most = min(NUMBERS >> polytope.size, sum(map(len, parts)))
    boxes = [_boxes(cells.polytopes) for cells in parts]
    return concatenate_cells(
        [_hull(whole, part, _meeting(part, parts, boxes)) for part in _halves(polytope, most)]
    )


def _halves(polytope: CutPolytope, most: int) -> list[CutPolytope]:
    """Divide a polytope into at most `most` parts, by halving along one input after another."""
    parts, axis = [polytope], 0
    while polytope.size and 2 * len(parts) <= most:
        halves = []
        for part in parts:
            places = part.floats[:, axis]
            slopes = [float(i == axis) for i in range(polytope.size)]
            face = face_of(slopes, -0.5 * float(places.min() + places.max()))
            halves += [half for half in part.cut(face) if half.points]
        parts, axis = halves, (axis + 1) % polytope.size
    return parts


def _boxes(polytopes: Sequence[CutPolytope]) -> np.ndarray:
    """Return the lower and upper corner of each polytope's bounding box, `(2, cells, inputs)`."""
    ends = [(polytope.floats.min(axis=0), polytope.floats.max(axis=0)) for polytope in polytopes]
    return np.array(ends).swapaxes(0, 1)


def _meeting(
    polytope: CutPolytope, parts: Sequence[Cells], boxes: Sequence[np.ndarray]
) -> list[Cells]:
    """Return the cells whose bounding boxes touch the bounding box of a polytope."""
    ((lo, hi),) = _boxes([polytope]).swapaxes(0, 1)
    touching = []
    for cells, (low, high) in zip(parts, boxes, strict=True):
        meets = ((low <= hi + NEAR) & (lo - NEAR <= high)).all(axis=1)
        if meets.any():
            touching.append(cells.select(np.flatnonzero(meets)))
    return touching


def _hull(whole: Cells, polytope: CutPolytope, parts: Sequence[Cells]) -> Cells:
    """Return one cell on `polytope`, whose forms enclose those of the cells `parts`."""
    forms = {v: _around_all(parts, v) for v in parts[0].forms if v}
    if 0 in parts[0].forms:
        forms[0] = whole.forms[0]
    return Cells([polytope], forms, np.zeros(1, bool), parts[0].value)


def _around_all(parts: Sequence[Cells], value: int) -> Zonotopes:
    """Enclose a value of all cells by a fitted map, or by a box where the map is not much tighter.

    Each entry of the value is treated separately; see `WORTH`.
    """
    k, n = parts[0].polytopes[0].size, parts[0].forms[value].center.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        box = _around(parts, value, np.zeros((1 + k, n)))
        fitted = _fit(parts, value)
        close = _around(parts, value, fitted)
        better = close.rest < WORTH * box.rest
        return without_overflow(Zonotopes(
            np.where(better, close.center, box.center),
            np.where(better[:, None], close.rows, box.rows),
            np.where(better, close.rest, box.rest),
        ))  # fmt: skip


def _fit(parts: Sequence[Cells], value: int) -> np.ndarray:
    """Fit a map to all cells by least squares; return constants and slopes, `(1 + k, n)`."""
    gram, sides = 0.0, 0.0
    for cells in parts:
        form = cells.forms[value]
        counts = [len(polytope.points) for polytope in cells.polytopes]
        at = np.repeat(np.arange(len(cells)), counts)
        points = np.concatenate([polytope.floats for polytope in cells.polytopes])
        rows = form.rows[at, : points.shape[1]]
        images = form.center[at] + (points[:, :, None] * rows).sum(axis=1)
        columns = np.column_stack([np.ones(len(points)), points])
        gram, sides = gram + columns.T @ columns, sides + columns.T @ images
    # Any map is valid; numbers that are not finite are replaced by 0.
    return np.nan_to_num(np.linalg.pinv(gram) @ sides, nan=0.0, posinf=0.0, neginf=0.0)


def _around(parts: Sequence[Cells], value: int, fit: np.ndarray) -> Zonotopes:
    """Return a form that has the slopes of a map and encloses the forms of all cells."""
    k, n = len(fit) - 1, fit.shape[1]
    least, most = np.full(n, np.inf), np.full(n, -np.inf)
    for cells in parts:
        form = cells.forms[value]
        center, rows = form.center - fit[0], form.rows[:, :k] - fit[1:]
        off = Zonotopes(center, rows, np.zeros_like(center))
        low, high, pad = form_ends(cells.polytopes, off)
        # Differences are rounded, and the absolute value of every input is at most 1.
        size = np.abs(center) + np.abs(rows).sum(axis=1)
        error = inflate(pad + error_of(form, k) + gamma(k + 8) * size)
        least = np.minimum(least, (low - error).min(axis=0))
        most = np.maximum(most, (high + error).max(axis=0))
    middle = 0.5 * least + 0.5 * most
    half = np.maximum(most - middle, middle - least)
    far = np.abs(fit[0]) + np.abs(middle) + np.abs(least) + np.abs(most)
    rest = inflate(half + gamma(16) * far)
    return Zonotopes((fit[0] + middle)[None], fit[None, 1:], rest[None])
