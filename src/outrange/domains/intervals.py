"""Interval bound propagation: bounds on each entry of every value, in one forward pass.

Sound: every rule accounts for its rounding errors. Cost: about two products per affine op.

In general, an affine op `y = A x + b` on `[lo, hi]` is evaluated at a center `c` with a radius
`r >= max(hi - c, c - lo)`, so that `|y - (A c + b)| <= |A| r`. In float64, with `t` terms per sum,

    |fl(A c + b) - (A c + b)| <= gamma(t + 1) (|A| |c| + |b|) + t eta,

where `eta` is the least subnormal. One product `|A| (r + g |c|)` with `g = gamma(2 t + 6)`, plus
`g |b|`, covers both. The excess of `g` over `gamma(t + 1)`, and the factor `1 + g`, cover the
rounding errors of that product itself and of the sums around it.

Reference: S. Rump, *Fast and parallel interval arithmetic*, BIT 39 (1999).
"""

from collections.abc import Sequence

import numpy as np

from ..core import Bounds, DomainError, add_toward, down, gamma, multiply_toward, up, work
from ..core.clock import charge
from ..graph import Graph
from ..graph.graph import Node, Op
from ..ops import Affine, Curve, Largest, Product, Rearrange, Step
from .exact_sums import exact_affine
from .registry import register
from .rounding import inflate


_NOTHING = 1e-290
"""Bound that exceeds any sum of underflow errors."""

_DENSE_LIMIT = 1 << 24
"""Largest number of array entries used to trace infinite bounds, or to clip bounds at a bias."""


def affine(op: Affine, los: Sequence[np.ndarray], his: Sequence[np.ndarray]) -> Bounds:
    """Bound `A x + b`; infinite bounds spread only along nonzero coefficients."""
    if all(np.isfinite(end).all() for end in (*los, *his)):
        return _affine_finite(op, los, his)
    spread_lo = spread_hi = False
    finite_los, finite_his = [], []
    for i, (lo, hi) in enumerate(zip(los, his, strict=True)):
        least, most = _reach_of_infinities(op, i, np.isinf(lo), np.isinf(hi))
        spread_lo, spread_hi = spread_lo | least, spread_hi | most
        finite_los.append(np.where(np.isinf(lo), np.where(np.isinf(hi), 0.0, hi), lo))
        finite_his.append(np.where(np.isinf(hi), np.where(np.isinf(lo), 0.0, lo), hi))
    lo, hi = _affine_finite(op, finite_los, finite_his)
    return np.where(spread_lo, -np.inf, lo), np.where(spread_hi, np.inf, hi)


def _entrywise(factor: np.ndarray, bias: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> Bounds:
    """Bound `factor * x + b`, without rounding where float64 is exact.

    So `x + 1` at -1 is exactly 0, which lies in the domain of a square root.
    """
    least = np.where(factor >= 0, lo, hi)
    most = np.where(factor >= 0, hi, lo)
    with np.errstate(all="ignore"):
        below = multiply_toward(factor, least, -np.inf)
        above = multiply_toward(factor, most, np.inf)
        return add_toward(below, bias, -np.inf), add_toward(above, bias, np.inf)


def _sum_terms(
    coefficients: Sequence[float],
    bias: np.ndarray,
    los: Sequence[np.ndarray],
    his: Sequence[np.ndarray],
) -> Bounds:
    """Bound `sum_i c_i x_i + b`, without rounding where float64 is exact, as for integers."""
    least = most = np.zeros_like(los[0])
    with np.errstate(all="ignore"):
        for c, lo, hi in zip(coefficients, los, his, strict=True):
            low, high = (lo, hi) if c >= 0 else (hi, lo)
            least = add_toward(least, multiply_toward(c, low, -np.inf), -np.inf)
            most = add_toward(most, multiply_toward(c, high, np.inf), np.inf)
        least, most = add_toward(least, bias, -np.inf), add_toward(most, bias, np.inf)
    return np.where(np.isnan(least), -np.inf, least), np.where(np.isnan(most), np.inf, most)


def _affine_finite(op: Affine, los: Sequence[np.ndarray], his: Sequence[np.ndarray]) -> Bounds:
    if op.factor is not None and op.ulps == 0:
        return _entrywise(op.factor, op.bias, los[0], his[0])
    if op.coefficients is not None and op.ulps == 0:
        return _sum_terms(op.coefficients, op.bias, los, his)
    exact = exact_affine(op, los, his)
    if exact is not None:
        return exact
    g = gamma(2 * op.terms + 6)
    centers, reaches = [], []
    with np.errstate(over="ignore", invalid="ignore"):
        for lo, hi in zip(los, his, strict=True):
            center = 0.5 * lo + 0.5 * hi
            radius = np.maximum(hi - center, center - lo)
            centers.append(center)
            reaches.append(inflate(radius + g * np.abs(center)))
        middle = op.apply(tuple(centers), False) + op.bias
        pad = op.apply(tuple(reaches), True) + g * np.abs(op.bias)
        pad = inflate(pad * (1.0 + g))
        lo, hi = down(middle - pad), up(middle + pad)
    lo, hi = np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi)
    idle = (middle == op.bias) & (pad <= 2.0 * g * np.abs(op.bias) + _NOTHING)
    if idle.any():
        # A sum of zeros is exact: outputs of inactive units may be exactly equal.
        marks = tuple(
            ((x != 0) | (z != 0)).astype(np.float64) for x, z in zip(los, his, strict=True)
        )
        idle &= op.apply(marks, True) == 0
        lo, hi = np.where(idle, op.bias, lo), np.where(idle, op.bias, hi)
    if all((x >= 0).all() for x in los):
        _keep_sign(op, lo, hi, pad, 1.0)
    elif all((x <= 0).all() for x in his):
        _keep_sign(op, lo, hi, pad, -1.0)
    return lo, hi


