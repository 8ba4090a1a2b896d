"""The linear pieces of curves, and the pieces on which the units of a box may lie."""

from __future__ import annotations

import numpy as np

from ...core import Bounds
from ...graph import Graph
from ...ops import Curve


Unit = tuple[int, int, list[int]]
"""`(value, unit, gaps)`: a unit, and the linear pieces on which its argument may lie.

A linear piece is given by the index of the interval between two adjacent knots.
"""


def curve_of(graph: Graph, value: int) -> Curve:
    """Return the curve that computes a value."""
    op = graph.nodes[value - 1].op
    assert isinstance(op, Curve)
    return op


def lines_of(op: Curve) -> list[tuple[float, float]]:
    """Return `(slope, offset)` of each linear piece of a piecewise-linear curve."""
    return [line for line in op.lines or () if line is not None]


def gaps_touched(op: Curve, lo: float, hi: float) -> list[int]:
    """Return the indices of the intervals between adjacent knots that overlap `[lo, hi]`.

    An interval that shares only an end point with `[lo, hi]` is included only if `lo == hi`. If no
    interval overlaps, return `[0]`.
    """
    ends = (-np.inf, *op.knots, np.inf)
    gaps = [
        g for g in range(len(op.bends))
        if max(lo, ends[g]) < min(hi, ends[g + 1]) or (lo == hi and ends[g] <= lo <= ends[g + 1])
    ]  # fmt: skip
    return gaps or [0]


def open_units(graph: Graph, slopes: dict[int, Bounds], ends: list[Bounds]) -> list[Unit]:
    """Return all units of curves with exact lines whose slope range is not a single number."""
    units = []
    for v, (least, most) in slopes.items():
        if not curve_of(graph, v).has_exact_lines:
            continue
        source = graph.nodes[v - 1].inputs[0]
        for j in np.flatnonzero(least < most):
            gaps = gaps_touched(curve_of(graph, v), ends[source][0][j], ends[source][1][j])
            units.append((v, int(j), gaps))
    return units


def undecided_units(graph: Graph, ends: list[Bounds]) -> list[Unit]:
    """Return all units whose argument may lie on several linear pieces.

    Args:
        ends: Bounds of every value, `(n,)` each.
    """
    units = []
    for v, node in enumerate(graph.nodes, 1):
        if isinstance(node.op, Curve):
            low, high = ends[node.inputs[0]]
            gaps = [gaps_touched(node.op, a, b) for a, b in zip(low, high, strict=True)]
            units += [(v, j, some) for j, some in enumerate(gaps) if len(some) > 1]
    return units
