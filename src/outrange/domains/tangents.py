"""Interval tangents: the response of every value of a graph to a step of one input, over boxes.

The pass is forward, with one rule per kind of op. The tangent of an input is a unit vector. Affine
ops map tangents by their linear part. A curve multiplies by its slope. The maximum of a window has
the tangent of one of the entries that can be the largest. The slopes are intervals, so the tangents
are intervals, too. They contain the directional derivative of every value at every point of the
box, and at a kink the derivatives on both sides. A difference `f(x + d e_i) - f(x)` inside the box
is `d` times a number in its interval.

Sound: every rounding error is accounted for (see `intervals`). Cost: one forward pass per
direction.

Reference: Moore, *Interval Analysis* (1966); Jordan, Dimakis, *Exactly computing the local
Lipschitz constant of ReLU networks* (2020), for the generalized slopes at kinks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core import Bounds, UnsupportedError, add_toward, check_deadline, multiply_toward
from ..graph import Graph
from ..ops import Affine, Curve, Largest, Product, Rearrange, Step
from ..ops.relaxation.slopes import slope_range
from . import intervals


@dataclass(frozen=True, eq=False)
class TangentPlan:
    """A graph without the constants of its affine ops.

    Args:
        linear: The op of each node; the bias of an affine op is replaced by zeros.
    """

    graph: Graph
    linear: tuple

    @staticmethod
    def of(graph: Graph) -> TangentPlan:
        """Remove the additive constants from the affine ops of a graph.

        Raises:
            UnsupportedError: The graph contains a kind of op without a rule.
        """
        linear = []
        for node in graph.nodes:
            op = node.op
            if type(op) not in RULES:
                raise UnsupportedError(
                    f"Slopes of {type(op).__name__} operations are not supported yet. "
                    f"Received: `{op.name}` in {node.source!r}."
                )
            if isinstance(op, Affine):
                op = replace(op, bias=np.zeros(op.size))
            linear.append(op)
        return TangentPlan(graph, tuple(linear))


def slopes(graph: Graph, ends: list[Bounds]) -> dict[int, Bounds]:
    """Return the slope range of every curve, by value, given the bounds of all values."""
    return {
        v: slope_range(node.op, *ends[node.inputs[0]])
        for v, node in enumerate(graph.nodes, 1)
        if isinstance(node.op, Curve)
    }


def tangents(
    plan: TangentPlan,
    slope_ranges: Mapping[int, Bounds],
    ends: list[Bounds],
    directions: np.ndarray,
) -> list[Bounds]:
    """Bound the derivatives of every value with respect to some inputs, over `B` boxes.

    Args:
        plan: The plan of the graph.
        slope_ranges: Slope ranges `(B, n)` of every curve, by value.
        ends: Bounds `(B, n)` of every value; those of the input suffice if the graph has neither
            `Largest` nor `Product`.
        directions: Indices `(D,)` of entries of the flat input.

    Returns:
        For each value, the lower and upper bounds of its tangents, `(B, D, n)` each.
    """
    graph, count = plan.graph, len(ends[0][0])
    unit = np.zeros((count, directions.size, graph.size))
    unit[:, np.arange(directions.size), directions] = 1.0
    values: list[Bounds] = [(unit, unit)]
    for v, (node, op) in enumerate(zip(graph.nodes, plan.linear, strict=True), 1):
        check_deadline()
        before = [values[j] for j in node.inputs]
        around = None
        if isinstance(op, Largest | Product):
            around = [ends[j] for j in node.inputs]
        values.append(RULES[type(op)](op, before, slope_ranges.get(v), around))
    return values


def plain_tangents(
    plan: TangentPlan, values: list[np.ndarray], directions: np.ndarray
) -> list[np.ndarray]:
    """Return tangents `(batch, D, n)` at points, in float64, without bounds on the rounding errors.

    Args:
        plan: The plan of a graph without a `Largest`.
        values: Every value of the graph at the points, `(batch, n)`.
        directions: Indices `(D,)` of entries of the flat input.
    """
    unit = np.zeros((len(values[0]), directions.size, plan.graph.size))
    unit[:, np.arange(directions.size), directions] = 1.0
    tangents_of = [unit]
    for node, op in zip(plan.graph.nodes, plan.linear, strict=True):
        check_deadline()
        before = tuple(tangents_of[j] for j in node.inputs)
        if isinstance(op, Curve):
            tangents_of.append(before[0] * np.asarray(op.df(values[node.inputs[0]]))[:, None])
        elif isinstance(op, Rearrange):
            tangents_of.append(op.run(before, fill=False))
        elif isinstance(op, Product):
            u, v = (values[j][:, None] for j in node.inputs)
            (du, dv), left, right = before, op.left, op.right
            tangents_of.append(du[..., left] * v[..., right] + u[..., left] * dv[..., right])
        else:
            flat = tuple(part.reshape(-1, part.shape[-1]) for part in before)
            tangents_of.append(op.apply(flat, False).reshape(*before[0].shape[:2], -1))
    return tangents_of


def _affine(
    op: Affine, before: Sequence[Bounds], _slopes: Bounds | None, _ends: Sequence[Bounds]
) -> Bounds:
    shape = before[0][0].shape[:2]
    flat = [tuple(end.reshape(-1, end.shape[-1]) for end in pair) for pair in before]
    lo, hi = intervals.affine(op, tuple(p[0] for p in flat), tuple(p[1] for p in flat))
    return lo.reshape(*shape, -1), hi.reshape(*shape, -1)


def _rearrange(
    op: Rearrange, before: Sequence[Bounds], _slopes: Bounds | None, _ends: Sequence[Bounds]
) -> Bounds:
    return (
        op.run(tuple(p[0] for p in before), fill=False),
        op.run(tuple(p[1] for p in before), fill=False),
    )


def _curve(op: Curve, before: Sequence[Bounds], slopes: Bounds, _ends: Sequence[Bounds]) -> Bounds:
    return _hull((slopes[0][:, None], slopes[1][:, None]), before[0])


def _product(
    op: Product, before: Sequence[Bounds], _slopes: Bounds | None, ends: Sequence[Bounds]
) -> Bounds:
    """Apply the product rule `(u v)' = u' v + u v'`."""
    (first, second), (u, v) = before, ends
    pairs = []
    for tangent, factor, index, other in (
        (first, v, op.left, op.right),
        (second, u, op.right, op.left),
    ):
        around = (factor[0][:, None, other], factor[1][:, None, other])
        pairs.append(_hull(around, (tangent[0][..., index], tangent[1][..., index])))
    (lo, hi), (least, most) = pairs
    with np.errstate(all="ignore"):
        below, above = add_toward(lo, least, -np.inf), add_toward(hi, most, np.inf)
    return np.where(np.isnan(below), -np.inf, below), np.where(np.isnan(above), np.inf, above)


def _hull(slopes: Bounds, tangent: Bounds) -> Bounds:
    """Return the interval hull of the products of slopes and tangents."""
    (least, most), (lo, hi) = slopes, tangent
    fixed = (lo == hi) & (least == most)
    if fixed.all():
        return _times(least, lo, -np.inf), _times(least, lo, np.inf)
    corners = [(s, t) for s in (least, most) for t in (lo, hi)]
    below = np.minimum.reduce([_times(s, t, -np.inf) for s, t in corners])
    above = np.maximum.reduce([_times(s, t, np.inf) for s, t in corners])
    return below, above


def _times(slope: np.ndarray, tangent: np.ndarray, direction: float) -> np.ndarray:
    """Return the product, rounded toward `direction`, with `0 * inf = 0`."""
    with np.errstate(all="ignore"):
        product = multiply_toward(slope, tangent, direction)
    return np.where((slope == 0) | (tangent == 0), 0.0, product)


def _largest(
    op: Largest, before: Sequence[Bounds], _slopes: Bounds | None, ends: Sequence[Bounds]
) -> Bounds:
    source, absent = np.maximum(op.windows, 0), op.windows < 0
    low = np.where(absent, -np.inf, ends[0][0][:, source])
    high = np.where(absent, -np.inf, ends[0][1][:, source])
    out = (high < low.max(axis=-1, keepdims=True))[:, None] | absent
    lo, hi = before[0]
    return (
        np.where(out, np.inf, lo[..., source]).min(axis=-1),
        np.where(out, -np.inf, hi[..., source]).max(axis=-1),
    )


RULES = {
    Affine: _affine,
    Rearrange: _rearrange,
    Curve: _curve,
    Step: _curve,
    Largest: _largest,
    Product: _product,
}
