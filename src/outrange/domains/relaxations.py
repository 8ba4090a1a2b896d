"""Linear relaxations of nonlinear ops over one chunk of boxes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import Bounds, gamma
from ..ops import Curve, Largest, Product
from ..ops.product import planes
from ..ops.relaxation.relax import relax
from .rounding import OperationCounts, inflate, widen_offset, widen_offsets


@dataclass(eq=False)
class CurveRelaxation:
    """The lines `slope[0] w + offset[0] <= f(w) <= slope[1] w + offset[1]`, rounding included.

    Arrays are `(2, B, n)`: the lower lines, then the upper lines. Where there is no line, slope and
    offset are 0 and the `unbounded` mark is 1.

    Args:
        slope: Slopes of the lines.
        offset: Offsets of the lines.
        unbounded: `(2, B, n)` 1 where there is no line; None if there is one everywhere.
        theta: The parameter of each line in its family; see `ops.relaxation.relax.LinePair`.
        pivot: The argument about which a line turns as theta grows.
        gain: The rate at which the slope of a line grows with theta.
    """

    slope: np.ndarray
    offset: np.ndarray
    unbounded: np.ndarray | None
    theta: np.ndarray
    pivot: np.ndarray
    gain: np.ndarray

    def take(self, index: np.ndarray) -> "CurveRelaxation":
        """Return a copy with the lines of the boxes at `index`, which may contain repeats."""
        return CurveRelaxation(
            self.slope[:, index],
            self.offset[:, index],
            None if self.unbounded is None else self.unbounded[:, index],
            self.theta[:, index],
            self.pivot[:, index],
            self.gain[:, index],
        )

    def entries(self, index: np.ndarray) -> "CurveRelaxation":
        """Return the lines of the value's entries at `index`."""
        return CurveRelaxation(
            self.slope[..., index],
            self.offset[..., index],
            None if self.unbounded is None else self.unbounded[..., index],
            self.theta[..., index],
            self.pivot[..., index],
            self.gain[..., index],
        )


def relax_curve(
    op: Curve,
    lo: np.ndarray,
    hi: np.ndarray,
    theta: np.ndarray | None,
    budget: OperationCounts | None,
    reads: int,
    size: int,
) -> CurveRelaxation:
    """Return the lines of `op` over `[lo, hi]`, arrays of any common shape.

    Args:
        op: The curve to relax.
        lo: Lower bounds of its argument.
        hi: Upper bounds of its argument.
        theta: The choice of lines, or None for the default.
        budget: Operation counts; if None, rounding errors are ignored.
        reads: How often the curve's input is read.
        size: Length of the value that the lines belong to.
    """
    with np.errstate(all="ignore"):
        lines = relax(op, lo, hi, theta)
    slope = np.stack([lines.lo_slope, lines.hi_slope])
    offset = np.stack([lines.lo_offset, lines.hi_offset])
    if budget is not None:
        size_of = np.maximum(-lo, hi)
        offset = widen_offset(budget, reads, size, slope, offset, size_of)
    is_finite = np.isfinite(slope) & np.isfinite(offset)
    unbounded = None
    if not is_finite.all():
        slope, offset = np.where(is_finite, slope, 0.0), np.where(is_finite, offset, 0.0)
        unbounded = (~is_finite).astype(np.float64)
    return CurveRelaxation(
        slope,
        offset,
        unbounded,
        np.stack([lines.lo_theta, lines.hi_theta]),
        np.stack([lines.lo_pivot, lines.hi_pivot]),
        np.stack([lines.lo_gain, lines.hi_gain]),
    )


