"""Rounding-error terms: the loss of float64 in a back-substitution, charged where it arises.

A back-substitution has rows `a_v` on pending values and a constant `c` (all float64) such that

    objective(x) >= sum_v a_v . v(x) + c      for every x in the box, in real arithmetic.   (*)

Every step replaces `a_v . v(x)` by rows on the inputs of `v`. It keeps (*) by subtracting from `c`
a bound on the step's own roundings. Notation: `u` is the unit roundoff, `gamma(n)` is `n u / (1 - n
u)`, `eta` the least subnormal. `H_v >= |v(x)|` are the magnitudes proved for the boxes at hand, and
`n_v` is the length of `v`. `r_v` is the number of times `v` is read. That number of rows is added
up on it, so each summand passes at most `r_v` additions. `K` is twice the number of nodes plus a
few, the number of additions into `c`. The roundings, one by one:

1. *Affine* `v = sum_i A_i v_i + b`. The new rows are `fl(A_i^T a_v)`, sums of at most `t` products,
   then added to the pending rows. They are off by at most `gamma(t + r_i) |A_i|^T |a_v|`, entry by
   entry. This changes the objective by at most `sum_j |a_vj| gamma(t + r) (|A| H)_j`. The constant
   `fl(a_v . b)` is a sum of `n_v` products and passes `K` additions: off by `sum_j |a_vj| gamma(n_v
   + K) |b_j|`. So `v` has the radius

       rho_vj = gamma(t + r) (|A| H)_j + gamma(n_v + K) |b_j|,

   and the error in the row is at most `|a_v| . rho_v`.

2. *Rearrange*: there is no product; an input entry collects up to `t` entries of `a_v` (`t - 1`
   additions): `rho_vj = gamma(t - 1 + r) H_vj`, zero if `t = r = 1`. Constants are as in 1.
3. *Curve* `v = f(w)` with the sound lines `s w + o`. The row is split exactly into its positive and
   negative part. `fl(a s)` is one product: off by `|a| gamma(1 + r_w) |s| H_w`. The constant `fl(a
   . o)` is off by `gamma(n_v + K) |a| . |o|`. Both are proportional to `|a|`, so they are put into
   the lines once per box: the offset moves outward by `gamma(1 + r_w) |s| H_w + gamma(n_v + K)
   |o|`, and rows that use the lines include the errors.
4. *Largest*: as 2, with one more rounding for the product with a slope, and with the sum of `H`
   over each window in place of `H_v`: the slopes are at most 1. Its constants are as in 3.
   *Product* `v = w w'` with sound planes `s w + s' w' + o`: as 3, but an entry of `w` collects up
   to `t` products. The offset moves outward by `gamma(t + r_w) |s| H_w`, by the same expression for
   `w'`, and by `gamma(n_v + K) |o|`.
5. *Underflow*: a product may lose `eta` absolutely instead of relatively. A step computes at most
   `t` products per new entry and `n_v` for the constant. Together they lose at most `eta (t sum_j
   H_ij + n_v)`. The losses of all nodes are added up once, and subtracted from every row
   (`underflow`).
6. *The amounts subtracted* are float64 sums of at most `n_v` non-negative products that pass `K`
   additions, and are computed from rounded radii. So radii are enlarged by `1 + 4 gamma(n + K +
   8)`, and by `FLOOR` to cover underflow in the radii themselves.
7. *Concretization* `min a . x + c` over a box of center `m` and radius `d`: `fl(a . m) - fl(|a| .
   d') + c` with `d' = d + gamma(2 n + 8) (|m| + d)` rounded up covers both sums of `n` products.
   Each of the two remaining additions is followed by a step to the next float64 below.

`H = inf` makes a radius infinite. It matters only where the row is not zero, and the bound is then
`-inf`, never NaN. The derivation holds for every order of summation, with or without fused
multiply-add.

Reference: N. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., sections 3.1-3.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core import UNIT, gamma
from ..graph import Graph, Node
from ..ops import Affine, Curve, Largest, Product, Rearrange


TINY = 5e-324
"""The `eta` of the derivation: the least subnormal number."""

FLOOR = 2.0**-1000
"""Amount added to errors. It exceeds every multiple of `eta` that occurs. It is not subnormal,
because arithmetic with subnormal numbers is slow."""


def inflate(x: np.ndarray) -> np.ndarray:
    """Return an upper bound on `x >= 0` that covers four roundings and underflows in `x`."""
    return x * (1.0 + 8.0 * UNIT) + FLOOR


@dataclass(frozen=True, eq=False)
class RoundingTerm:
    """Bounds on the rounding errors of a node's entries, per unit of coefficient magnitude.

    Infinite errors are stored separately, so that 0 times infinity is 0.
    """

    finite: np.ndarray
    infinite: np.ndarray | None

    @staticmethod
    def of(amount: np.ndarray) -> "RoundingTerm | None":
        """Build a term from errors, which may be infinite; return None if all are zero."""
        unbounded = ~np.isfinite(amount)
        if unbounded.any():
            return RoundingTerm(np.where(unbounded, 0.0, amount), unbounded.astype(np.float64))
        return RoundingTerm(amount, None) if amount.any() else None

    def entries(self, index: np.ndarray) -> "RoundingTerm":
        """Return the errors of the entries at `index`."""
        return RoundingTerm(
            self.finite[index], None if self.infinite is None else self.infinite[index]
        )


@dataclass(frozen=True, eq=False)
class OperationCounts:
    """Counts of additions in a back-substitution that depend only on the graph.

    Args:
        reads: For every value `v`, the number `r_v` of times that nodes read it.
        additions: Bound `K` on the number of additions into the constant of a linear form.
    """

    reads: tuple[int, ...]
    additions: int

    @staticmethod
    def of(graph: Graph) -> "OperationCounts":
        """Count the reads and additions in a graph."""
        reads = [0] * (len(graph.nodes) + 1)
        for node in graph.nodes:
            for j in node.inputs:
                reads[j] += 1
        return OperationCounts(tuple(reads), 2 * len(graph.nodes) + 8)

    def excess(self, length: int) -> float:
        """Return the factor by which radii of values of this length are enlarged.

        Point 6 of the module docstring derives it.
        """
        return 1.0 + 4.0 * gamma(length + self.additions + 8)

    def constant(self, length: int) -> float:
        """Return `gamma(n_v + K)`, a bound on the error of a constant that sums `length` products.

        The error is relative to the sum of the magnitudes of the products.
        """
        return gamma(length + self.additions)


def magnitude(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Return the largest magnitude of each entry over all boxes, `(n,)`."""
    return np.maximum(-lo.min(axis=0), hi.max(axis=0))


