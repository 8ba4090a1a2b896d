"""Running error analysis: how far the float64 code of an expression may be from its real value.

Reference: N. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., section 3.3.
"""

from __future__ import annotations

import numpy as np

from ...core import Bounds
from .expression import Expressions
from .intervals import enclosures, product_ends
from .nodes import Apply, CurveVariable, Monomial, Sum
from .primitives import PRIMITIVES, facts, spread


_U = 2.0**-53


def error_bound(
    t: Expressions, e: int, lo, hi, large: float = 1e300
) -> tuple[np.ndarray, np.ndarray]:
    """How far `program` may be from the real value at float64 points of each cell.

    The running error analysis of Wilkinson, over cells: each step has an absolute and a relative
    bound, and the better one of the two is carried on.

    Args:
        t: The table.
        e: An expression without branches.
        lo: `(cells,)`.
        hi: `(cells,)`.
        large: A value beyond this may overflow: nothing is claimed there.

    Returns:
        `(absolute, relative)` bounds, `(cells,)`; either may be infinite.

    Reference: N. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., section 3.3.
    """
    values = enclosures(t, [e], lo, hi)
    found: dict[int, Bounds] = {}
    with np.errstate(all="ignore"):
        for k in t.needed(e):
            node = t.nodes[k]
            if isinstance(node, CurveVariable):
                own = (np.zeros(lo.shape), np.zeros(lo.shape))
            elif isinstance(node, Sum):
                own = _sum_error(t, node, values, found, lo.shape)
            elif isinstance(node, Apply):
                own = _apply_error(node, values[k], values[node.argument], found[node.argument])
            else:
                raise TypeError("an expression with branches has no error bound")
            found[k] = _settled(_overflow(own, values[k], large), values[k])
    return found[e]


def _settled(own: Bounds, value: Bounds) -> Bounds:
    """Each of the two bounds as good as the other makes it; nothing near overflow."""
    absolute, relative = own
    most = np.maximum(np.abs(value[0]), np.abs(value[1]))
    least = np.where(value[0] > 0, value[0], np.where(value[1] < 0, -value[1], 0.0))
    absolute = np.fmin(absolute, np.where(relative == 0, 0.0, relative * most))
    relative = np.fmin(relative, np.where(absolute == 0, 0.0, absolute / least))
    bad = np.isnan(absolute) | np.isnan(relative)
    return np.where(bad, np.inf, absolute), np.where(bad, np.inf, relative)


def _overflow(own: Bounds, value: Bounds, large: float) -> Bounds:
    """Nothing is claimed of a value that may overflow, if it is not exact."""
    most = np.maximum(np.abs(value[0]), np.abs(value[1]))
    bad = (most > large) & (own[1] != 0)
    return np.where(bad, np.inf, own[0]), np.where(bad, np.inf, own[1])


def _monomial_error(t, monomial: Monomial, values, found, shape) -> tuple[Bounds, Bounds]:
    """Bounds for a monomial, and its enclosure."""
    value = product_ends(monomial, values)
    if len(monomial) == 1 and monomial[0][1] == 1:
        return found[monomial[0][0]], value
    relative = np.zeros(shape)
    for base, power in monomial:
        n = abs(power)
        one = found[base][1]
        # (1 + r)**n - 1 and the like, for r far below 1.
        part = np.where(one < 1e-3, 1.01 * n * one, np.inf)
        relative = relative + part + (n + 5) * _U
    relative = np.where(relative < 1e-3, relative * 1.01, np.inf)
    absolute = _product_error(monomial, values, found, shape)
    return (absolute, relative), value


def _product_error(monomial: Monomial, values, found, shape):
    """The absolute error of a product, where the relative error of a factor may be infinite."""
    size, error, count = np.ones(shape), np.zeros(shape), 0
    for base, power in monomial:
        n = abs(power)
        least, most = _sizes(values[base], 1.0)
        own, share = found[base][0] + np.zeros(shape), found[base][1] + np.zeros(shape)
        if power < 0:
            most = 1.0 / (least + np.zeros(shape))
            own = most * np.where(share < 1e-3, 1.01 * share + 2 * _U, np.inf)
        for _ in range(n):
            error = error * (most + own) + np.where(own == 0, 0.0, size * own)
            size = size * most
            count += 2
    error = error + 1.01 * (count + 4) * _U * (size + error) + 5e-324
    return np.where(np.isnan(error), np.inf, error)


