"""Vectorized enclosures of expressions over many cells of the real line.

Sound: every float64 operation is rounded outward. If a value has a known sign, its bounds do not
contain numbers of the opposite sign, even after underflow. Cost: a dozen array operations for each
term.

Reference: R. Moore, R. Kearfott, M. Cloud, *Introduction to Interval Analysis*, SIAM 2009.
"""

from __future__ import annotations

from fractions import Fraction
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike

from ...core import Bounds, down, up
from ..curve import Curve
from .expression import Expressions
from .nodes import Apply, CurveVariable, Expression, Monomial, Sum, Switch
from .primitives import PRIMITIVES, facts, spread


_Numbers = Bounds | tuple[np.float64, np.float64]

_FLOOR = 2.0**-1040
"""Bound that exceeds the error that underflow can cause in a product."""

_ROUND = 2.0**-52


def fraction_ends(value: Fraction) -> tuple[float, float]:
    """Return the float64 numbers around a fraction; both are equal to it if it is a float64."""
    try:
        near = float(value)
    except OverflowError:
        near = np.inf if value > 0 else -np.inf
        return (float(np.finfo(float).max), near) if value > 0 else (near, -np.finfo(float).max)
    exact = Fraction(near)
    low = near if exact <= value else float(down(near))
    return low, near if exact >= value else float(up(near))


def _product(a: _Numbers, b: Bounds) -> Bounds:
    if a is b:
        return _whole_power(b, 2)
    with np.errstate(all="ignore"):
        corners = np.stack([a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1]])
    # An infinite bound is never attained, so 0 times infinity is 0.
    corners = np.where(np.isnan(corners), 0.0, corners)
    lo, hi = corners.min(axis=0), corners.max(axis=0)
    lo, hi = _outward(lo, hi)
    same = ((a[0] >= 0) & (b[0] >= 0)) | ((a[1] <= 0) & (b[1] <= 0))
    opposite = ((a[0] >= 0) & (b[1] <= 0)) | ((a[1] <= 0) & (b[0] >= 0))
    lo = np.where(same, np.maximum(lo, 0.0), lo)
    hi = np.where(opposite, np.minimum(hi, 0.0), hi)
    # Zero times any number is exactly 0, but a factor without bounds may have no value, at a pole.
    zero = ((a[0] == 0) & (a[1] == 0)) | ((b[0] == 0) & (b[1] == 0))
    pole = (np.isinf(a[0]) & np.isinf(a[1])) | (np.isinf(b[0]) & np.isinf(b[1]))
    lo, hi = np.where(zero, 0.0, lo), np.where(zero, 0.0, hi)
    return np.where(zero & pole, -np.inf, lo), np.where(zero & pole, np.inf, hi)


def _outward(lo: np.ndarray, hi: np.ndarray, rounds: float = 2.0) -> Bounds:
    with np.errstate(all="ignore"):
        lo = lo - (rounds * _ROUND * np.abs(lo) + _FLOOR)
        hi = hi + (rounds * _ROUND * np.abs(hi) + _FLOOR)
    return np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi)


def _whole_power(x: Bounds, n: int) -> Bounds:
    lo, hi = x
    if n == 1:
        return x
    if n < 0:
        return _reciprocal(_whole_power(x, -n))
    with np.errstate(all="ignore"):
        first, last = lo**n, hi**n
    zero = (lo == 0) & (hi == 0)  # of which every power is exactly 0
    if n % 2:
        low, high = _outward(first, last, 2.0 * n)
        low = np.where(lo >= 0, np.maximum(low, 0.0), low)
        high = np.where(hi <= 0, np.minimum(high, 0.0), high)
        return low, np.where(zero, 0.0, high)
    least = np.where((lo <= 0) & (hi >= 0), 0.0, np.minimum(first, last))
    low, high = _outward(least, np.maximum(first, last), 2.0 * n)
    return np.maximum(low, 0.0), np.where(zero, 0.0, high)


