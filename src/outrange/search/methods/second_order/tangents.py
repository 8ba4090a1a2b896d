"""Products expanded about the center of a box: tangent planes, and second-order remainders.

For factors `u = u0 + L d + e` and `v = v0 + M d + e'`, where `d` is the offset from the center of
the box, `|e| <= r` and `|e'| <= r'`,

    u v = v0 u + u0 v - u0 v0  +  (L d)(M d) + (L d) e' + (M d) e + e e'.

The plane is substituted back like any other. The remainders of a row's products add up to one
quadratic form of the inputs. In this form, terms cancel that individual planes would bound one by
one, for example in the difference of a function at two nearby steps. A smooth curve is treated in
the same way: by its tangent at `u0`, and the remainder `c (u - u0)^2` with `c` in the range of half
its second derivative.

Sound: yes; every rounding error is accounted for (`Tangent`, `QuadraticAscent`). Complete: no.
Cost: a back-substitution of two rows per factor.
"""

from dataclasses import dataclass

import numpy as np

from ....core import UNIT, gamma
from ....domains.backward import RelaxedGraph, back_substitute
from ....domains.crown import CrownPass, CrownPlan
from ....domains.relaxations import CurveRelaxation, ProductRelaxation
from ....domains.rounding import inflate, widen_offset, widen_offsets
from ....ops import Curve, Product


ROOM, MOST_INPUTS = 1 << 16, 32
"""Limits on a graph above which second-order forms are not used. `MOST_INPUTS` limits the number of
inputs. `ROOM` limits the product of this number and the number of factors and smooth units."""

PAIRS = 1 << 21
"""Maximum number of entries of an array that stores the forms of all rows over a chunk of boxes."""


@dataclass(frozen=True, eq=False)
class FactorForm:
    """Linear forms of some factors `u`, with bounds on their errors.

    `|u - middle - rows . d| <= error`, where `d` is the offset from the center of the box.

    Args:
        rows: Slopes of the forms, shape `(B, n, d)`.
        middle: Values of the forms at the center of the box, shape `(B, n)`.
        reach: `(B, n)` upper bounds on `|rows| . |d|`.
        error: Bounds on the errors of the forms, shape `(B, n)`.
    """

    rows: np.ndarray
    middle: np.ndarray
    reach: np.ndarray
    error: np.ndarray


@dataclass(frozen=True, eq=False)
class Tangent:
    """The tangent planes of one product value, and the forms of its factors.

    Args:
        planes: Tangent planes at the forms' middles `(u0, v0)`; the product minus its plane is
            exactly `(u - u0)(v - v0)`.
        left: Forms of the first factors.
        right: Forms of the second factors.
    """

    planes: ProductRelaxation
    left: FactorForm
    right: FactorForm


@dataclass(frozen=True, eq=False)
class Bend:
    """The tangents of one curve's value, and the form of its input.

    A tangent replaces the current lines where its slack is less than half of their slack. Elsewhere
    the lines are kept, and `mean` and `spread` are 0.

    Args:
        planes: The tangents or kept lines.
        form: Form of the curve's input.
        mean: `(B, n)` middle of the range of `c`, where `f(u)` minus its tangent is
            `c (u - u0)^2`.
        spread: `(B, n)` bounds on the distance of `c` from `mean`.
    """

    planes: CurveRelaxation
    form: FactorForm
    mean: np.ndarray
    spread: np.ndarray


def affords_tangents(plan: CrownPlan) -> bool:
    """Return whether a graph has products or smooth curves, within `ROOM` and `MOST_INPUTS`.

    Also return False if the graph has no products, and all its smooth curves saturate, like tanh.
    For such curves, lines work equally well in a third of the time.
    """
    if not plan.products and all(op.saturated is not None for _, _, op in _smooth(plan)):
        return False
    size = sum(2 * op.size for _, _, op in plan.products)
    size += sum(plan.graph.value_size(v) for v, _, _ in _smooth(plan))
    return 0 < size * plan.graph.size <= ROOM and plan.graph.size <= MOST_INPUTS


