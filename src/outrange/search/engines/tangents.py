"""Products about their centers: tangent planes, and what is left of second order.

For factors `u = u0 + L d + e` and `v = v0 + M d + e'`, `d` the way from the center of the box and
`|e| <= r`, `|e'| <= r'`,

    u v = v0 u + u0 v - u0 v0  +  (L d)(M d) + (L d) e' + (M d) e + e e'.

The plane is substituted back like any other. What the products of a row leave behind adds up to one
quadratic form of the inputs, in which terms cancel that planes bound one by one: a function less
the same function a short step later, say.

Sound: yes; every rounding is paid for (`Tangent`, `QuadraticAscent`). Complete: no.
Cost: a back-substitution of two rows a factor.
"""

from dataclasses import dataclass

import numpy as np

from ...core import UNIT, gamma
from ...domains.backward import RelaxedGraph, back_substitute
from ...domains.crown import CrownPass, CrownPlan
from ...domains.relaxations import ProductRelaxation
from ...domains.rounding import widen_offsets, widened
from ...ops import Product


ROOM, MOST_INPUTS = 1 << 16, 32
"""Largest factors x inputs of all products of a graph, and inputs; beyond, there are no forms of
second order."""

PAIRS = 1 << 21
"""Numbers that the forms of all rows of some boxes may hold in one array."""


@dataclass(frozen=True, eq=False)
class FactorForm:
    """`|u - middle - rows . d| <= error` for every entry `u` of some factors.

    Args:
        rows: `(B, n, d)`.
        middle: `(B, n)`.
        reach: `(B, n)`: at least `|rows| . |d|`.
        error: `(B, n)`.
    """

    rows: np.ndarray
    middle: np.ndarray
    reach: np.ndarray
    error: np.ndarray


@dataclass(frozen=True, eq=False)
class Tangent:
    """The tangent planes of one product value, and the forms of its factors.

    Args:
        planes: Tangents at the middles; `u v` less them is `(u - u0)(v - v0)` exactly.
        left: Of the first factors.
        right: Of the second factors.
    """

    planes: ProductRelaxation
    left: FactorForm
    right: FactorForm


def affords_tangents(plan: CrownPlan) -> bool:
    """Whether a graph has products, and few enough factors and inputs."""
    size = sum(2 * op.size for _, _, op in plan.products)
    return 0 < size * plan.graph.size <= ROOM and plan.graph.size <= MOST_INPUTS


def boxes_at_once(plan: CrownPlan, rows: int) -> int:
    """How many boxes may have forms of second order at once.

    Args:
        plan: Of the graph.
        rows: Of each box.
    """
    inputs = plan.graph.size
    largest = max(op.size for _, _, op in plan.products)
    return max(1, min(plan.boxes, PAIRS // (rows * inputs * (inputs + largest))))


def tangents(sweep: CrownPass, net: RelaxedGraph) -> dict[int, Tangent]:
    """The tangents of every product of a bounded chunk, by value.

    Args:
        sweep: The chunk, bounded.
        net: Its lines.
    """
    forms: dict[int, FactorForm] = {}
    found = {}
    for v, sources, op in sweep.plan.products:
        for source in sources:
            if source not in forms:
                forms[source] = _forms(sweep, net, source)
        left, right = _picked(forms[sources[0]], op.left), _picked(forms[sources[1]], op.right)
        found[v] = Tangent(_planes(sweep, op, sources, left, right), left, right)
    return found


def _picked(forms: FactorForm, index: np.ndarray) -> FactorForm:
    parts = (forms.rows, forms.middle, forms.reach, forms.error)
    return FactorForm(*(part[:, index] for part in parts))


def _forms(sweep: CrownPass, net: RelaxedGraph, source: int) -> FactorForm:
    """The forms of all entries of a value: halfway between their linear bounds."""
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
        error = widened(np.abs(error) + noise * sizes)
        around = widened((np.abs(rows) * reach).sum(axis=2) * (1.0 + gamma(inputs + 8)))
    return FactorForm(rows, middle, around, error)


def _planes(
    sweep: CrownPass,
    op: Product,
    sources: tuple[int, ...],
    left: FactorForm,
    right: FactorForm,
) -> ProductRelaxation:
    """`v0 u + u0 v - u0 v0`, moved outward by what rounding does to a row that uses it."""
    budget = sweep.plan.budget
    slopes = np.stack([right.middle] * 2), np.stack([left.middle] * 2)
    with np.errstate(all="ignore"):
        offset = -(left.middle * right.middle)
        pad = widened(4.0 * UNIT * np.abs(offset)) if sweep.radii else 0.0
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
