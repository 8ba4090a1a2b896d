"""Bounds of every value of a graph whose inputs may be unbounded.

The bounds hold for real arithmetic. The `rounding` package bounds how far the backend's values are
from those of real arithmetic.
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
"""Limit on the number of graph values times the number of rows that are kept in memory together."""


@dataclass(eq=False)
class Ranges:
    """Bounds of every value of a graph over one or more boxes.

    Args:
        ends: Lower and upper bounds of each value, `(boxes, size)` each.
        leaves: Indices of the values whose ops may receive inputs outside their domain.
    """

    ends: list[Bounds]
    leaves: list[int] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class UnitRanges:
    """Lower and upper bounds of a tensor for each row of the data, `(rows, units)` each."""

    lo: np.ndarray
    hi: np.ndarray


def interval_ends(graph: Graph, lo: np.ndarray, hi: np.ndarray) -> Ranges:
    """Compute interval bounds of every value of a graph over boxes that may be unbounded.

    If an op is not defined on its whole input range, its result is unbounded and its value is
    listed in `leaves`. The result of an op without an interval rule is unbounded too.

    Sound: the rules are those of the domain `intervals`. Cost: one forward pass.

    Args:
        lo: Lower bounds of the inputs, `(boxes, graph.size)`; `-inf` for unbounded inputs.
        hi: Upper bounds, in the shape of `lo`; `inf` for unbounded inputs.
    """
    ranges = Ranges([(lo, hi)])
    for value, node in enumerate(graph.nodes, 1):
        before = [ranges.ends[j] for j in node.inputs]
        rule: Callable | None = RULES.get(type(node.op))
        ends = None
        try:
            if rule is not None:
                ends = rule(node.op, tuple(e[0] for e in before), tuple(e[1] for e in before))
        except InputError:
            ranges.leaves.append(value)
        if ends is None:
            shape = (len(lo), node.size)
            ends = np.full(shape, -np.inf), np.full(shape, np.inf)
        low, high = ends
        # Rules return NaN only for unbounded boxes; replace it with an infinite bound.
        ranges.ends.append(
            (np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high))
        )
    return ranges


def linear_ends(graph: Graph, lo: np.ndarray, hi: np.ndarray) -> list[Bounds] | None:
    """Compute bounds of every value over one finite box with the domain `linear`.

    They are usually tighter than the bounds of `interval_ends`. Returns None if an op has no
    interval rule or if its input may leave its domain.

    Args:
        lo: Finite lower bounds of the inputs, `(1, graph.size)`.
        hi: Finite upper bounds of the inputs, `(1, graph.size)`.
    """
    if any(type(node.op) not in RULES for node in graph.nodes):
        return None
    try:
        return bounds(graph, lo, hi, "linear")
    except InputError:
        return None


def ends_of(
    part: PartialGraph | None, tensor: int | None, ends: list[Bounds] | None
) -> Bounds | None:
    """Return the lower and upper bounds of a tensor over the first box, `(units,)` each.

    Args:
        ends: Bounds of every value of `part.graph`, `(boxes, size)` each.

    Returns:
        The bounds; both are the tensor itself if it is constant. None if an argument is None, or if
        the graph does not contain the tensor.
    """
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
    """Intersect a tensor's range in the fused graph with its range in the unfused graph.

    Over an infinite range, a fused curve may have infinite bounds although each of the curves that
    it combines has finite bounds.

    Returns:
        Lower and upper bounds over the first box, `(units,)` each. None if the fused graph has no
        range for the tensor.
    """
    ends = ends_of(part, tensor, fused.ends if fused else None)
    if part is None or ends is None or written is None or tensor not in part.places:
        return ends
    lo, hi = (end[0] for end in written.ends[part.places[tensor]])
    return np.maximum(ends[0], lo), np.minimum(ends[1], hi)


def row_ends(part: PartialGraph, x: np.ndarray, tensors: Iterable[int]) -> dict[int, Bounds]:
    """Compute bounds of tensors for each row of the data.

    Args:
        x: The rows, `(rows, part.data)`.
        tensors: Tensor numbers; those that are not in `part.values` are skipped.

    Returns:
        Map from tensor number to lower and upper bounds, `(rows, units)` each.
    """
    values = {t: part.values[t] for t in tensors if t in part.values}
    pieces: dict[int, list[Bounds]] = {t: [] for t in values}
    for rows in at_once(part.graph, len(x)):
        lo = np.full((len(x[rows]), part.graph.size), -np.inf)
        hi = np.full((len(x[rows]), part.graph.size), np.inf)
        lo[:, : part.data] = hi[:, : part.data] = x[rows]
        ends = interval_ends(part.graph, lo, hi).ends
        for tensor, value in values.items():
            pieces[tensor].append(ends[value])
    return {
        t: (np.concatenate([lo for lo, _ in p]), np.concatenate([hi for _, hi in p]))
        for t, p in pieces.items()
    }


def at_once(graph: Graph, count: int) -> list[slice]:
    """Split `count` rows into slices of at most `AT_ONCE` graph values, or of single rows."""
    rows = max(1, AT_ONCE // max(sum(n.size for n in graph.nodes) + graph.size, 1))
    return [slice(start, start + rows) for start in range(0, count, rows)]


def steepest(curve: Curve, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Bound `|f'|` from above over each `[lo, hi]`.

    The bound is infinite if the range contains a jump or if no bound is known. Between neighboring
    knots the slope is monotone, so there `|f'|` is largest at one of the two endpoints.
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
