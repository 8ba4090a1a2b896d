"""Bounds of every value of a graph that may hold inputs of which nothing is known.

They are bounds of real arithmetic; `rounding` tells how far the backend's own may be from it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from ..core import Bounds, InputError
from ..domains import bounds
from ..domains.intervals import RULES
from ..graph import Graph
from ..ops import Curve
from ..program import PartialGraph


AT_ONCE = 4_000_000
"""Values of a graph times rows that are held at once."""


@dataclass(eq=False)
class Ranges:
    """Ends of every value; `leaves` lists nodes whose inputs may leave their op's domain."""

    ends: list[Bounds]
    leaves: list[int] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class UnitRanges:
    """What a tensor is at each row of the data: `(rows, units)` enclosures."""

    lo: np.ndarray
    hi: np.ndarray


def interval_ends(graph: Graph, lo: np.ndarray, hi: np.ndarray) -> Ranges:
    """Interval bounds over boxes, infinite ends allowed.

    Where an op is not defined on all its input may be, its result may be anything, and its value is
    listed in `leaves`. The result of an op without a rule (graphs as written have such ops) may be
    anything too.

    Sound: the rules are those of the domain `intervals`. Cost: one forward pass.

    Args:
        graph: What is computed.
        lo: `(boxes, graph.size)`, infinite where nothing is known.
        hi: The same.
    """
    found = Ranges([(lo, hi)])
    for value, node in enumerate(graph.nodes, 1):
        before = [found.ends[j] for j in node.inputs]
        rule: Callable | None = RULES.get(type(node.op))
        ends = None
        try:
            if rule is not None:
                ends = rule(node.op, tuple(e[0] for e in before), tuple(e[1] for e in before))
        except InputError:
            found.leaves.append(value)
        if ends is None:
            shape = (len(lo), node.size)
            ends = np.full(shape, -np.inf), np.full(shape, np.inf)
        low, high = ends
        # No rule returns NaN for boxes it is made for; with infinite ends, take it as no bound.
        found.ends.append(
            (np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high))
        )
    return found


def linear_ends(graph: Graph, lo: np.ndarray, hi: np.ndarray) -> list[Bounds] | None:
    """Tighter bounds over one finite box; None where an op has no rule or may leave its domain."""
    if any(type(node.op) not in RULES for node in graph.nodes):
        return None
    try:
        return bounds(graph, lo, hi, "linear")
    except InputError:
        return None


def ends_of(
    part: PartialGraph | None, tensor: int | None, ends: list[Bounds] | None
) -> Bounds | None:
    """Range of a tensor over one box, `(units,)` each, by those of the values of a graph."""
    if part is None or ends is None or tensor is None:
        return None
    if tensor in part.constants:
        flat = np.ravel(part.constants[tensor]).astype(np.float64)
        return flat, flat
    if tensor not in part.values:
        return None
    lo, hi = ends[part.values[tensor]]
    return lo[0], hi[0]


def ends_of_both(
    part: PartialGraph | None, tensor: int, fused: Ranges | None, written: Ranges | None
) -> Bounds | None:
    """The same by the graph, and by the graph as written where that is another.

    A curve that is fused of several may have no value where one end is infinite, although each of
    them has.
    """
    found = ends_of(part, tensor, fused.ends if fused else None)
    if part is None or found is None or written is None or tensor not in part.places:
        return found
    lo, hi = (end[0] for end in written.ends[part.places[tensor]])
    return np.maximum(found[0], lo), np.minimum(found[1], hi)


def row_ends(part: PartialGraph, x: np.ndarray, tensors: Iterable[int]) -> dict[int, Bounds]:
    """Enclosures of some tensors of `part.values` at rows `x`, `(rows, part.data)`."""
    kept = {t: part.values[t] for t in tensors if t in part.values}
    pieces: dict[int, list[Bounds]] = {t: [] for t in kept}
    for rows in at_once(part.graph, len(x)):
        lo = np.full((len(x[rows]), part.graph.size), -np.inf)
        hi = np.full((len(x[rows]), part.graph.size), np.inf)
        lo[:, : part.data] = hi[:, : part.data] = x[rows]
        ends = interval_ends(part.graph, lo, hi).ends
        for tensor, value in kept.items():
            pieces[tensor].append(ends[value])
    return {
        t: (np.concatenate([lo for lo, _ in p]), np.concatenate([hi for _, hi in p]))
        for t, p in pieces.items()
    }


def at_once(graph: Graph, count: int) -> list[slice]:
    """Parts of so many rows whose values are held together."""
    rows = max(1, AT_ONCE // max(sum(n.size for n in graph.nodes) + graph.size, 1))
    return [slice(start, start + rows) for start in range(0, count, rows)]


def steepest(curve: Curve, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """A bound on `|f'|` over each `[lo, hi]`; infinite where there is a jump or no bound.

    Between neighboring knots the slope is monotone, so it is largest at an end of the piece.
    """
    most = np.zeros(lo.shape)
    with np.errstate(all="ignore"):
        edges = (-np.inf, *curve.knots, np.inf)
        for left, right in pairwise(edges):
            a = np.clip(lo, np.nextafter(left, np.inf), np.nextafter(right, -np.inf))
            b = np.clip(hi, np.nextafter(left, np.inf), np.nextafter(right, -np.inf))
            touches = (lo <= right) & (hi >= left)
            slope = np.maximum(np.abs(curve.df(a)), np.abs(curve.df(b)))
            slope = slope + curve.slope_error * (1.0 + slope)
            most = np.where(touches, np.maximum(most, slope), most)
        for jump in curve.jumps:
            most = np.where((lo <= jump) & (hi >= jump), np.inf, most)
    return np.where(np.isnan(most), np.inf, most) * (1.0 + 1e-12)
