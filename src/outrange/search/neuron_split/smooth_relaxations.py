"""Relaxations of smooth activations for neuron splitting: movable tangents, fixed chords.

If a range meets exactly one convex part of the curve, its lower line is usually a tangent to that
part, and `alpha` selects the tangent point. The tangent is lowered until it lies below the curve on
the range. On other ranges, the lower line is fixed. Upper lines are lower lines of the mirrored
curve.

Reference: Z. Shi et al., *Neural Network Verification with Branch-and-Bound for General
Nonlinearities* (GenBaB), TACAS 2025, for splitting the ranges of smooth units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...domains.stability import is_stable
from ...graph import Graph
from ...graph.graph import Op
from ...ops import Affine, Curve, Rearrange, Step
from ...ops.relaxation.offsets import least_at_points, points, tangent_offset
from ...ops.relaxation.relax import relax
from ...ops.relaxation.side import Side
from .relaxations import Activation, KinkActivation, Relaxation, kink_slopes


THIN = 1e-7
"""A range of at most this width, relative to `1 + |lo|`, is not split."""


@dataclass(eq=False)
class SmoothActivation:
    """An activation layer of a curve without jumps or holes.

    Args:
        value: Index of the activation's value in the graph.
        source: Index of its input value.
        place: Slice of the activation's units in arrays over the units of all nonlinear values.
    """

    value: int
    source: int
    place: slice
    curve: Curve
    below: float = np.nan
    enough: float = np.inf

    @property
    def size(self) -> int:
        return self.place.stop - self.place.start

    def is_stable(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return a mask of the units that are stable, or whose ranges are too thin to split."""
        thin = hi - lo <= THIN * (1.0 + np.abs(lo))
        return np.asarray(is_stable(self.curve, lo, hi) | thin)

    def stable_slope(self, lo: np.ndarray, hi: np.ndarray) -> None:
        """Return None: stable units may still have an offset."""

    def start(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return the initial line parameter `alpha` of each unit: 0.5."""
        return np.full(np.shape(lo), 0.5)

    def split_point(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return the points at which to split ranges.

        A range is split at the knot nearest to its middle, or at its middle if no knot lies inside
        it. For curves that are not piecewise linear, knots in the outer tenths are ignored.
        """
        middle = 0.5 * lo + 0.5 * hi
        out = middle.copy()
        margin = 0.0 if self.curve.is_piecewise_linear else 0.1
        best = np.full(np.shape(lo), np.inf)
        for knot in self.curve.knots:
            inside = (knot > lo + margin * (hi - lo)) & (knot < hi - margin * (hi - lo))
            near = inside & (np.abs(knot - middle) < best)
            best = np.where(near, np.abs(knot - middle), best)
            out = np.where(near, knot, out)
        return out

    def prepare(self, lo: np.ndarray, hi: np.ndarray) -> PreparedSmooth:
        """Compute the interval of tangent points, or the fixed line, of each unit."""
        plain, first, last = (relax(self.curve, lo, hi, alpha) for alpha in (None, 0.0, 1.0))
        sides = []
        for side, slope, offset, ends in (
            (self.curve.sides[0], plain.lo_slope, plain.lo_offset, (first.lo_pivot, last.lo_pivot)),
            (
                self.curve.sides[1],
                -plain.hi_slope,
                -plain.hi_offset,
                (first.hi_pivot, last.hi_pivot),
            ),
        ):
            sides.append(_family(side, lo, hi, slope, offset, *ends))
        return PreparedSmooth(self.curve, lo, hi, (sides[0], sides[1]))

    def gap(
        self, lo: np.ndarray, hi: np.ndarray, alpha: np.ndarray, rows: np.ndarray
    ) -> np.ndarray:
        """Estimate the largest distance between the curve and its chord, at three inner points.

        Return 0 for stable units.
        """
        low, high = self.curve.f(lo), self.curve.f(hi)
        out = np.zeros(lo.shape)
        for part in (0.25, 0.5, 0.75):
            height = self.curve.f((1 - part) * lo + part * hi)
            out = np.fmax(out, np.abs(height - (1 - part) * low - part * high))
        return np.where(self.is_stable(lo, hi), 0.0, out)


@dataclass(eq=False)
class _TangentFamily:
    """Lower lines of a curve or of its mirror image.

    The lines are tangents at points between `first` and `last` where `free` is True, and fixed
    lines (`slope` and `offset`) elsewhere.
    """

    free: np.ndarray
    first: np.ndarray
    last: np.ndarray
    inside: tuple[np.ndarray, np.ndarray]
    gaps: tuple[np.ndarray, np.ndarray]
    slope: np.ndarray
    offset: np.ndarray
    gain: np.ndarray

    def take(self, index: np.ndarray) -> _TangentFamily:
        """Return a copy with only the sub-problems at `index`."""
        return _TangentFamily(
            self.free[index],
            self.first[index],
            self.last[index],
            (self.inside[0][index], self.inside[1][index]),
            (self.gaps[0][index], self.gaps[1][index]),
            self.slope[index],
            self.offset[index],
            self.gain[index],
        )


def _family(
    side: Side,
    lo: np.ndarray,
    hi: np.ndarray,
    slope: np.ndarray,
    offset: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
) -> _TangentFamily:
    """Return the lower lines of a curve or of its mirror image.

    A unit's tangent point is free only if its range meets exactly one convex part.
    """
    start, stop = side.gaps(lo, hi)
    top = side.cups_before.size - 2
    cups = side.cups_before[np.minimum(stop, top) + 1] - side.cups_before[np.minimum(start, top)]
    free = (cups == 1) & (stop - start <= 4) & (lo < hi) & (start <= stop)
    free &= not isinstance(side.curve, Step)  # A step has no tangents, and its own lines are sound.
    free &= (
        ~side.curve.outside(lo, hi)
        if side.curve.beyond is None
        else ((lo >= side.curve.on[0]) & (hi <= side.curve.on[1]))
    )
    cup = side.next_cup[np.minimum(start, side.next_cup.size - 1)]
    inner = np.maximum(lo, side.first[cup]), np.minimum(hi, side.last[cup])
    inside = np.maximum(lo, side.left[cup]), np.minimum(hi, side.right[cup])
    first, last = np.clip(first, *inner), np.clip(last, *inner)
    free &= (first < last) & np.isfinite(first) & np.isfinite(last)
    gain = np.where(free, side.slope(last) - side.slope(first), 0.0)
    free &= np.isfinite(gain)
    return _TangentFamily(
        free, first, last, inside, (start, stop), slope, offset, np.nan_to_num(gain)
    )


@dataclass(eq=False)
class PreparedSmooth:
    """A `SmoothActivation` on given ranges: see `SmoothActivation.prepare`."""

    curve: Curve
    lo: np.ndarray
    hi: np.ndarray
    sides: tuple[_TangentFamily, _TangentFamily]

    def take(self, index: np.ndarray) -> PreparedSmooth:
        """Return a copy with only the sub-problems at `index`."""
        return PreparedSmooth(
            self.curve,
            self.lo[index],
            self.hi[index],
            (self.sides[0].take(index), self.sides[1].take(index)),
        )

    def relax(self, alpha: np.ndarray) -> Relaxation:
        """Return the units' lower and upper lines for the parameters `alpha`."""
        slopes, offsets, gains, pivots = [], [], [], []
        for side, family in zip(self.curve.sides, self.sides, strict=True):
            slope, offset, at = self._lines(side, family, alpha)
            slopes.append(side.sign * slope)
            offsets.append(side.sign * offset)
            gains.append(side.sign * family.gain)
            pivots.append(at)
        return Relaxation(
            (slopes[0], slopes[1]),
            (offsets[0], offsets[1]),
            (gains[0], gains[1]),
            (pivots[0], pivots[1]),
        )

    def _lines(
        self, side: Side, family: _TangentFamily, alpha: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return slopes, offsets and pivots of the lower lines of a curve or its mirror image."""
        slope, offset = family.slope.copy(), family.offset.copy()
        pivot = np.zeros(slope.shape)
        some = np.nonzero(family.free)
        if not some[0].size:
            return slope, offset, pivot
        first, last, lo, hi = (x[some] for x in (family.first, family.last, self.lo, self.hi))
        at = np.clip(first + alpha[some] * (last - first), first, last)
        m = side.slope(at)
        start, stop = family.gaps[0][some], family.gaps[1][some]
        low, _ = least_at_points(points(side, lo, hi, start, stop), m)
        inside = family.inside[0][some], family.inside[1][some]
        lowest = np.minimum(low, tangent_offset(side, m, at, *inside))
        fine = np.isfinite(m) & np.isfinite(lowest)
        slope[some] = np.where(fine, m, slope[some])
        offset[some] = np.where(fine, lowest, offset[some])
        pivot[some] = at
        return slope, offset, pivot


def supports_op(op: Op) -> bool:
    """Return whether neuron splitting supports an op."""
    if isinstance(op, Curve):
        return not (op.jumps or op.holes)
    return isinstance(op, Affine | Rearrange)


def activations_of(graph: Graph) -> list[Activation] | None:
    """Return the activations of all nonlinear values in order, or None if one is unsupported."""
    activations: list[Activation] = []
    start = 0
    for v, node in enumerate(graph.nodes[: graph.output], 1):
        if not supports_op(node.op):
            return None
        if not isinstance(node.op, Curve):
            continue
        slopes, place = kink_slopes(node.op), slice(start, start + node.size)
        if slopes is None:
            activations.append(SmoothActivation(v, node.inputs[0], place, node.op))
        else:
            activations.append(KinkActivation(v, node.inputs[0], place, *slopes))
        start += node.size
    return activations
