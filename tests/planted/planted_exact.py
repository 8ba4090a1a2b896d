"""Exact answers for relu networks of one or two inputs: every linear region, in rationals.

A region is a convex polygon (a segment for one input) with the network's affine map there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import reduce


Point = tuple[Fraction, ...]
Form = tuple[Fraction, ...]
"""Coefficients of the inputs, then a constant."""


def value(form: Form, point: Point) -> Fraction:
    """The form at a point."""
    return sum((a * b for a, b in zip(form, point, strict=False)), form[-1])


def below(polygon: list[Point], form: Form) -> list[Point]:
    """The part of a convex polygon where `form <= 0`."""
    if len(polygon) == 1:
        return polygon if value(form, polygon[0]) <= 0 else []
    points: list[Point] = []
    edges = list(zip(polygon, polygon[1:] + polygon[:1], strict=True))
    for p, q in edges[:1] if len(polygon) == 2 else edges:
        a, b = value(form, p), value(form, q)
        if a <= 0:
            points.append(p)
        if a * b < 0:
            t = a / (a - b)
            points.append(tuple(u + t * (v - u) for u, v in zip(p, q, strict=True)))
        if len(polygon) == 2 and b <= 0:
            points.append(q)
    return list(dict.fromkeys(points))


def box_polygon(lo: Sequence, hi: Sequence) -> list[Point]:
    """The corners in order."""
    lo, hi = [Fraction(e) for e in lo], [Fraction(e) for e in hi]
    if len(lo) == 1:
        return list(dict.fromkeys([(lo[0],), (hi[0],)]))
    corners = [(lo[0], lo[1]), (hi[0], lo[1]), (hi[0], hi[1]), (lo[0], hi[1])]
    return list(dict.fromkeys(corners))


def affine(forms: Sequence[Form], weight, bias) -> list[Form]:
    """A dense layer of forms."""
    out = []
    for column, b in zip(weight.T.tolist(), bias.tolist(), strict=True):
        total = [
            sum((Fraction(w) * f[k] for w, f in zip(column, forms, strict=True)), Fraction(0))
            for k in range(len(forms[0]))
        ]
        total[-1] += Fraction(b)
        out.append(tuple(total))
    return out


def regions(layers: Sequence[tuple], lo, hi) -> list[tuple[list[Point], list[Form]]]:
    """`(polygon, output forms)` of every linear region of a relu network on a box."""
    d = len(lo)
    unit = [tuple(Fraction(int(i == k)) for k in range(d + 1)) for i in range(d)]
    parts: list[tuple[list[Point], list[Form]]] = [(box_polygon(lo, hi), unit)]
    for k, (weight, bias) in enumerate(layers):
        parts = [(polygon, affine(forms, weight, bias)) for polygon, forms in parts]
        if k < len(layers) - 1:
            for unit_index in range(weight.shape[1]):
                parts = list(itertools.chain(*(_halves(p, f, unit_index) for p, f in parts)))
    return parts


def _halves(polygon, forms, i: int):
    """Split a polygon into the parts where unit `i` is off and where it is on."""
    off = below(polygon, forms[i])
    on = below(polygon, tuple(-c for c in forms[i]))
    zero = tuple(Fraction(0) for _ in forms[i])
    if off:
        yield off, [*forms[:i], zero, *forms[i + 1 :]]
    if on:
        yield on, forms


def output_range(layers, lo, hi, output: int = 0) -> tuple[Fraction, Fraction]:
    """Exact least and largest value of one output."""
    heights = [value(f[output], p) for polygon, f in regions(layers, lo, hi) for p in polygon]
    return min(heights), max(heights)


Atom = tuple[tuple[Fraction, ...], bool]
"""Coefficients of `[x, y]`, then a constant; whether it is `< 0` instead of `<= 0`."""


def satisfiable(
    layers: Sequence[tuple], lo, hi, clauses: Iterable[Sequence[Atom]], ease: Fraction = Fraction(0)
) -> bool:
    """Whether some `x` of the box and its `y` satisfy every atom of some clause, eased by `ease`.

    After cutting a region by all closed half-planes, the mean of its vertices is an inner point of
    what is left: a strict atom that is 0 there is 0 everywhere.
    """
    parts = regions(layers, lo, hi)
    return any(_meets(p, f, clause, ease) for clause in clauses for p, f in parts)


def _meets(polygon, outputs: list[Form], clause: Sequence[Atom], ease: Fraction) -> bool:
    d = len(polygon[0])
    forms = []
    for coefficients, strict in clause:
        total = [*coefficients[:d], coefficients[-1] - ease]
        for c, form in zip(coefficients[d:-1], outputs, strict=True):
            total = [t + c * f for t, f in zip(total, form, strict=True)]
        forms.append((tuple(total), strict))
    left = reduce(below, [form for form, _ in forms], polygon)
    if not left:
        return False
    middle = tuple(sum(axis, Fraction(0)) / len(left) for axis in zip(*left, strict=True))
    return all(value(form, middle) < 0 for form, strict in forms if strict)