def radius(
    budget: OperationCounts, node: Node, sizes_of: list[np.ndarray], size: np.ndarray
) -> np.ndarray:
    """Return the rounding radius `rho_v` of one node, `(n_v,)`.

    Points 1, 2 and 4 of the module docstring derive it.

    Args:
        budget: Operation counts of the graph.
        node: The node; its op is not a curve or a product.
        sizes_of: Bounds `H` on the magnitudes of each input's entries.
        size: Bounds `H` on the magnitudes of the node's own entries.
    """
    op = node.op
    if isinstance(op, Curve | Product):
        raise TypeError(
            "A rounding radius must be computed only for ops other than curves and "
            "products, whose lines or planes already cover the rounding error. Received: "
            f"`{op.name}`."
        )
    reads = max((budget.reads[j] for j in node.inputs), default=1)
    if isinstance(op, Affine):
        factor = budget.excess(max(op.size, op.terms))
        farthest = reach(op, [h[None] for h in sizes_of])[0]
        rho = gamma(op.terms + reads) * farthest + budget.constant(op.size) * np.abs(op.bias)
        return inflate(rho * factor)
    factor = budget.excess(op.size + (op.windows.shape[1] if isinstance(op, Largest) else 0))
    if isinstance(op, Rearrange):
        rho = np.zeros(op.size)
        if op.terms + reads > 2:
            rho = gamma(op.terms - 1 + reads) * size
        if (op.index < 0).any():
            rho = rho + np.where(op.index < 0, budget.constant(op.size) * np.abs(op.fill), 0.0)
        return np.where(rho > 0, rho * factor + FLOOR, 0.0)
    present = op.windows >= 0
    most_used = int(np.bincount(op.windows[present]).max())
    total = np.where(present, sizes_of[0][np.maximum(op.windows, 0)], 0.0).sum(axis=1)
    return inflate(gamma(most_used + 1 + reads) * total * factor)


