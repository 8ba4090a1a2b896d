"""Many cells as a few: what goes on when there is no time for each of them.

An affine map is fitted to all of them, entry by entry, where it says more than a box; how far any
cell's form is from it is one more error.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core import gamma
from ...domains.forward import ForwardForm
from ...domains.rounding import widened
from .cells import Cells, bounded, error_of, form_ends
from .decide_units import joined
from .polytope import CutPolytope, face_of


WORTH = 0.5
"""Of the half width of a box: an error of a map that is larger says hardly more than the box."""


NUMBERS = 256
"""Hulls times corners of a box: what they cost beside thousands of cells is little."""

NEAR = 1e-9
"""Cells that are no farther apart than this are taken to meet: vertices are rounded to 1e-16."""


def hulls(whole: Cells, parts: Sequence[Cells]) -> Cells:
    """A few cells, no more than there were, whose forms enclose those of all cells.

    Args:
        whole: All inputs, as a single cell before the first operation.
        parts: Cells that cover it, all at the same value.

    Sound: for every input, what the forms of its cell enclose is enclosed. Cost: a product for each
    vertex of a cell and each hull that it meets.
    """
    (polytope,) = whole.polytopes
    most = min(NUMBERS >> polytope.size, sum(map(len, parts)))
    boxes = [_boxes(cells.polytopes) for cells in parts]
    return joined(
        [_hull(whole, one, _meeting(one, parts, boxes)) for one in _halves(polytope, most)]
    )


def _halves(polytope: CutPolytope, most: int) -> list[CutPolytope]:
    """The polytope in parts, each halved along one input after the other."""
    found, axis = [polytope], 0
    while polytope.size and 2 * len(found) <= most:
        halves = []
        for one in found:
            places = one.floats[:, axis]
            slopes = [float(i == axis) for i in range(polytope.size)]
            face = face_of(slopes, -0.5 * float(places.min() + places.max()))
            halves += [half for half in one.cut(face) if half.points]
        found, axis = halves, (axis + 1) % polytope.size
    return found


def _boxes(polytopes: Sequence[CutPolytope]) -> np.ndarray:
    """Ends of the box of each, `(2, cells, inputs)`."""
    ends = [(one.floats.min(axis=0), one.floats.max(axis=0)) for one in polytopes]
    return np.array(ends).swapaxes(0, 1)


def _meeting(
    polytope: CutPolytope, parts: Sequence[Cells], boxes: Sequence[np.ndarray]
) -> list[Cells]:
    """The cells whose boxes meet that of a polytope."""
    ((lo, hi),) = _boxes([polytope]).swapaxes(0, 1)
    found = []
    for cells, (low, high) in zip(parts, boxes, strict=True):
        meets = ((low <= hi + NEAR) & (lo - NEAR <= high)).all(axis=1)
        if meets.any():
            found.append(cells.picked(np.flatnonzero(meets)))
    return found


def _hull(whole: Cells, polytope: CutPolytope, parts: Sequence[Cells]) -> Cells:
    forms = {v: _around_all(parts, v) for v in parts[0].forms if v}
    if 0 in parts[0].forms:
        forms[0] = whole.forms[0]
    return Cells([polytope], forms, np.zeros(1, bool), parts[0].value)


def _around_all(parts: Sequence[Cells], value: int) -> ForwardForm:
    k, n = parts[0].polytopes[0].size, parts[0].forms[value].center.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        box = _around(parts, value, np.zeros((1 + k, n)))
        fitted = _fitted(parts, value)
        close = _around(parts, value, fitted)
        better = close.rest < WORTH * box.rest
        return bounded(ForwardForm(
            np.where(better, close.center, box.center),
            np.where(better[:, None], close.rows, box.rows),
            np.where(better, close.rest, box.rest),
        ))  # fmt: skip


def _fitted(parts: Sequence[Cells], value: int) -> np.ndarray:
    """`(1 + k, n)`: constants and slopes of about the nearest map, by least squares."""
    gram, sides = 0.0, 0.0
    for cells in parts:
        form = cells.forms[value]
        counts = [len(one.points) for one in cells.polytopes]
        at = np.repeat(np.arange(len(cells)), counts)
        points = np.concatenate([one.floats for one in cells.polytopes])
        rows = form.rows[at, : points.shape[1]]
        images = form.center[at] + (points[:, :, None] * rows).sum(axis=1)
        known = np.column_stack([np.ones(len(points)), points])
        gram, sides = gram + known.T @ known, sides + known.T @ images
    # Any map will do: one that is no number is none.
    return np.nan_to_num(np.linalg.pinv(gram) @ sides, nan=0.0, posinf=0.0, neginf=0.0)


def _around(parts: Sequence[Cells], value: int, fit: np.ndarray) -> ForwardForm:
    """A form with the slopes of a map that encloses all cells' forms."""
    k, n = len(fit) - 1, fit.shape[1]
    least, most = np.full(n, np.inf), np.full(n, -np.inf)
    for cells in parts:
        form = cells.forms[value]
        center, rows = form.center - fit[0], form.rows[:, :k] - fit[1:]
        off = ForwardForm(center, rows, np.zeros_like(center))
        low, high, pad = form_ends(cells.polytopes, off)
        # Differences are rounded, and every number of an input is at most 1.
        size = np.abs(center) + np.abs(rows).sum(axis=1)
        error = widened(pad + error_of(form, k) + gamma(k + 8) * size)
        least = np.minimum(least, (low - error).min(axis=0))
        most = np.maximum(most, (high + error).max(axis=0))
    middle = 0.5 * least + 0.5 * most
    half = np.maximum(most - middle, middle - least)
    far = np.abs(fit[0]) + np.abs(middle) + np.abs(least) + np.abs(most)
    rest = widened(half + gamma(16) * far)
    return ForwardForm((fit[0] + middle)[None], fit[None, 1:], rest[None])