def _reciprocal(x: Bounds) -> Bounds:
    lo, hi = x
    with np.errstate(all="ignore"):
        first, last = 1.0 / hi, 1.0 / lo
    # With zero at one end, the cell lies on the other side of the pole.
    last = np.where(lo == 0, np.inf, last)
    first = np.where(hi == 0, -np.inf, first)
    low, high = _outward(first, last)
    low, high = (
        np.where(lo >= 0, np.maximum(low, 0.0), low),
        np.where(hi <= 0, np.minimum(high, 0.0), high),
    )
    across = (lo < 0) & (hi > 0) | ((lo == 0) & (hi == 0))
    return np.where(across, -np.inf, low), np.where(across, np.inf, high)


def _apply_primitive(node: Apply, x: Bounds) -> Bounds:
    """Enclose a primitive over a cell, given bounds `x` on its argument.

    Only the part of `x` in the primitive's domain counts, because the real argument lies there.
    """
    primitive, c = PRIMITIVES[node.name], facts(node)
    lo, hi = x
    if primitive.above is not None:
        lo, hi = np.maximum(lo, primitive.above), np.maximum(hi, primitive.above)
    if primitive.waves:
        return _waves(node.name, c, lo, hi)
    with np.errstate(all="ignore"):
        first, last = np.asarray(c.f(lo), float), np.asarray(c.f(hi), float)
        least, most = np.minimum(first, last), np.maximum(first, last)
        if node.name == "cosh":
            least = np.where((lo < 0) & (hi > 0), 1.0, least)
        low = down(least - spread(c, least))
        high = up(most + spread(c, most))
        # A primitive that is 0 at 0 increases, and its float64 value there is exactly 0. Elsewhere,
        # a float64 value of 0 may be an underflow.
        low = np.where((lo == 0) & (first == 0) & (least == 0), 0.0, low)
        high = np.where((hi == 0) & (last == 0) & (most == 0), 0.0, high)
    limits = c.beyond if c.beyond is not None else (-np.inf, np.inf)
    if node.name in ("sqrt", "rsqrt", "power"):
        limits = (0.0, np.inf)
    low, high = np.maximum(low, limits[0]), np.minimum(high, limits[1])
    return np.where(np.isnan(low), limits[0], low), np.where(np.isnan(high), limits[1], high)


def _waves(name: str, c: Curve, lo: np.ndarray, hi: np.ndarray) -> Bounds:
    """Enclose a sine or cosine over each `[lo, hi]` by its values at the endpoints.

    The upper bound is 1 if `[lo, hi]` may contain a maximum, and the lower bound is -1 if it may
    contain a minimum. Both apply if an endpoint is 1e9 or more in magnitude.
    """
    quarter = 0.25 if name == "sin" else 0.0
    with np.errstate(all="ignore"):
        start, stop = lo / (2.0 * np.pi) - quarter, hi / (2.0 * np.pi) - quarter
        slack = 1e-12 * (1.0 + np.abs(start) + np.abs(stop))
        first, last = c.f(lo), c.f(hi)
        low = np.minimum(first, last) - spread(c, np.float64(1.0))
        high = np.maximum(first, last) + spread(c, np.float64(1.0))
        crest = np.floor(stop + slack) > np.floor(start - slack)
        trough = np.floor(stop - 0.5 + slack) > np.floor(start - 0.5 - slack)
        calm = (np.abs(lo) < 1e9) & (np.abs(hi) < 1e9)
    low = np.where(calm & ~trough, np.maximum(down(low), -1.0), -1.0)
    return low, np.where(calm & ~crest, np.minimum(up(high), 1.0), 1.0)


def product_ends(monomial: Monomial, bounds: dict[int, Bounds]) -> Bounds:
    """Return bounds on a monomial from bounds on its bases."""
    return reduce(_product, (_whole_power(bounds[b], p) for b, p in monomial))


def sum_ends(node: Sum, bounds: dict[int, Bounds], shape: tuple[int, ...]) -> Bounds:
    """Return bounds on a sum from bounds on the bases of its monomials."""
    if not node.terms:
        low, high = fraction_ends(node.constant)
        return np.full(shape, low), np.full(shape, high)
    lo, hi = _add(_parts(node, bounds))
    square = _square_completed(node, bounds)
    if square is not None:
        lo, hi = np.maximum(lo, square[0]), np.minimum(hi, square[1])
    return lo, hi


