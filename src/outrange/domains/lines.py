"""The straight lines that stand in for bent ops over one chunk of boxes."""

from dataclasses import dataclass

import numpy as np

from ..ops import Curve, Largest, Product
from ..ops.product import planes
from ..ops.relax import relax
from .noise import Budget, outward, outward_of, widened


@dataclass(eq=False)
class Lines:
    """`slope[0] w + offset[0] <= f(w) <= slope[1] w + offset[1]`, noise paid.

    Arrays are `(2, B, n)`: below, above. Where there is no line on a side, its slope and offset
    are 0 and its `endless` mark is 1.

    Args:
        slope: Of the lines.
        offset: Of the lines.
        endless: None if there is a line everywhere.
        theta: Which member of its family each line is; see `ops.relax.Lines`.
        pivot: Where a line turns as theta grows.
        gain: By how much its slope then grows.
    """

    slope: np.ndarray
    offset: np.ndarray
    endless: np.ndarray | None
    theta: np.ndarray
    pivot: np.ndarray
    gain: np.ndarray

    def take(self, index: np.ndarray) -> "Lines":
        """The lines of some boxes, repeats allowed, as copies."""
        return Lines(
            self.slope[:, index],
            self.offset[:, index],
            None if self.endless is None else self.endless[:, index],
            self.theta[:, index],
            self.pivot[:, index],
            self.gain[:, index],
        )


def curve_lines(op: Curve, lo, hi, theta, budget: Budget | None, reads: int, size: int) -> Lines:
    """The lines of `op` over `[lo, hi]`, arrays of any one shape.

    Args:
        op: The curve.
        lo: Lower ends.
        hi: Upper ends.
        theta: Which lines, or None for the default.
        budget: None leaves the noise unpaid.
        reads: How often the curve's input is read.
        size: Length of the value that the lines belong to.
    """
    with np.errstate(all="ignore"):
        found = relax(op, lo, hi, theta)
    slope = np.stack([found.lo_slope, found.hi_slope])
    offset = np.stack([found.lo_offset, found.hi_offset])
    if budget is not None:
        size_of = np.maximum(-lo, hi)
        offset = outward(budget, reads, size, slope, offset, size_of)
    fine = np.isfinite(slope) & np.isfinite(offset)
    endless = None
    if not fine.all():
        slope, offset = np.where(fine, slope, 0.0), np.where(fine, offset, 0.0)
        endless = (~fine).astype(np.float64)
    return Lines(
        slope,
        offset,
        endless,
        np.stack([found.lo_theta, found.hi_theta]),
        np.stack([found.lo_pivot, found.hi_pivot]),
        np.stack([found.lo_gain, found.hi_gain]),
    )


@dataclass(frozen=True, eq=False)
class Picks:
    """`x[arg] <= max of the window`, and `= x[arg]` where `sure`, else `<= top`; all `(B, m)`.

    `size` is the length of `x`.
    """

    size: int
    arg: np.ndarray
    sure: np.ndarray
    top: np.ndarray
    endless: np.ndarray | None = None

    def take(self, index: np.ndarray) -> "Picks":
        """The picks of some boxes, repeats allowed."""
        marks = None if self.endless is None else self.endless[index]
        return Picks(self.size, self.arg[index], self.sure[index], self.top[index], marks)


def largest_picks(op: Largest, lo, hi, budget: Budget | None) -> Picks:
    """The argument with the largest lower end; sure where no other can exceed it."""
    source = np.maximum(op.windows, 0)
    absent = op.windows < 0
    low = np.where(absent, -np.inf, lo[:, source])
    high = np.where(absent, -np.inf, hi[:, source])
    sources = np.broadcast_to(source, low.shape)
    place = low.argmax(axis=-1)[..., None]
    best, arg = (np.take_along_axis(a, place, axis=-1) for a in (low, sources))
    top = high.max(axis=-1)
    others = np.where(sources == arg, -np.inf, high).max(axis=-1)
    best, arg = best[..., 0], arg[..., 0]
    if budget is not None:
        top = top + widened(budget.constant(op.size + 2) * budget.excess(op.size) * np.abs(top))
    endless = np.isinf(top)
    marks = endless.astype(np.float64) if endless.any() else None
    return Picks(lo.shape[1], arg, best >= others, np.where(endless, 0.0, top), marks)


@dataclass(eq=False)
class Planes:
    """Planes `left u + right v + offset` that enclose `u v`, noise paid.

    Arrays are `(2, B, n)`: below, above. See `ops.product.planes` for `theta`, `Lines` for
    `endless`.
    """

    left: np.ndarray
    right: np.ndarray
    offset: np.ndarray
    endless: np.ndarray | None
    theta: np.ndarray

    def take(self, index: np.ndarray) -> "Planes":
        """The planes of some boxes, repeats allowed, as copies."""
        return Planes(
            self.left[:, index],
            self.right[:, index],
            self.offset[:, index],
            None if self.endless is None else self.endless[:, index],
            self.theta[:, index],
        )


def product_planes(
    op: Product, u, v, theta, budget: Budget | None, reads: tuple[int, int]
) -> Planes:
    """The planes of `op` over boxes `u`, `v` of its factors, entry by entry.

    Args:
        op: The product.
        u: Ends of the first factors, `(lo, hi)`, arrays of one shape.
        v: Ends of the second.
        theta: `(2, ...)` or None for the default.
        budget: None leaves the noise unpaid.
        reads: How often each of the two inputs is read.
    """
    found = planes(u, v, theta)
    left, right, offset = found.left, found.right, found.offset
    if budget is not None:
        parts = (
            (op.terms + reads[0], left, np.maximum(-u[0], u[1])),
            (op.terms + reads[1], right, np.maximum(-v[0], v[1])),
        )
        offset = outward_of(budget, op.size, parts, offset)
    fine = np.isfinite(left) & np.isfinite(right) & np.isfinite(offset)
    endless = None
    if not fine.all():
        left, right, offset = (np.where(fine, part, 0.0) for part in (left, right, offset))
        endless = (~fine).astype(np.float64)
    return Planes(left, right, offset, endless, found.theta)
