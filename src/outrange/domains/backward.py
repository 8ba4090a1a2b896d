"""Back-substitution: linear lower bounds in terms of the input, one rule per kind of op.

Rows have the shape `(R, n)`, the same for all boxes, until they are propagated through a nonlinear
op. From there on, their shape is `(B, R, n)`. An upper bound on a row is a negated lower bound on
the negated row. Rounding: see `rounding`.

Reference: H. Zhang et al., *Efficient Neural Network Robustness Certification with General
Activation Functions* (CROWN), NeurIPS 2018; G. Singh et al., *An Abstract Domain for Certifying
Neural Networks* (DeepPoly), POPL 2019.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core import check_deadline, down, gamma, work
from ..core.clock import charge
from ..graph import Graph
from ..ops import Affine, Curve, Largest, Product, Rearrange, Step
from .relaxations import CurveRelaxation, MaxRelaxation, ProductRelaxation
from .rounding import RoundingTerm, inflate


Pulled = tuple[tuple[np.ndarray, ...], np.ndarray | None]
"""Rows over each input of an op, and the amount to add to the constant (None for 0)."""

Rule = Callable[[Any, Any, np.ndarray], Pulled]
"""A function that returns `Pulled`, given an op, its relaxation, and the rows over its value."""


@dataclass(eq=False)
class RelaxedGraph:
    """A graph whose nonlinear ops are replaced by linear bounds.

    Args:
        lines: The relaxations (lines or planes) of nonlinear nodes, by value.
        rounding_terms: The rounding error in each value per unit of `|row|`; None for no error.
        underflow: Bound on the error that underflow may cause in a row.
        rules: The rule of each kind of op.
    """

    graph: Graph
    lines: dict[int, CurveRelaxation | MaxRelaxation | ProductRelaxation]
    rounding_terms: list[RoundingTerm | None]
    underflow: float
    rules: Mapping[type, Rule] = field(default_factory=lambda: RULES)


@dataclass(frozen=True, eq=False)
class LinearForm:
    """Linear forms `rows @ x + constant` whose constants account for rounding errors.

    The shapes are `(R, d)` and `(R,)`; both parts may have a leading axis for boxes.
    """

    rows: np.ndarray
    constant: np.ndarray


@dataclass(frozen=True, eq=False)
class BoxBatch:
    """A batch of boxes as centers and radii.

    `reach` is the radius plus a bound on the rounding error of concretization.
    """

    lo: np.ndarray
    hi: np.ndarray
    center: np.ndarray
    reach: np.ndarray

    @staticmethod
    def of(lo: np.ndarray, hi: np.ndarray, radii: bool = True) -> "BoxBatch":
        """Compute centers and radii of boxes `(B, d)`.

        If `radii` is false, `reach` does not include the rounding error of concretization.
        """
        with np.errstate(invalid="ignore"):
            center = 0.5 * lo + 0.5 * hi
            reach = np.maximum(hi - center, center - lo)
            if radii:
                g = gamma(2 * lo.shape[1] + 8)
                reach = inflate(reach + g * (np.abs(center) + reach))
        return BoxBatch(lo, hi, center, reach)

    def take(self, index: np.ndarray) -> "BoxBatch":
        """Return the boxes at `index`, which may contain repeats."""
        return BoxBatch(self.lo[index], self.hi[index], self.center[index], self.reach[index])

    def least(self, form: LinearForm) -> np.ndarray:
        """Concretize: return a lower bound on each form over each box, `(B, R)`.

        An entry is `-inf` if no finite bound is known.
        """
        a = form.rows
        with np.errstate(invalid="ignore", over="ignore"):
            if np.isfinite(self.center).all():
                low = down(dots(a, self.center) - dots(np.abs(a), self.reach))
            else:
                ends = np.where(a > 0, self.lo[:, None], self.hi[:, None])
                parts = np.where(a == 0, 0.0, a * ends)
                noise = gamma(2 * a.shape[-1] + 8) * np.abs(parts).sum(axis=-1)
                low = parts.sum(axis=-1) - inflate(noise)
            low = down(low + form.constant)
        return np.where(low < np.inf, low, -np.inf)


def dots(rows: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Return `rows . vector` along the last axis; either may have a leading axis for boxes."""
    if vector.ndim == 1:
        return rows @ vector
    if rows.ndim == 2:
        return vector @ rows.T
    if rows.shape[1] == 1:
        return np.einsum("bn,bn->b", rows[:, 0], vector)[:, None]
    return np.matmul(rows, vector[:, :, None])[..., 0]


def affine(op: Affine, line: None, rows: np.ndarray) -> Pulled:
    """Substitute an affine op: `a . (A x + b) = (A^T a) . x + a . b`."""
    return op.adjoint(rows), dots(rows, op.bias) if op.bias.any() else None


def rearrange(op: Rearrange, line: None, rows: np.ndarray) -> Pulled:
    """Move each coefficient to the input entry that the op copied."""
    fill = np.where(op.index < 0, op.fill, 0.0)
    return op.adjoint(rows), dots(rows, fill) if fill.any() else None


