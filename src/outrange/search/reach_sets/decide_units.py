"""Cuts cells until every unit of a piecewise-linear curve is on one linear piece.

The position of a knot's plane is known only up to the error of the unit's form. So a unit's true
value may leave its piece by up to this error. The result is then off by up to this error times the
change of the slope, which is added to the result's error. No cut is made where a knot crosses a
cell by less than the error. In this case, the amount by which the unit exceeds its piece is an
additional error. So the cells cover the set despite all rounding.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...core import seconds_left
from ...core.rounding import UNIT
from ...domains.rounding import inflate
from ...domains.zonotopes import RULES, Zonotopes
from ...ops import Curve
from .cells import Cells, error_of, form_ends, without_overflow
from .polytope import CutPolytope, face_of


def cut_by_knots(op: Curve, source: int, cells: Cells, has_room: Callable[[int], bool]) -> Cells:
    """Cut cells by the knots of a curve; return them with the form of the curve's value.

    On cells that can no longer be cut, the value is only enclosed.

    Args:
        cells: The cells to cut.
        has_room: Function that returns whether time is left, and the given number of cells is
            allowed.

    Sound: yes, as the module explains. Cost: a cut for each knot that crosses a cell.
    """
    waiting, done, k = cells, [], cells.polytopes[0].size
    while len(waiting):
        form = waiting.forms[source]
        ends = _knot_ends(op, waiting, form)
        error = error_of(form, k)
        crosses = _crossing_knots(ends, error)
        settled = ~crosses.any(axis=(1, 2))
        if settled.any():
            at = np.flatnonzero(settled)
            ended = waiting.select(at)
            if op.has_exact_lines:
                low, high, pad = (end[at] for end in ends)
                ended.forms[-1] = _on_pieces(op, ended.forms[source], low, high, pad, k)
            else:  # with inexact lines, which are handled by an enclosure of one piece
                ended.forms[-1] = enclose(op, source, ended).forms[-1]
            done.append(ended)
        rest = waiting.select(np.flatnonzero(~settled))
        total = 2 * len(rest) + sum(map(len, done))
        if not len(rest) or not has_room(total):
            done += [enclose(op, source, rest)] if len(rest) else []
            break
        waiting = _cut_in_two(op, source, rest, crosses[~settled])
    return concatenate_cells(done)


def enclose(op: Curve, source: int, cells: Cells) -> Cells:
    """Enclose a curve on each cell between lines over each unit's range, without any cut.

    Return the cells, to which the form of the curve's value is added.
    """
    form = cells.forms[source]
    low, high, pad = form_ends(cells.polytopes, form)
    error = inflate(pad + error_of(form, cells.polytopes[0].size))
    lo, hi = low - error, high + error
    lo = np.where(np.isnan(lo), -np.inf, np.nextafter(lo, -np.inf))
    hi = np.where(np.isnan(hi), np.inf, np.nextafter(hi, np.inf))
    result = cells.select(np.arange(len(cells)))
    bent = RULES[Curve](op, [form], [(lo, hi)], each=map, keep_symbols=False)
    assert bent is not None
    result.forms[-1] = without_overflow(bent)
    result.exact = np.zeros(len(cells), bool)
    return result


def concatenate_cells(parts: list[Cells]) -> Cells:
    """Concatenate cells that have all reached the same graph value."""
    if len(parts) == 1:
        return parts[0]
    forms = {v: Zonotopes.concatenate([part.forms[v] for part in parts]) for v in parts[0].forms}
    polytopes = [polytope for part in parts for polytope in part.polytopes]
    exact = np.concatenate([part.exact for part in parts])
    return Cells(polytopes, forms, exact, parts[0].value)


Ends = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Bounds of `z - knot` over each cell, and their float64 errors: `(B, knots, n)` each."""