def _smooth(plan: CrownPlan) -> list[tuple[int, int, Curve]]:
    """Return `(value, input value, op)` for each curve with closed-form Taylor coefficients."""
    return [(v, source, op) for v, source, op in plan.curves if op.taylor is not None]


def boxes_at_once(plan: CrownPlan, rows: int) -> int:
    """Return the maximum number of boxes whose second-order forms may be in memory together."""
    inputs = plan.graph.size
    sizes = [op.size for _, _, op in plan.products]
    largest = max(sizes + [plan.graph.value_size(v) for v, _, _ in _smooth(plan)])
    return max(1, min(plan.boxes, PAIRS // (rows * inputs * (inputs + largest))))


def tangents(sweep: CrownPass, net: RelaxedGraph) -> dict[int, Tangent | Bend]:
    """Compute the tangents of the products and smooth curves over the boxes of a finished pass.

    Returns:
        Tangents by value. A curve is absent if it keeps all its lines. The result is empty if time
        or memory ran out before all lines were computed.
    """
    if sweep.late is not None:
        return {}
    forms: dict[int, FactorForm] = {}

    def form_of(source: int) -> FactorForm:
        if source not in forms:
            forms[source] = _forms(sweep, net, source)
        return forms[source]

    by_value: dict[int, Tangent | Bend] = {}
    for v, sources, op in sweep.plan.products:
        left, right = (
            _select(form_of(source), at)
            for source, at in zip(sources, (op.left, op.right), strict=True)
        )
        by_value[v] = Tangent(_planes(sweep, op, sources, left, right), left, right)
    for v, source, op in _smooth(sweep.plan):
        bend = bend_of(sweep, net, (v, source, op), form_of(source))
        if bend is not None:
            by_value[v] = bend
    return by_value


def _select(forms: FactorForm, index: np.ndarray) -> FactorForm:
    """Return the forms of the entries at `index`."""
    parts = (forms.rows, forms.middle, forms.reach, forms.error)
    return FactorForm(*(part[:, index] for part in parts))


def _forms(sweep: CrownPass, net: RelaxedGraph, source: int) -> FactorForm:
    """Compute a form for each entry of a value, halfway between its linear bounds."""
    cells, size = sweep.cells, sweep.ends[source][0].shape[1]
    units = np.concatenate([np.eye(size), -np.eye(size)])
    form = back_substitute(net, source, units) if source else None
    boxes, inputs = cells.lo.shape
    if form is None:  # The inputs themselves.
        rows = np.broadcast_to(np.eye(size), (boxes, size, inputs))
        return FactorForm(rows, cells.center, cells.reach, np.zeros((boxes, size)))
    every = np.broadcast_to(form.rows, (boxes, 2 * size, inputs))
    constant = np.broadcast_to(form.constant, (boxes, 2 * size))
    below, above = every[:, :size], -every[:, size:]
    center, reach = cells.center[:, None], cells.reach[:, None]
    with np.errstate(all="ignore"):
        low = (below * center).sum(axis=2) + constant[:, :size]
        high = (above * center).sum(axis=2) - constant[:, size:]
        rows, middle = 0.5 * below + 0.5 * above, 0.5 * low + 0.5 * high
        apart = np.maximum(np.abs(below - rows), np.abs(above - rows))
        error = (apart * reach).sum(axis=2) + np.maximum(middle - low, high - middle)
        sizes = (np.abs(below) + np.abs(above)) * (np.abs(center) + reach)
        sizes = sizes.sum(axis=2) + np.abs(low) + np.abs(high) + np.abs(middle)
        sizes += np.abs(constant[:, :size]) + np.abs(constant[:, size:])
        noise = gamma(4 * inputs + 32) if sweep.radii else 0.0
        error = inflate(np.abs(error) + noise * sizes)
        around = inflate((np.abs(rows) * reach).sum(axis=2) * (1.0 + gamma(inputs + 8)))
    return FactorForm(rows, middle, around, error)


def _planes(
    sweep: CrownPass,
    op: Product,
    sources: tuple[int, ...],
    left: FactorForm,
    right: FactorForm,
) -> ProductRelaxation:
    """Compute planes `v0 u + u0 v - u0 v0`, widened by the rounding errors of their use."""
    budget = sweep.plan.budget
    slopes = np.stack([right.middle] * 2), np.stack([left.middle] * 2)
    with np.errstate(all="ignore"):
        offset = -(left.middle * right.middle)
        pad = inflate(4.0 * UNIT * np.abs(offset)) if sweep.radii else 0.0
        moved = np.stack([offset - pad, offset + pad])
        if sweep.radii:
            ends = sweep.factors(op, sources)
            parts = tuple(
                (op.terms + budget.reads[source], slope, np.maximum(-lo, hi))
                for source, slope, (lo, hi) in zip(sources, slopes, ends, strict=True)
            )
            moved = widen_offsets(budget, op.size, parts, moved)
    fine = np.isfinite(slopes[0]) & np.isfinite(slopes[1]) & np.isfinite(moved)
    first, second, moved = (np.where(fine, part, 0.0) for part in (*slopes, moved))
    unbounded = None if fine.all() else (~fine).astype(np.float64)
    return ProductRelaxation(first, second, moved, unbounded, np.full(moved.shape, 0.5))


def bend_of(
    sweep: CrownPass, net: RelaxedGraph, place: tuple[int, int, Curve], form: FactorForm
) -> Bend | None:
    """Compute the tangents of a curve where their slack is less than half of the lines' slack.

    Let `w >= |u - u0|` and let `s` be the slope. Then `f(u)` differs from `f(u0) + s (u - u0)` by
    at most `|s - f'(u0)| w`, plus `(u - u0)^2` times a number in the range of `f'' / 2`.

    Args:
        place: Index of the curve's value, index of its input value, and its op.

    Returns:
        The tangents, or None if the curve keeps all its lines.
    """
    value, source, op = place
    lines = net.lines[value]
    assert isinstance(lines, CurveRelaxation)
    lo, hi = sweep.ends[source]
    middle, away = form.middle, inflate(form.reach + form.error)
    with np.errstate(all="ignore"):
        inside = (lo <= middle) & (middle <= hi)
        at = np.where(inside, middle, lo)
        low, high = op.taylor_range(at, at, 1)
        below, above = op.taylor_range(lo, hi, 2)[:, 2]
        slope, mean = 0.5 * low[1] + 0.5 * high[1], 0.5 * below + 0.5 * above
        off = inflate(np.maximum(high[1] - slope, slope - low[1]))
        spread = inflate(np.maximum(above - mean, mean - below))
        off, spread = (
            np.where(e == 0, 0.0, x) for e, x in ((high[1] - low[1], off), (above - below, spread))
        )
        held = slope * at
        noise = inflate(8.0 * UNIT * (np.abs(low[0]) + np.abs(high[0]) + np.abs(held)))
        pad = inflate(off * away) + (noise if sweep.radii else 0.0)
        offset = np.stack([low[0] - held - pad, high[0] - held + pad])
        slopes = np.stack([slope, slope])
        if sweep.radii:
            budget, size = sweep.plan.budget, np.maximum(-lo, hi)
            offset = widen_offset(budget, budget.reads[source], lo.shape[1], slopes, offset, size)
        lost = np.abs(mean) * form.error * (2.0 * form.reach + form.error)
        lost = lost + spread * np.square(away)
        apart = lines.slope[1] - lines.slope[0], lines.offset[1] - lines.offset[0]
        gap = np.maximum(apart[0] * lo + apart[1], apart[0] * hi + apart[1])
        better = inside & (lo < hi) & (lost < 0.5 * gap) & np.isfinite(offset).all(axis=0)
        better &= np.isfinite(slope) & np.isfinite(mean) & np.isfinite(spread)
    if not better.any():
        return None
    none = None if lines.unbounded is None else np.where(better, 0.0, lines.unbounded)
    # Lines without gain are not moved by an ascent.
    planes = CurveRelaxation(
        np.where(better, slopes, lines.slope),
        np.where(better, offset, lines.offset),
        none,
        lines.theta,
        lines.pivot,
        np.where(better, 0.0, lines.gain),
    )
    return Bend(planes, form, np.where(better, mean, 0.0), np.where(better, spread, 0.0))
