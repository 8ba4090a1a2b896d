"""A curve of straight pieces on cells: cells are cut until every unit is on one piece.

Where the plane of a knot lies, only its form says, which may be off by some error. That is paid:
where a unit is taken to be on a piece, its true value may be on the next one for as far as this
error, times the change of the slope. A cell is not cut for less than that, either: what a unit
exceeds its piece by is one more error. So cells cover the set whatever was rounded.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...core import seconds_left
from ...core.rounding import UNIT
from ...domains.forward import RULES, ForwardForm
from ...domains.rounding import widened
from ...ops import Curve
from .cells import Cells, bounded, error_of, form_ends
from .polytope import CutPolytope, face_of


def decided(op: Curve, source: int, cells: Cells, room: Callable[[int], bool]) -> Cells:
    """The cells, cut, with the form of the curve's value; those that are not cut enclose it.

    Args:
        op: A curve of straight pieces.
        source: The value that it bends.
        cells: Where it is asked.
        room: Whether there is time, and so many cells may be had.

    Sound: see above. Cost: a cut for each knot that runs through a cell.
    """
    waiting, done, k = cells, [], cells.polytopes[0].size
    while len(waiting):
        form = waiting.forms[source]
        ends = _knot_ends(op, waiting, form)
        error = error_of(form, k)
        crossed = _crossed(ends, error)
        settled = ~crossed.any(axis=(1, 2))
        if settled.any():
            at = np.flatnonzero(settled)
            ended = waiting.picked(at)
            if op.has_exact_lines:
                low, high, pad = (end[at] for end in ends)
                ended.forms[-1] = _on_pieces(op, ended.forms[source], low, high, pad, k)
            else:  # whose lines have to be rounded: around a single one that is all there is
                ended.forms[-1] = enclosed(op, source, ended).forms[-1]
            done.append(ended)
        rest = waiting.picked(np.flatnonzero(~settled))
        total = 2 * len(rest) + sum(map(len, done))
        if not len(rest) or not room(total):
            done += [enclosed(op, source, rest)] if len(rest) else []
            break
        waiting = _cut(op, source, rest, crossed[~settled])
    return joined(done)


def enclosed(op: Curve, source: int, cells: Cells) -> Cells:
    """The cells with lines around the curve, over what its units can be on each."""
    form = cells.forms[source]
    low, high, pad = form_ends(cells.polytopes, form)
    error = widened(pad + error_of(form, cells.polytopes[0].size))
    lo, hi = low - error, high + error
    lo = np.where(np.isnan(lo), -np.inf, np.nextafter(lo, -np.inf))
    hi = np.where(np.isnan(hi), np.inf, np.nextafter(hi, np.inf))
    found = cells.picked(np.arange(len(cells)))
    bent = RULES[Curve](op, [form], [(lo, hi)], map)
    assert bent is not None
    found.forms[-1] = bounded(bent)
    found.exact = np.zeros(len(cells), bool)
    return found


def joined(parts: list[Cells]) -> Cells:
    """The cells of several, all at the same value."""
    if len(parts) == 1:
        return parts[0]
    forms = {
        v: ForwardForm(*(np.concatenate([getattr(p.forms[v], name) for p in parts])
                         for name in ("center", "rows", "rest")))
        for v in parts[0].forms
    }  # fmt: skip
    polytopes = [polytope for part in parts for polytope in part.polytopes]
    exact = np.concatenate([part.exact for part in parts])
    return Cells(polytopes, forms, exact, parts[0].value)


Ends = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Least and largest of `z - knot` over each cell, and what float64 may be off: `(B, knots, n)`."""


def _knot_ends(op: Curve, cells: Cells, form: ForwardForm) -> Ends:
    low, high, pad = (end[:, None, :] for end in form_ends(cells.polytopes, form))
    knots = np.array(op.knots)[None, :, None]
    # The difference is rounded once at the ends, and once in the plane that is cut along.
    far = 2 * UNIT * (np.maximum(np.abs(low - knots), np.abs(high - knots)) + np.abs(knots))
    more = np.where(knots == 0.0, 0.0, far + UNIT * np.abs(form.center[:, None] - knots))
    return low - knots, high - knots, widened(pad + 2 * more)


def _crossed(ends: Ends, error: np.ndarray) -> np.ndarray:
    """`(B, knots, n)`: which knots run through a cell, by more than their forms may be off."""
    low, high, pad = ends
    slack = pad + error[:, None]
    return (low < -slack) & (high > slack)


def _on_pieces(
    op: Curve,
    form: ForwardForm,
    low: np.ndarray,
    high: np.ndarray,
    pad: np.ndarray,
    size: int,
) -> ForwardForm:
    """The form of a curve on cells that no knot runs through; `size` counts inputs."""
    assert op.lines is not None
    lines = np.array([line for line in op.lines if line is not None])
    gap = (low + high >= 0).sum(axis=1)
    slope, shift = lines[gap, 0], lines[gap, 1]
    change = np.abs(lines[:, 0] - slope[..., None]).max(axis=2)
    error = error_of(form, size)
    # How far the form exceeds its piece, and the value itself; below 0 where it keeps a distance.
    over, beyond = (_excess(low, high, gap, widened(pad + more)) for more in (0.0, error[:, None]))
    rest = np.abs(slope) * form.rest + beyond * change
    rows = form.rows * slope[:, None]
    if form.count == size:
        # Without symbols a value is as far from its piece as its form, and moves no faster than L.
        steepest = np.abs(lines[:, 0]).max()
        rest = np.minimum(rest, steepest * error + over * change)
    plain = ((slope == 0.0) | (np.abs(slope) == 1.0)) & (shift == 0.0)
    reach = np.abs(slope) * (np.abs(form.center) + form.reach) + np.abs(shift)
    rest = rest * (1 + 8 * UNIT) + np.where(plain, 0.0, 8 * UNIT * reach)
    rest = np.where(rest == 0, 0.0, widened(rest))
    return bounded(ForwardForm(slope * form.center + shift, rows, rest))


def _excess(low: np.ndarray, high: np.ndarray, gap: np.ndarray, error: np.ndarray) -> np.ndarray:
    """How far `z +- error` may exceed the piece that each unit is on, `(B, n)`."""
    none = np.full((len(low), 1, low.shape[2]), -np.inf)
    before = np.concatenate([none, error - low], axis=1)
    after = np.concatenate([high + error, none], axis=1)
    over = np.take_along_axis(np.maximum(before, after), gap[:, None], axis=1)[:, 0]
    return np.where(over <= 0, 0.0, widened(np.abs(over)))


def _cut(op: Curve, source: int, cells: Cells, crossed: np.ndarray) -> Cells:
    """Each cell in two, along the plane of one of its knots, while there is time."""
    form = cells.forms[source]
    cell_of: list[int] = []
    polytopes: list[CutPolytope] = []
    for i in range(len(cells)):
        if seconds_left() < 0:  # those that are left stay whole, and are enclosed
            left = range(i, len(cells))
            return cells.picked(
                np.array([*cell_of, *left], np.int64), [*polytopes, *cells.polytopes[i:]]
            )
        knot, unit = np.unravel_index(int(crossed[i].argmax()), crossed[i].shape)
        constant = float(form.center[i, unit] - op.knots[knot])
        slopes = form.rows[i, : cells.polytopes[i].size, unit]
        face = face_of(slopes.tolist(), constant)
        for part in cells.polytopes[i].cut(face):
            if part.points:
                polytopes.append(part)
                cell_of.append(i)
    return cells.picked(np.array(cell_of, np.int64), polytopes)