@dataclass(frozen=True, eq=False)
class MaxRelaxation:
    """Lower and upper planes of a maximum over windows, rounding included.

    They are `x[arg] <= max of the window <= sum_k slope_k x[window_k] + offset`.

    Args:
        size: The length of `x`.
        arg: `(B, m)` for each window, the index of the argument with the largest lower bound.
        sure: `(B, m)` whether no other argument can exceed it: both bounds are then `x[arg]`.
        top: `(B, m)` the largest upper bound in each window; 0 where it is infinite.
        lower: `(B, m, k)` 1 at `arg`, 0 elsewhere.
        slope: `(B, m, k)` coefficients of the upper plane, at least 0.
        offset: `(B, m)` constant of the upper plane.
        unbounded: `(B, m)` 1 where there is no plane; None if there always is one.
    """

    size: int
    arg: np.ndarray
    sure: np.ndarray
    top: np.ndarray
    lower: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    unbounded: np.ndarray | None = None

    def take(self, index: np.ndarray) -> "MaxRelaxation":
        """Return the planes of the boxes at `index`, which may contain repeats."""
        return self._of(index, self.arg[index], self.size)

    def entries(self, index: np.ndarray, source: np.ndarray) -> "MaxRelaxation":
        """Return the planes of the windows at `index`, with `x` reduced to its entries `source`."""
        at = (slice(None), index)
        return self._of(at, np.searchsorted(source, self.arg[at]), source.size)

    def _of(self, at: Any, arg: np.ndarray, size: int) -> "MaxRelaxation":
        marks = None if self.unbounded is None else self.unbounded[at]
        sure, top, offset = self.sure[at], self.top[at], self.offset[at]
        return MaxRelaxation(size, arg, sure, top, self.lower[at], self.slope[at], offset, marks)


def relax_max(
    op: Largest, lo: np.ndarray, hi: np.ndarray, budget: OperationCounts | None
) -> MaxRelaxation:
    """Bound a maximum from below by one of its arguments, and from above by a plane.

    Below, the argument with the largest lower bound is used. Let `l` be this bound. Above, two
    planes are compared at the center and the lower one is used. The first is
    `l + sum_k s_k (x_k - lo_k)` over the arguments that can exceed `l`, with
    `s_k = (hi_k - l) / (hi_k - lo_k)`. The second is a line in only one argument, the one with the
    largest upper bound, from the next largest upper bound to its own. For slopes between 0 and 1
    the least sound offset is `max(l, max_k hi_k - s_k (hi_k - lo_k)) - sum_k s_k lo_k`. The reason:
    an argument exceeds `sum_k s_k x_k` most where it is at its upper bound, and all others are at
    their lower bounds.
    """
    source = np.maximum(op.windows, 0)
    absent = op.windows < 0
    low = np.where(absent, -np.inf, lo[:, source])
    high = np.where(absent, -np.inf, hi[:, source])
    place = low.argmax(axis=-1)[..., None]
    best = np.take_along_axis(low, place, axis=-1)
    arg = np.take_along_axis(np.broadcast_to(source, low.shape), place, axis=-1)
    top = high.max(axis=-1)
    # A window may contain an entry twice; only other entries compete with it.
    others = np.where(source == arg, -np.inf, high).max(axis=-1)
    sure = best[..., 0] >= others
    hot = np.arange(low.shape[-1]) == place
    slope, offset = _plane(low, high, best)
    slope = np.where(sure[..., None], hot, slope)
    offset = np.where(sure, 0.0, offset)
    unbounded = np.isinf(top) & ~sure
    if budget is not None:
        offset = offset + np.where(
            offset == 0.0,
            0.0,
            inflate(budget.constant(op.size + 2) * budget.excess(op.size) * np.abs(offset)),
        )
    marks = unbounded.astype(np.float64) if unbounded.any() else None
    offset = np.where(unbounded, 0.0, offset)
    slope = np.where(unbounded[..., None], 0.0, slope)
    top = np.where(np.isinf(top), 0.0, top)
    return MaxRelaxation(
        lo.shape[1], arg[..., 0], sure, top, hot.astype(np.float64), slope, offset, marks
    )


