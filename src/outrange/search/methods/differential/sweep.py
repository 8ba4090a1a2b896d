"""Bounds of two copies of a network over boxes, including differences between counterparts.

Let `w` and `z` be the arguments of two counterparts, `d = z - w` and `D = f(z) - f(w)`. The mean
slope of `f` between `w` and `z` lies in some `[m, M]`, so `D` lies between `m d` and `M d` (for a
ReLU, between 0 and `d`: ReluDiff). Over `d` in `[l, u]`, the larger of the two is convex and the
smaller one concave. Their chords `t d + o` are planes

    f(w) + t_0 (z - w) + o_0  <=  f(z)  <=  f(w) + t_1 (z - w) + o_1.

Back-substitution then reaches `f(w)` in both copies, with coefficients that nearly cancel, and `d`
is bounded by back-substitution as well. A unit whose own lines are much tighter keeps its lines.

Sound: yes; float64 rounding is accounted for in the offsets (`domains.crown`, `domains.rounding`).
Complete: no. Cost: about twice the cost of bounding the two networks separately.

References: B. Paulsen, J. Wang, C. Wang, *ReluDiff: differential verification of deep neural
networks*, ICSE 2020; B. Paulsen et al., *NeuroDiff: scalable differential verification of neural
networks using fine-grained approximation*, ASE 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ....core import UNIT, Bounds, OutOfTime, down, gamma, up
from ....domains import backward
from ....domains.backward import (
    Pulled,
    RelaxedGraph,
    RowInjection,
    Rule,
    back_substitute,
    dots,
)
from ....domains.cone_tiles import units_of
from ....domains.crown import CrownPass
from ....domains.relaxations import relax_curve
from ....domains.rounding import OperationCounts, inflate, magnitude, underflow, widen_offsets
from ....domains.stability import is_stable
from ....graph import Node
from ....ops import Curve, Rearrange
from ....ops.relaxation.slopes import slope_range
from .pairs import PairedAffine, PairedCurve, PairedGraph


WORTH = 2.5
"""Maximum mean distance between planes at which they are used, as a multiple of the distance
between the unit's own lines. The planes' errors partly cancel, since the counterpart's errors are
nearly the same."""


@dataclass(frozen=True, eq=False)
class PairedRelaxation:
    """Planes `slope (z - joint w) + joint a + offset` below (0) and above (1) `f(z)`; `a = f(w)`.

    Args:
        slope: Array of shape `(2, B, n)`.
        offset: `(2, B, n)`; infinite where there is no plane.
        joint: `(B, n)` 1 for planes, 0 for lines.
        loss: `(B, n)` mean distance between the lower and the upper bound.
    """

    slope: np.ndarray
    offset: np.ndarray
    joint: np.ndarray
    loss: np.ndarray


def curve(op: PairedCurve, planes: PairedRelaxation, rows: np.ndarray) -> Pulled:
    """Substitute rows of `f(z)` back to rows of `z`, `w` and `a`, and a constant.

    Positive coefficients use the lower plane, and negative ones use the upper plane.
    """
    rising, falling = np.maximum(rows, 0.0), np.minimum(rows, 0.0)
    with np.errstate(invalid="ignore"):
        constant = dots(rising, planes.offset[0]) + dots(falling, planes.offset[1])
    constant = np.where(np.isnan(constant), -np.inf, constant)
    coefficients = rising * planes.slope[0][:, None]
    coefficients += falling * planes.slope[1][:, None]
    joint = planes.joint[:, None]
    return (coefficients, coefficients * -joint, rows * joint), constant


RULES: Mapping[type, Rule] = {**backward.RULES, PairedCurve: curve}


@dataclass(eq=False)
class PairedCrownPass(CrownPass):
    """A CROWN pass over two copies of a network. See `CrownPass`.

    Args:
        pairs: The graph with its counterparts.
        apart: Bounds of the difference between every value of the second copy and its counterpart.
        relaxed: The planes of every paired curve.
    """

    pairs: PairedGraph = field(kw_only=True)
    apart: dict[int, Bounds] = field(default_factory=dict)
    relaxed: dict[int, PairedRelaxation] = field(default_factory=dict)

    rules: ClassVar[Mapping[type, Rule]] = RULES

    def _forward(self, value: int, node: Node) -> Bounds:
        first = self.pairs.counterparts.get(value)
        if isinstance(node.op, PairedCurve):
            with np.errstate(all="ignore"):
                ends = node.op.curve.range(*self.ends[node.inputs[0]])
        else:
            ends = super()._forward(value, node)
        if first is None:
            return ends
        apart = _minus(ends, self.ends[first])
        if value in self.pairs.sums:
            apart = _intersect(apart, self._sums(self.pairs.sums[value]))
        elif isinstance(node.op, PairedCurve):
            apart = _intersect(apart, self._rise(node.op.curve, node.inputs[0]))
        elif isinstance(node.op, Rearrange):
            apart = self._rearrange(node.op, node, first)
        self.apart[value] = apart
        return _intersect(ends, _plus(self.ends[first], apart))

    def _sums(self, sums: PairedAffine) -> Bounds:
        """Bound `A d + (A - A') x + b - b'` by intervals.

        `A` and `b` belong to the later copy, `A'` and `b'` to its counterpart. `x` is the input of
        the counterpart, and `d` is the input of the later copy minus `x`.
        """
        middle = np.tile(sums.bias, (len(self.cells.lo), 1))
        radius, sizes = np.zeros_like(middle), np.tile(sums.sizes, (len(middle), 1))
        for (here, there), (matrix, change, both) in zip(sums.inputs, sums.matrices, strict=True):
            parts = [(change, both, self.ends[there])]
            if here != there:
                parts.append((matrix, both, self.apart[here]))
            for a, size, (lo, hi) in parts:
                center, half = 0.5 * lo + 0.5 * hi, 0.5 * hi - 0.5 * lo
                middle += center @ a.T
                radius += half @ np.abs(a).T
                sizes += (np.abs(center) + half) @ size.T
        # Rounding of products, sums, centers and coefficients, all relative to `sizes`.
        radius = inflate(radius + gamma(2 * sums.terms) * sizes)
        return _without_nan(middle - radius, middle + radius)

    def _rearrange(self, op: Rearrange, node: Node, first: int) -> Bounds:
        """Rearrange bounds on the inputs' differences; constant entries have difference 0."""
        theirs = self.plan.graph.nodes[first - 1].inputs
        zero = np.zeros((len(self.cells.lo), 1))
        parts = [
            self.apart[j] if j != k else (np.tile(zero, n), np.tile(zero, n))
            for j, k, n in zip(node.inputs, theirs, op.sizes, strict=True)
        ]
        low, high = (op.run([part[i] for part in parts], fill=False) for i in (0, 1))
        return low, high

    def _slopes(self, op: Curve, source: int) -> Bounds:
        """Bound the slopes of a curve over the arguments of both counterparts."""
        (zl, zh), (wl, wh) = self.ends[source], self.ends[self.pairs.counterparts[source]]
        with np.errstate(all="ignore"):
            return slope_range(op, np.minimum(zl, wl), np.maximum(zh, wh))

    def _rise(self, op: Curve, source: int) -> Bounds:
        """Bound `D = f(z) - f(w)` from the slopes of `f` and the difference of the arguments."""
        (m, most), (low, high) = self._slopes(op, source), self.apart[source]
        with np.errstate(all="ignore"):
            corners = np.stack([m * low, m * high, most * low, most * high])
            return _without_nan(down(corners.min(axis=0)), up(corners.max(axis=0)))

    def _open(self, value: int) -> np.ndarray:
        """Return the entries that are unstable in either copy, in some box."""
        is_open = np.zeros(self.ends[value][0].shape[1], bool)
        for node in self.plan.graph.nodes:
            if isinstance(node.op, PairedCurve) and node.inputs[0] == value:
                for source in node.inputs[:2]:
                    is_open |= ~is_stable(node.op.curve, *self.ends[source]).all(axis=0)
        return np.flatnonzero(is_open)

    def _refine(self, net: RelaxedGraph, value: int) -> bool:
        refined = super()._refine(net, value)
        rows = self._open(value) if value in self.pairs.sums else np.zeros(0, int)
        if not rows.size or self.late:
            return refined
        try:
            self._substitute_apart(net, value, rows)
        except OutOfTime as error:
            self.late = error
        return True

    def _substitute_apart(self, net: RelaxedGraph, value: int, rows: np.ndarray) -> None:
        """Tighten the bounds on the differences of entries `rows` by back-substitution."""
        first = self.pairs.counterparts[value]
        size_of = magnitude(*self.ends[first])
        if not np.isfinite(size_of).all():
            return
        units = units_of(rows, size_of.size)
        join = RowInjection(-units, 2.0 * UNIT * size_of)
        least = self.cells.least(back_substitute(net, value, units, joins={first: [join]}))
        low, high = (end.copy() for end in self.apart[value])
        self._meet(low, high, rows, least)
        self.apart[value] = low, high
        self.ends[value] = _intersect(self.ends[value], _plus(self.ends[first], (low, high)))

    def _relax(self, net: RelaxedGraph, value: int, node: Node, sizes: list[np.ndarray]) -> None:
        if not isinstance(node.op, PairedCurve):
            super()._relax(net, value, node, sizes)
            return
        source = node.inputs[0]
        slopes = self._slopes(node.op.curve, source)
        sources = [self.ends[j] for j in node.inputs]
        budget = self.plan.budget
        reads = [budget.reads[j] for j in node.inputs]
        planes = relax_paired(node.op, sources, self.apart[source], slopes, budget, reads)
        self.relaxed[value] = planes
        lines: dict[int, Any] = net.lines
        lines[value] = planes
        net.underflow += underflow(node, [sizes[j] for j in node.inputs])