def _knot_ends(op: Curve, cells: Cells, form: Zonotopes) -> Ends:
    """Return the bounds of the distances `z - knot` to all knots over each cell."""
    low, high, pad = (end[:, None, :] for end in form_ends(cells.polytopes, form))
    knots = np.array(op.knots)[None, :, None]
    # The difference is rounded once for the bounds, and once in the plane of the cut.
    far = 2 * UNIT * (np.maximum(np.abs(low - knots), np.abs(high - knots)) + np.abs(knots))
    more = np.where(knots == 0.0, 0.0, far + UNIT * np.abs(form.center[:, None] - knots))
    return low - knots, high - knots, inflate(pad + 2 * more)


def _crossing_knots(ends: Ends, error: np.ndarray) -> np.ndarray:
    """Return a mask `(B, knots, n)` of the knots that cross a cell by more than all errors."""
    low, high, pad = ends
    slack = pad + error[:, None]
    return (low < -slack) & (high > slack)


def _on_pieces(
    op: Curve,
    form: Zonotopes,
    low: np.ndarray,
    high: np.ndarray,
    pad: np.ndarray,
    size: int,
) -> Zonotopes:
    """Return the form of a curve's value on cells in which every unit stays on one piece.

    Args:
        low: Lower bounds of `z - knot`, `(B, knots, n)`.
        high: Upper bounds of `z - knot`, `(B, knots, n)`.
        pad: Float64 errors of these bounds.
        size: Number of inputs.
    """
    assert op.lines is not None
    lines = np.array([line for line in op.lines if line is not None])
    gap = (low + high >= 0).sum(axis=1)
    slope, shift = lines[gap, 0], lines[gap, 1]
    change = np.abs(lines[:, 0] - slope[..., None]).max(axis=2)
    error = error_of(form, size)
    # Amounts by which the form and the value exceed the piece.
    over, beyond = (_excess(low, high, gap, inflate(pad + more)) for more in (0.0, error[:, None]))
    rest = np.abs(slope) * form.rest + beyond * change
    rows = form.rows * slope[:, None]
    if form.count == size:
        # Without symbols, only the form leaves its piece, and the curve magnifies its error by at
        # most the steepest slope.
        steepest = np.abs(lines[:, 0]).max()
        rest = np.minimum(rest, steepest * error + over * change)
    plain = ((slope == 0.0) | (np.abs(slope) == 1.0)) & (shift == 0.0)
    reach = np.abs(slope) * (np.abs(form.center) + form.reach) + np.abs(shift)
    rest = rest * (1 + 8 * UNIT) + np.where(plain, 0.0, 8 * UNIT * reach)
    rest = np.where(rest == 0, 0.0, inflate(rest))
    return without_overflow(Zonotopes(slope * form.center + shift, rows, rest))


def _excess(low: np.ndarray, high: np.ndarray, gap: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Bound how far `z +- error` may exceed the piece that each unit is on, `(B, n)`."""
    none = np.full((len(low), 1, low.shape[2]), -np.inf)
    before = np.concatenate([none, error - low], axis=1)
    after = np.concatenate([high + error, none], axis=1)
    over = np.take_along_axis(np.maximum(before, after), gap[:, None], axis=1)[:, 0]
    return np.where(over <= 0, 0.0, inflate(np.abs(over)))


def _cut_in_two(op: Curve, source: int, cells: Cells, crossed: np.ndarray) -> Cells:
    """Cut each cell in two along the plane of one knot that crosses it.

    After the deadline, the remaining cells are returned without a cut.

    Args:
        crossed: `(B, knots, n)` mask of the knots that cross each cell.
    """
    form = cells.forms[source]
    cell_of: list[int] = []
    polytopes: list[CutPolytope] = []
    for i in range(len(cells)):
        if seconds_left() < 0:  # the remaining cells stay whole, and will be enclosed
            left = range(i, len(cells))
            return cells.select(
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
    return cells.select(np.array(cell_of, np.int64), polytopes)