def _plane(low: np.ndarray, high: np.ndarray, best: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return slopes `(B, m, k)` and offsets `(B, m)` of the better plane above each window."""
    with np.errstate(all="ignore"):
        width = high - low
        near = np.isfinite(low) & np.isfinite(high)
        able = near & (high > best) & (width > 0)
        all_slopes = np.where(able, (high - best) / width, 0.0)
        first = high.argmax(axis=-1)[..., None]
        alone = np.arange(high.shape[-1]) == first
        second = np.where(alone, -np.inf, high).max(axis=-1, keepdims=True)
        floor = np.maximum(second, best)
        one_slope = np.where(alone & able & (high > floor), (high - floor) / width, 0.0)
        planes = []
        for slope in (np.clip(all_slopes, 0.0, 1.0), np.clip(one_slope, 0.0, 1.0)):
            used = slope > 0.0
            reached = np.where(used, high - slope * width, high)
            level = np.maximum(best, reached.max(axis=-1, keepdims=True))[..., 0]
            offset = level - np.where(used, slope * low, 0.0).sum(axis=-1)
            middle = level + 0.5 * np.where(used, slope * width, 0.0).sum(axis=-1)
            sizes = np.where(used, np.abs(low) + np.abs(high), 0.0).sum(axis=-1)
            pad = gamma(4 * low.shape[-1] + 16) * (sizes + np.abs(level))
            planes.append((slope, offset + inflate(pad), middle))
        (first_slope, first_offset, first_middle), (other_slope, other_offset, other_middle) = (
            planes
        )
        better = other_middle < first_middle
        slope = np.where(better[..., None], other_slope, first_slope)
        return slope, np.where(better, other_offset, first_offset)


@dataclass(eq=False)
class ProductRelaxation:
    """Planes `left u + right v + offset` that enclose `u v`, rounding included.

    Arrays are `(2, B, n)`: the lower planes, then the upper planes. See `ops.product.planes` for
    `theta`, and `CurveRelaxation` for `unbounded`.
    """

    left: np.ndarray
    right: np.ndarray
    offset: np.ndarray
    unbounded: np.ndarray | None
    theta: np.ndarray

    def entries(self, index: np.ndarray) -> "ProductRelaxation":
        """Return the planes of the products at `index`."""
        return ProductRelaxation(
            self.left[..., index],
            self.right[..., index],
            self.offset[..., index],
            None if self.unbounded is None else self.unbounded[..., index],
            self.theta[..., index],
        )

    def take(self, index: np.ndarray) -> "ProductRelaxation":
        """Return a copy with the planes of the boxes at `index`, which may contain repeats."""
        return ProductRelaxation(
            self.left[:, index],
            self.right[:, index],
            self.offset[:, index],
            None if self.unbounded is None else self.unbounded[:, index],
            self.theta[:, index],
        )


def relax_product(
    op: Product,
    u: Bounds,
    v: Bounds,
    theta: np.ndarray | None,
    budget: OperationCounts | None,
    reads: tuple[int, int],
) -> ProductRelaxation:
    """Return the planes of `op` over boxes `u`, `v` of its factors, entry by entry.

    Args:
        op: The product to relax.
        u: Bounds of the first factors, `(lo, hi)`, arrays of one shape.
        v: Bounds of the second factors, of the same shape.
        theta: `(2, ...)` or None for the default.
        budget: Operation counts; if None, rounding errors are ignored.
        reads: How often each of the two inputs is read.
    """
    enclosing = planes(u, v, theta)
    left, right, offset = enclosing.left, enclosing.right, enclosing.offset
    if budget is not None:
        parts = (
            (op.terms + reads[0], left, np.maximum(-u[0], u[1])),
            (op.terms + reads[1], right, np.maximum(-v[0], v[1])),
        )
        offset = widen_offsets(budget, op.size, parts, offset)
    is_finite = np.isfinite(left) & np.isfinite(right) & np.isfinite(offset)
    unbounded = None
    if not is_finite.all():
        left, right, offset = (np.where(is_finite, part, 0.0) for part in (left, right, offset))
        unbounded = (~is_finite).astype(np.float64)
    return ProductRelaxation(left, right, offset, unbounded, enclosing.theta)