def relax_paired(
    op: PairedCurve,
    sources: list[Bounds],
    apart: Bounds,
    slopes: Bounds,
    budget: OperationCounts,
    reads: list[int],
) -> PairedRelaxation:
    """Compute the planes of a paired curve, or its own lines where these are much tighter.

    "Much tighter" means that the mean distance between the planes is more than `WORTH` times the
    mean distance between the lines.

    Args:
        sources: Bounds of `z`, `w` and `a`, `(B, n)` each.
        apart: Bounds of `z - w`.
        slopes: Bounds of the curve's slopes.
        reads: How often each of `z`, `w` and `a` is read.
    """
    (low, high), (m, most) = apart, slopes
    single = relax_curve(op.curve, *sources[0], None, budget, reads[0], op.size)
    lines = single.offset
    with np.errstate(all="ignore"):
        slope, offset = _chords(apart, slopes)
        loss = 0.5 * (most - m) * (np.abs(low) + np.abs(high))
        usual = 0.5 * sum(_gap(single.slope, single.offset, end) for end in sources[0])
    if single.unbounded is not None:
        usual = np.where(single.unbounded.any(axis=0), np.inf, usual)
        lines = lines + np.where(single.unbounded > 0, _SIGNS * np.inf, 0.0)
    each = slope, slope, np.ones_like(slope)
    parts = [
        (1 + count, part, np.maximum(-lo, hi))
        for count, part, (lo, hi) in zip(reads, each, sources, strict=True)
    ]
    offset = widen_offsets(budget, op.size, parts, offset)
    joint = (loss <= WORTH * usual) & np.isfinite([slope, offset]).all(axis=(0, 1))
    return PairedRelaxation(
        np.where(joint, slope, single.slope),
        np.where(joint, offset, lines),
        joint.astype(np.float64),
        np.where(joint, loss, usual),
    )