def _square_completed(node: Sum, bounds: dict[int, Bounds]) -> Bounds | None:
    """Bound `a u^2 + b u + c` as `a (u + b / 2 a)^2 + c - b^2 / 4 a`; None for any other sum.

    In this form, `u` occurs once, so both bounds are attained up to rounding, and the sign of a
    denominator is visible.
    """
    if {m[1:] for m, _ in node.terms} != {()} or len({m[0][0] for m, _ in node.terms}) != 1:
        return None
    factors = {m[0][1]: c for m, c in node.terms}
    if set(factors) != {1, 2}:
        return None
    a, b, base = factors[2], factors[1], node.terms[0][0][0][0]
    square = _whole_power(_add([bounds[base], _numbers(b / (2 * a))]), 2)
    return _add([_product(_numbers(a), square), _numbers(node.constant - b * b / (4 * a))])


def _numbers(value: Fraction) -> tuple[np.float64, np.float64]:
    low, high = fraction_ends(value)
    return np.float64(low), np.float64(high)


def _parts(node: Sum, bounds: dict[int, Bounds]) -> list[_Numbers]:
    """Return bounds on every term of a sum, and on its constant unless it is 0."""
    parts: list[_Numbers] = []
    for monomial, c in node.terms:
        x = product_ends(monomial, bounds)
        if c == 1:
            parts.append(x)
        elif c == -1:
            parts.append((-x[1], -x[0]))
        else:
            parts.append(_product(_numbers(c), x))
    if node.constant:
        parts.append(_numbers(node.constant))
    return parts


def _add(parts: list[_Numbers]) -> Bounds:
    """Return the sum of intervals, rounded outward."""
    if len(parts) == 1:
        lo, hi = parts[0]
        return np.asarray(lo), np.asarray(hi)
    n = len(parts)
    with np.errstate(all="ignore"):
        lo, hi = sum(p[0] for p in parts), sum(p[1] for p in parts)
        lo = lo - n * _ROUND * sum(np.abs(p[0]) for p in parts)
        hi = hi + n * _ROUND * sum(np.abs(p[1]) for p in parts)
    lo, hi = np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi)
    # A sum of numbers of one sign has that sign.
    rising = reduce(np.logical_and, (p[0] >= 0 for p in parts))
    falling = reduce(np.logical_and, (p[1] <= 0 for p in parts))
    return np.where(rising, np.maximum(lo, 0.0), lo), np.where(falling, np.minimum(hi, 0.0), hi)


def enclosures(
    t: Expressions, roots: list[int], lo: np.ndarray, hi: np.ndarray
) -> dict[int, Bounds]:
    """Return bounds on every expression on which `roots` depend, over each cell `[lo, hi]`.

    Args:
        t: The table of expressions.
        roots: Expressions, defined on the whole of each cell; all branches are included.
        lo: `(cells,)`: lower endpoints; may be `-inf`.
        hi: `(cells,)`: upper endpoints; may be `inf`.

    Raises:
        EffortError: The work limit of the table is exceeded.
    """
    bounds: dict[int, Bounds] = {}
    order = t.dependencies(*roots)
    t.effort.spend(lo.size * sum(_factors(t.nodes[k]) for k in order))
    for k in order:
        node = t.nodes[k]
        if isinstance(node, CurveVariable):
            bounds[k] = (lo, hi)
        elif isinstance(node, Sum):
            bounds[k] = sum_ends(node, bounds, lo.shape)
        elif isinstance(node, Apply):
            bounds[k] = _apply_primitive(node, bounds[node.argument])
        else:
            assert isinstance(node, Switch)
            every = [bounds[b] for b in {*node.branches, *node.at}]
            bounds[k] = (
                reduce(np.minimum, (x[0] for x in every)),
                reduce(np.maximum, (x[1] for x in every)),
            )
    return bounds


def _factors(node: Expression) -> int:
    """Return the approximate number of operations for enclosing an expression over one cell."""
    return 1 + sum(len(m) for m, _ in node.terms) if isinstance(node, Sum) else 1


def enclose(t: Expressions, e: int, lo: ArrayLike, hi: ArrayLike) -> Bounds:
    """Return bounds on one expression over each cell `[lo, hi]`."""
    lo, hi = np.atleast_1d(np.asarray(lo, float)), np.atleast_1d(np.asarray(hi, float))
    low, high = enclosures(t, [e], lo, hi)[e]
    return np.broadcast_to(low, lo.shape), np.broadcast_to(high, lo.shape)