def reach(op: Affine, sizes_of: Sequence[np.ndarray]) -> np.ndarray:
    """Return `|A| H`; it is infinite where an infinite entry of `H` has a nonzero coefficient.

    `sizes_of` contains `H`, bounds on the magnitudes of each input's entries, `(B, n)`.
    """
    finite = tuple(np.where(np.isfinite(h), h, 0.0) for h in sizes_of)
    with np.errstate(over="ignore"):
        total = op.apply(finite, True)
    if not all(np.isfinite(h).all() for h in sizes_of):
        marks = tuple((~np.isfinite(h)).astype(np.float64) for h in sizes_of)
        total = np.where(op.apply(marks, True) > 0, np.inf, total)
    return total


def underflow(node: Node, sizes_of: list[np.ndarray]) -> float:
    """Return a bound on the error that underflow in one node's step may cause in any row.

    Point 5 of the module docstring derives it.
    """
    op = node.op
    terms = 1 if isinstance(op, Curve | Largest) else op.terms
    total = 4.0 * node.size + 4.0
    for h in sizes_of:
        total += 2.0 * (terms + 1) * (h.size + float(h[np.isfinite(h)].sum()))
    return TINY * 4.0 * total


def underflow_of_boxes(size: int) -> float:
    """Return the error that underflow may cause in a concretization over boxes of `size` inputs."""
    return TINY * (8.0 * size + 16.0)


def widen_offset(
    budget: OperationCounts,
    reads: int,
    size: int,
    slope: np.ndarray,
    offset: np.ndarray,
    size_of: np.ndarray,
) -> np.ndarray:
    """Move the offsets of lines outward to cover rounding: the lower one down, the upper one up.

    Point 3 of the module docstring derives the distances.

    Args:
        budget: Operation counts of the graph.
        reads: The number `r_w` of times that nodes read the curve's input.
        size: The length `n_v` of the curve's value.
        slope: `(2, ...)`: slopes of the lower and the upper lines.
        offset: `(2, ...)`; infinite where there is no line.
        size_of: `(...)`: bounds `H_w` on the magnitude of the curve's input in each box.
    """
    return widen_offsets(budget, size, ((1 + reads, slope, size_of),), offset)


def widen_offsets(
    budget: OperationCounts,
    size: int,
    parts: Sequence[tuple[int, np.ndarray, np.ndarray]],
    offset: np.ndarray,
) -> np.ndarray:
    """Move the offsets of lines or planes outward to cover rounding.

    Points 3 and 4 of the module docstring derive the distances.

    Args:
        budget: Operation counts of the graph.
        size: The length `n_v` of the value that the lines belong to.
        parts: Per variable, the number of roundings of a row, the slopes `(2, ...)`, and a bound
            `H` on the variable's magnitude, `(...)`.
        offset: `(2, ...)`; infinite where there is no line.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        moved, flat = 0.0, offset == 0.0
        for count, slope, size_of in parts:
            moved = moved + np.where(slope == 0.0, 0.0, np.abs(slope) * size_of) * gamma(count)
            flat = flat & (slope == 0.0)
        pad = (moved + budget.constant(size + 2) * np.abs(offset)) * budget.excess(size)
        # An exact line through 0 without rounding error stays unchanged.
        pad = np.where(pad == 0.0, FLOOR * ~flat, inflate(pad))
        pad[0] *= -1.0
        out = offset + pad
    out[0][np.isnan(out[0])] = -np.inf
    out[1][np.isnan(out[1])] = np.inf
    return out