def _chords(apart: Bounds, slopes: Bounds) -> tuple[np.ndarray, np.ndarray]:
    """Return slopes and offsets `(2, B, n)` of lines in `d` below and above `m d` and `M d`."""
    (low, high), (m, most) = apart, slopes
    ends = np.stack([np.minimum(m * low, most * low), np.maximum(m * low, most * low)])
    tops = np.stack([np.minimum(m * high, most * high), np.maximum(m * high, most * high)])
    mixed = (low < 0) & (high > 0) & (m < most)
    signed = np.stack([np.where(low >= 0, m, most), np.where(low >= 0, most, m)])
    slope = np.where(mixed, (tops - ends) / (high - low), signed)
    left, right = ends - slope * low, tops - slope * high
    offset = np.stack([np.minimum(left[0], right[0]), np.maximum(left[1], right[1])])
    far = np.maximum(np.abs(low), np.abs(high))
    pad = 8.0 * UNIT * (np.abs(m) + np.abs(most) + np.abs(slope)) * far
    return slope, offset + np.where(m == most, 0.0, inflate(pad)) * _SIGNS


_SIGNS = np.array([-1.0, 1.0])[:, None, None]


def _gap(slope: np.ndarray, offset: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the distance between the lower and the upper line at `x`."""
    return (slope[1] - slope[0]) * x + (offset[1] - offset[0])


def _without_nan(lo: np.ndarray, hi: np.ndarray) -> Bounds:
    """Replace NaN bounds with infinite ones."""
    return np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi)


def _plus(a: Bounds, b: Bounds) -> Bounds:
    """Add two intervals, rounded outward."""
    return _without_nan(down(a[0] + b[0]), up(a[1] + b[1]))


def _minus(a: Bounds, b: Bounds) -> Bounds:
    """Subtract two intervals, rounded outward."""
    return _plus(a, (-b[1], -b[0]))


def _intersect(a: Bounds, b: Bounds) -> Bounds:
    """Intersect two intervals."""
    return np.maximum(a[0], b[0]), np.minimum(a[1], b[1])