def curve(op: Curve, lines: CurveRelaxation, rows: np.ndarray) -> Pulled:
    """Substitute the lower line for positive coefficients, the upper line for negative ones."""
    rising, falling = np.maximum(rows, 0.0), np.minimum(rows, 0.0)
    constant = _offsets(lines, rising, falling)
    below, above = lines.slope[0][:, None], lines.slope[1][:, None]
    if rows.ndim == 2:
        out = rising * below
        out += falling * above
    else:
        out = np.multiply(rising, below, out=rising)
        out += np.multiply(falling, above, out=falling)
    return (out,), constant


def _offsets(
    lines: CurveRelaxation | ProductRelaxation, rising: np.ndarray, falling: np.ndarray
) -> np.ndarray:
    constant = dots(rising, lines.offset[0]) + dots(falling, lines.offset[1])
    if lines.unbounded is not None:
        unbounded = dots(rising, lines.unbounded[0]) - dots(falling, lines.unbounded[1])
        constant = np.where(unbounded > 0, -np.inf, constant)
    return constant


def product(op: Product, planes: ProductRelaxation, rows: np.ndarray) -> Pulled:
    """Substitute the lower plane for positive coefficients, the upper plane for negative ones."""
    rising, falling = np.maximum(rows, 0.0), np.minimum(rows, 0.0)
    parts = []
    for slope in (planes.left, planes.right):
        out = rising * slope[0][:, None]
        out += falling * slope[1][:, None]
        parts.append(out)
    return op.pull(*parts), _offsets(planes, rising, falling)


def largest(op: Largest, picks: MaxRelaxation, rows: np.ndarray) -> Pulled:
    """Substitute a window's entry for positive coefficients, the upper plane for negative ones.

    The entry is the one with the largest lower bound, `arg` of `MaxRelaxation`.
    """
    rising, falling = np.maximum(rows, 0.0), np.minimum(rows, 0.0)
    constant = dots(falling, picks.offset)
    if picks.unbounded is not None:
        constant = np.where(dots(falling, picks.unbounded) < 0, -np.inf, constant)
    parts = rising[..., None] * picks.lower[:, None]
    parts += falling[..., None] * picks.slope[:, None]
    return (op.scatter_add(parts, picks.size),), constant


RULES: Mapping[type, Rule] = {
    Affine: affine, Rearrange: rearrange, Curve: curve, Step: curve, Largest: largest,
    Product: product,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class RowInjection:
    """Rows that are added to a value's rows during a back-substitution.

    Args:
        rows: The rows to add, `(B, R, n)`.
        price: `(n,)` bound on the rounding error of one addition, per unit of `|row|`: `2 u H`,
            where `H` bounds the value's magnitude.
    """

    rows: np.ndarray
    price: np.ndarray


def back_substitute(
    net: RelaxedGraph,
    value: int,
    rows: np.ndarray,
    record: dict | None = None,
    tilt: dict[int, np.ndarray] | None = None,
    joins: dict[int, list[RowInjection]] | None = None,
) -> LinearForm:
    """Return a linear lower bound on `rows . value` in terms of the input.

    Args:
        net: The graph and its lines; every nonlinear ancestor of `value` must have lines.
        value: The value that the rows apply to.
        rows: `(R, n)` or `(B, R, n)`.
        record: A dictionary that receives the rows that arrive at every nonlinear value, or None.
        tilt: Per value, the amount to subtract from its rows: the multiplier of a split. Where the
            value has the sign of the tilt (or is 0), this only lowers the form. Rounding keeps the
            sign of the subtracted amount, so there is no error to account for.
        joins: For each value before `value`, the row injections to add to its rows, in order.
    """
    joins, tilt = joins or {}, tilt or {}
    waiting = {value: rows}
    constant = np.full(rows.shape[:-1], -net.underflow)
    with np.errstate(invalid="ignore", over="ignore"):
        for v in range(value, 0, -1):
            if v not in waiting and v not in joins and v not in tilt:
                continue
            check_deadline()
            rows = waiting.pop(v, np.zeros(1))
            charge(work.VALUE * rows.size)
            for join in joins.get(v, ()):
                rows = rows + join.rows
                constant = constant - dots(np.abs(rows), join.price)
            if v in tilt:
                rows = rows - tilt[v]
            node = net.graph.nodes[v - 1]
            if record is not None and v in net.lines:
                record[v] = rows
            term = net.rounding_terms[v]
            if term is not None:
                constant = constant - _rounding_cost(term, rows)
            parts, moved = net.rules[type(node.op)](node.op, net.lines.get(v), rows)
            if moved is not None:
                constant = constant + moved
            for j, part in zip(node.inputs, parts, strict=True):
                waiting[j] = waiting[j] + part if j in waiting else part
    if 0 not in waiting:
        waiting[0] = np.zeros((*constant.shape, net.graph.size))
    for join in joins.get(0, ()):
        waiting[0] = waiting[0] + join.rows
        constant = constant - dots(np.abs(waiting[0]), join.price)
    if 0 in tilt:
        waiting[0] = waiting[0] - tilt[0]
    return LinearForm(waiting[0], constant)


def _rounding_cost(term: RoundingTerm, rows: np.ndarray) -> np.ndarray:
    size_of = np.abs(rows)
    amount = dots(size_of, term.finite)
    if term.infinite is not None:
        amount = np.where(dots(size_of, term.infinite) > 0, np.inf, amount)
    return amount
