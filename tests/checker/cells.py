"""The least value of a form of a network of two inputs, without rounding: cell by cell.

The box is cut along every unit's kink into polygons, on each of which the network is affine; so the
least value is at a corner. This proves nothing like a certificate does, and needs no bounds.
"""

from fractions import Fraction

from checker.second_checker import value_of
from checker.second_tree import ONE


def least(units, form, box):
    """The least value of a form over a box `{0: (low, high), 1: (low, high)}`."""
    return min(value_of(form, corner) for cell in _cells(units, box) for corner in cell)


def least_growth(units, form, box):
    """The least value of a form of gates over the cells of a box that have an area."""
    slopes = []
    for cell in _cells([unit for unit in units if unit[2] is not None], box):
        middle = {k: sum(c[k] for c in cell) / len(cell) for k in cell[0]} if cell else {}
        if _area(cell):
            for gate, of, above, sums in units:
                if above is None:
                    z = next(value_of(s, middle) for k, _, _, s in units if k == of)
                    below, above = next((b, a) for k, b, a, _ in units if k == of)
                    middle[gate] = (above if z >= 0 else below) * value_of(sums, middle)
            slopes.append(value_of(form, middle))
    return min(slopes)


def _area(cell):
    ends = zip(cell, [*cell[1:], *cell[:1]], strict=True)
    return sum(p[0] * q[1] - p[1] * q[0] for p, q in ends) != 0


def _cells(units, box):
    (a, b), (c, d) = box[0], box[1]
    corners = [(a, c), (b, c), (b, d), (a, d)]
    cells = [[{ONE: Fraction(1), 0: x, 1: y} for x, y in corners]]
    for unit, below, above, sums in units:
        pieces = []
        for cell in cells:
            z = [value_of(sums, corner) for corner in cell]
            for sign, slope in ((1, above), (-1, below)):
                piece = _half(cell, [sign * v for v in z])
                pieces += [[{**p, unit: slope * value_of(sums, p)} for p in piece]] if piece else []
        cells = pieces
    return cells


def _half(cell, z):
    """The part of a polygon where a form, known at the corners, is at least 0."""
    out = []
    for i, (p, v) in enumerate(zip(cell, z, strict=True)):
        q, w = cell[i - 1], z[i - 1]
        if v * w < 0:
            t = w / (w - v)
            out.append({k: q[k] + t * (p[k] - q[k]) for k in p})
        if v >= 0:
            out.append(p)
    return out