def _keep_sign(op: Affine, lo: np.ndarray, hi: np.ndarray, pad: np.ndarray, sign: float) -> None:
    """Clip bounds that rounding moved beyond the bias, where all terms have the same sign.

    A sum of non-negative terms is not below zero, where a square root would be undefined. A sum of
    non-positive terms is at most its bias; if the bias is 0, a ReLU after it is inactive.

    Args:
        op: The affine op.
        lo: Lower bounds of its results, changed in place.
        hi: Upper bounds of its results, changed in place.
        pad: An upper bound on the rounding in `lo` and `hi`.
        sign: 1 if all inputs are at least 0, -1 if all are at most 0.
    """
    below, above = (lo < op.bias) & (lo >= op.bias - 2.0 * pad), (hi > op.bias)
    above &= hi <= op.bias + 2.0 * pad
    outputs = np.flatnonzero((below | above).any(axis=0))
    if not outputs.size or outputs.size * (op.size + sum(op.sizes)) > _DENSE_LIMIT:
        return
    units = np.zeros((outputs.size, op.size))
    units[np.arange(outputs.size), outputs] = 1.0
    parts = [sign * part for part in op.adjoint(units)]
    one_sign = outputs[np.all([(part >= 0).all(axis=1) for part in parts], axis=0)]
    lo[:, one_sign] = np.maximum(lo[:, one_sign], op.bias[one_sign])
    one_sign = outputs[np.all([(part <= 0).all(axis=1) for part in parts], axis=0)]
    hi[:, one_sign] = np.minimum(hi[:, one_sign], op.bias[one_sign])


def _reach_of_infinities(
    op: Affine, slot: int, lo_infinite: np.ndarray, hi_infinite: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return masks of the lower and upper output bounds that input `slot` may make infinite."""
    columns = np.flatnonzero((lo_infinite | hi_infinite).any(axis=0))
    boxes = len(lo_infinite)
    if columns.size == 0:
        return np.zeros((boxes, op.size), bool), np.zeros((boxes, op.size), bool)
    if columns.size * (op.size + op.sizes[slot]) * boxes > _DENSE_LIMIT:
        marks = [np.zeros((boxes, n)) for n in op.sizes]
        marks[slot] = (lo_infinite | hi_infinite).astype(np.float64)
        touched = op.apply(tuple(marks), True) > 0
        return touched, touched
    units = [np.zeros((columns.size, n)) for n in op.sizes]
    units[slot][np.arange(columns.size), columns] = 1.0
    sign = op.apply(tuple(units), False)
    rising, falling = (sign > 0).astype(np.float64), (sign < 0).astype(np.float64)
    below = lo_infinite[:, columns].astype(np.float64)
    above = hi_infinite[:, columns].astype(np.float64)
    return (below @ rising + above @ falling) > 0, (above @ rising + below @ falling) > 0


def rearrange(op: Rearrange, los: Sequence[np.ndarray], his: Sequence[np.ndarray]) -> Bounds:
    """Rearrange the lower and upper bounds as `op` rearranges entries."""
    return op.run(los), op.run(his)


def curve(op: Curve, los: Sequence[np.ndarray], his: Sequence[np.ndarray]) -> Bounds:
    """Return the curve's range, widened by the stated error of its implementation."""
    return op.range(los[0], his[0])


def largest(op: Largest, los: Sequence[np.ndarray], his: Sequence[np.ndarray]) -> Bounds:
    """Return the largest lower bound and the largest upper bound in each window."""
    return op.run(los), op.run(his)


def product(op: Product, los: Sequence[np.ndarray], his: Sequence[np.ndarray]) -> Bounds:
    """Bound a product by its corners: the extremes lie where both factors are at a bound.

    An infinite bound times 0 is 0.
    """
    (lu, lv), (hu, hv) = ((ends[0][..., op.left], ends[1][..., op.right]) for ends in (los, his))
    corners = [(x, y) for x in (lu, hu) for y in (lv, hv)]
    least = np.min([_times(x, y, -np.inf) for x, y in corners], axis=0)
    most = np.max([_times(x, y, np.inf) for x, y in corners], axis=0)
    return np.maximum(least, op.limits[0]), np.minimum(most, op.limits[1])


def _times(x: np.ndarray, y: np.ndarray, direction: float) -> np.ndarray:
    product = multiply_toward(x, y, direction)
    return np.where((x == 0) | (y == 0), 0.0, np.where(np.isnan(product), direction, product))


RULES = {
    Affine: affine, Rearrange: rearrange, Curve: curve, Step: curve, Largest: largest,
    Product: product,
}  # fmt: skip


def bound_op(op: Op, ends: Sequence[Bounds]) -> Bounds:
    """Bound the value of one op, given lower and upper bounds `(B, n)` of each input."""
    lo, hi = RULES[type(op)](op, tuple(e[0] for e in ends), tuple(e[1] for e in ends))
    charge(work.INTERVAL * lo.size)
    return lo, hi


def bound_node(node: Node, ends: Sequence[Bounds]) -> Bounds:
    """Bound the value of a node as `bound_op` does; an error names the user's layer."""
    try:
        return bound_op(node.op, ends)
    except DomainError as error:
        raise error.in_layer(node.source) from None


def run(graph: Graph, lo: np.ndarray, hi: np.ndarray) -> list[Bounds]:
    """Return the bounds of every value, in the order of the graph."""
    values: list[Bounds] = [(lo, hi)]
    for node in graph.nodes:
        values.append(bound_node(node, [values[j] for j in node.inputs]))
    return values


register("intervals", RULES, run)
