"""Products of two variables, and sound planes that enclose them.

Over a box of `(u, v)` the function `u v - a u - b v = (u - b)(v - a) - a b` is bilinear, so its
extremes lie at corners. Planes of *any* slopes are sound if their offset is the extreme over the
corners. The best planes are McCormick's: a family of lower planes and a family of upper planes,
each with one parameter `theta`.

Reference: G. McCormick, *Computability of global solutions to factorable nonconvex programs: Part
I*, Mathematical Programming 10 (1976).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ..core.rounding import UNIT
from .kinds import SubOp
from .numerics.scatter import Scatter


TINY = 2.0**-1000
"""Bound on the error of every underflow."""


@dataclass(frozen=True, eq=False)
class Product:
    """The products `y_j = u[left_j] * v[right_j]`; a contraction is such an op followed by a sum.

    Args:
        name: Name of the op in reports.
        left: `(m,)` positions in the first input.
        right: `(m,)` positions in the second input.
        sizes: Length of each input.
        limits: Bounds on every product that hold regardless of the intervals of its factors,
            because of a relation between the factors (a normalized entry, a convex combination).
    """

    name: str
    left: np.ndarray
    right: np.ndarray
    sizes: tuple[int, int]
    limits: tuple[float, float] = (-np.inf, np.inf)

    @property
    def size(self) -> int:
        return self.left.size

    def run(self, xs: Sequence[np.ndarray]) -> np.ndarray:
        """Return the value of the op at the inputs `xs`, in their precision."""
        return xs[0][..., self.left] * xs[1][..., self.right]

    def pull(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map rows over the left and right factors, `(..., m)` each, to rows over the two inputs.

        Coefficients of factors that read the same entry are added up.
        """
        first, second = self._scatters
        return (
            first.sums(np.take(left, first.order, axis=-1)),
            second.sums(np.take(right, second.order, axis=-1)),
        )

    def restrict(self, outputs: np.ndarray) -> SubOp:
        """Return a `SubOp` that computes only the results `outputs` of this op."""
        left, first = np.unique(self.left[outputs], return_inverse=True)
        right, second = np.unique(self.right[outputs], return_inverse=True)
        sizes = left.size, right.size
        op = Product(self.name, first.ravel(), second.ravel(), sizes, self.limits)
        return SubOp(op, outputs, (left, right))

    @cached_property
    def _scatters(self) -> tuple[Scatter, Scatter]:
        return Scatter(self.left, self.sizes[0]), Scatter(self.right, self.sizes[1])

    @cached_property
    def terms(self) -> int:
        """The largest number of products that read the same entry; `pull` adds them up."""
        return max(1, *(scatter.most for scatter in self._scatters))


@dataclass(frozen=True, eq=False)
class Planes:
    """Bounds `left[0] u + right[0] v + offset[0] <= u v <= left[1] u + right[1] v + offset[1]`.

    All arrays are `(2, ...)`: first the lower planes, then the upper planes. `theta` states which
    planes of McCormick's two families these are.
    """

    left: np.ndarray
    right: np.ndarray
    offset: np.ndarray
    theta: np.ndarray


def planes(
    u: tuple[ArrayLike, ArrayLike], v: tuple[ArrayLike, ArrayLike], theta: ArrayLike | None = None
) -> Planes:
    """Return planes that enclose `u v` over every box of intervals.

    For the lower plane, `theta` moves from the plane that touches `u v` at both lower bounds (0) to
    the plane that touches it at both upper bounds (1). For the upper plane, it moves the point of
    contact from `(low u, high v)` (0) to `(high u, low v)` (1). Halfway between them, which is the
    default, the largest distance from `u v` is smallest.

    Sound: yes, rounding included. Complete: the planes at `theta` 0 and 1 bound the convex hull.
    Cost: about 60 array operations.

    Args:
        u: `(lo, hi)` of one factor, arrays of any common shape; bounds may be infinite.
        v: `(lo, hi)` of the other factor, of the same shape.
        theta: `(2, ...)` numbers in [0, 1], or None.

    Returns:
        The planes. If a bound of `u` or `v` is infinite, they are constant, and their offset is
        infinite where there is no finite bound.

    Example:
        >>> from outrange.ops.product import planes
        >>> bounds = planes(([0.0], [1.0]), ([0.0], [1.0]), [[0.0], [1.0]])
        >>> [float(bounds.left[0, 0]), float(bounds.right[0, 0])]
        [0.0, 0.0]
    """
    (lu, hu), (lv, hv) = (tuple(np.asarray(e, np.float64) for e in ends) for ends in (u, v))
    shape = np.broadcast_shapes(lu.shape, lv.shape)
    lu, hu, lv, hv = (np.broadcast_to(e, shape) for e in (lu, hu, lv, hv))
    chosen = np.full((2, *shape), 0.5) if theta is None else np.asarray(theta, np.float64)
    theta = np.clip(np.broadcast_to(chosen, (2, *shape)), 0.0, 1.0)
    with np.errstate(all="ignore"):
        fine = np.isfinite(lu) & np.isfinite(hu) & np.isfinite(lv) & np.isfinite(hv)
        wide_u, wide_v = hu - lu, hv - lv
        fine &= np.isfinite(wide_u) & np.isfinite(wide_v)
        # Above, the slope of u moves from `high v` to `low v`, that of v from `low u` to `high u`.
        left = np.stack([lv + theta[0] * wide_v, hv - theta[1] * wide_v])
        right = lu + theta * wide_u
        # A constant factor is the exact slope of the other one.
        left = np.where(fine & (wide_u > 0), left, np.where(fine & (wide_v == 0), lv, 0.0))
        right = np.where(fine & (wide_v > 0), right, 0.0)
        offset = _offsets(lu, hu, lv, hv, left, right)
    return Planes(left, right, offset, theta)


def _offsets(
    lu: np.ndarray,
    hu: np.ndarray,
    lv: np.ndarray,
    hv: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
) -> np.ndarray:
    """Return sound offsets, `(2, ...)`, for planes with these slopes, rounding included.

    The computed value at a corner is a difference of three products. Each product and each
    difference adds one unit roundoff: together less than eight, relative to the sum of their
    absolute values.
    """
    least = np.full(left.shape[1:], np.inf)
    most = np.full(left.shape[1:], -np.inf)
    for x in (lu, hu):
        for y in (lv, hv):
            parts = [times(x, y), times(left, x), times(right, y)]
            pad = 8.0 * UNIT * sum(map(np.abs, parts))
            nothing = ((x == 0) | (y == 0)) & ((left == 0) | (x == 0)) & ((right == 0) | (y == 0))
            pad = np.where(nothing, 0.0, pad + TINY)
            height = parts[0] - parts[1] - parts[2]
            least = np.minimum(least, (height - pad)[0])
            most = np.maximum(most, (height + pad)[1])
    # After NaN or overflow, nothing is known about the value.
    return np.stack(
        [np.where(np.isfinite(least), least, -np.inf), np.where(np.isfinite(most), most, np.inf)]
    )


def times(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return `x * y`; an infinite bound is never attained, so `0 * inf` is 0."""
    return np.where((x == 0) | (y == 0), 0.0, x * y)