def _sum_error(t, node: Sum, values, found, shape) -> Bounds:
    if not node.terms:
        error = 0.0 if float(node.constant) == node.constant else _U * abs(float(node.constant))
        return np.full(shape, error), np.full(shape, 2 * _U if error else 0.0)
    absolute, relative, size = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    rising, falling = np.full(shape, True), np.full(shape, True)
    n = len(node.terms) + bool(node.constant)
    sizes: list[tuple] = []
    for monomial, c in node.terms:
        (off, part), value = _monomial_error(t, monomial, values, found, shape)
        factor = abs(float(c))
        most = np.maximum(np.abs(value[0]), np.abs(value[1])) * factor
        own = 0.0 if _is_power_of_two(factor) else 2 * _U
        absolute = absolute + factor * off * (1 + 4 * _U) + own * most + (5e-324 if own else 0.0)
        relative = np.maximum(relative, part * (1 + 4 * _U) + own)
        size = size + most
        sizes.append((*_sizes(value, factor), factor * off + own * most, part + own))
        rising &= value[0] * np.sign(float(c)) >= 0 if c > 0 else value[1] <= 0
        falling &= value[1] <= 0 if c > 0 else value[0] >= 0
    if node.constant:
        size = size + abs(float(node.constant))
        constant = np.full(shape, abs(float(node.constant)))
        sizes.append((constant, constant, 2 * _U * constant, np.full(shape, 2 * _U)))
        rising &= node.constant > 0
        falling &= node.constant < 0
        exact = float(node.constant) == node.constant
        absolute = absolute + (0.0 if exact else _U * abs(float(node.constant)))
        relative = relative + (0.0 if exact else 2 * _U)
    rounds = 1.01 * (n - 1) * _U
    absolute = absolute + (rounds * (size + absolute) if n > 1 else 0.0)
    together = relative * (1 + 4 * n * _U) + rounds
    relative = np.where(rising | falling, together, np.inf)
    return absolute, np.fmin(relative, _dominated(sizes, rounds))


def _is_power_of_two(factor: float) -> bool:
    return np.frexp(factor)[0] == 0.5


def _sizes(value: Bounds, factor: float) -> Bounds:
    """Least and most absolute value of a term."""
    least = np.where(value[0] > 0, value[0], np.where(value[1] < 0, -value[1], 0.0))
    return least * factor, np.maximum(np.abs(value[0]), np.abs(value[1])) * factor


def _dominated(terms: list[tuple], rounds: float):
    """A relative bound where one term is surely twice the others together: so is half the sum.

    Args:
        terms: Per term its least and most size, its absolute and its relative error.
        rounds: The relative error of the additions.
    """
    best = np.full(terms[0][0].shape, np.inf)
    for i, (least, _, _, own) in enumerate(terms):
        others = [x for j, x in enumerate(terms) if j != i]
        size = sum((x[1] for x in others), np.zeros(best.shape))
        error = sum((x[2] for x in others), np.zeros(best.shape))
        bound = 2.02 * (own + error / least) + 3.1 * rounds
        best = np.where(least >= 2.01 * size, np.fmin(best, bound), best)
    return best


def _apply_error(node: Apply, value: Bounds, argument: Bounds, before: Bounds) -> Bounds:
    """The function's own error, and what the error of its argument makes of it."""
    c = facts(node)
    most = np.maximum(np.abs(value[0]), np.abs(value[1]))
    moved = before[0]
    with np.errstate(all="ignore"):
        carried = np.where(moved == 0, 0.0, _carried(node, argument, before))
    absolute = carried + spread(c, most) * (1 + 1e-9) * (1.0 + 2.0**-40)
    own = 2.0 * c.ulps * _U * 1.01
    relative = np.where((carried == 0) & (c.off == 0), own, np.inf)
    if node.name == "exp":
        relative = np.where(moved < 1e-3, 1.01 * moved + own, np.inf)
    elif node.name in _POWERS:
        # A relative error of the argument is one of the value.
        part = 1.01 * _POWERS[node.name](**dict(node.attributes)) * before[1]
        relative = np.fmin(relative, np.where(before[1] < 1e-3, part + own, np.inf))
    elif node.name == "log":
        absolute = np.fmin(
            absolute,
            np.where(before[1] < 1e-3, 1.01 * before[1], np.inf) + spread(c, most) * (1 + 1e-9),
        )
    # The stated error is relative only down to the least normal number.
    least = np.where(value[0] > 0, value[0], np.where(value[1] < 0, -value[1], 0.0))
    relative = np.where(least > 1e-290, relative, np.inf)
    return absolute, relative


def _carried(node: Apply, argument: Bounds, before: Bounds) -> np.ndarray:
    """How far a primitive moves when its argument does: by its slope, or all it can."""
    t = Expressions()
    value = t.apply(node.name, t.x, **dict(node.attributes))
    slope = PRIMITIVES[node.name].slope(t, t.x, **dict(node.attributes))
    moved, share = before
    lo, hi = (np.asarray(end) + np.zeros(np.shape(moved)) for end in argument)
    # The argument may leave its cell by its error at the end it is at.
    pads = [
        np.fmin(1.01 * moved, np.where(share < 0.1, 1.01 * share * np.abs(end), np.inf))
        for end in (lo, hi)
    ]
    known = enclosures(t, [slope, value], lo - pads[0], hi + pads[1])
    steepest = np.maximum(*(np.abs(end) for end in known[slope]))
    return np.fmin(steepest * moved, known[value][1] - known[value][0])


_POWERS = {"sqrt": lambda: 0.5, "power": lambda exponent: abs(exponent)}
"""Functions of which a relative error of the argument is a multiple, to that."""
