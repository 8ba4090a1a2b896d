"""Running error analysis: bounds on the float64 error of evaluating an expression.

Reference: N. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., section 3.3.
"""

from __future__ import annotations

import numpy as np

from ...core import Bounds
from .expression import Expressions
from .intervals import enclosures, product_ends
from .limits import Effort
from .nodes import Apply, CurveVariable, Monomial, Sum
from .primitives import PRIMITIVES, facts, spread


_U = 2.0**-53


def error_bound(
    t: Expressions, e: int, lo: np.ndarray, hi: np.ndarray, large: float = 1e300
) -> tuple[np.ndarray, np.ndarray]:
    """Bound the rounding error of the values that `program` computes at float64 points of cells.

    This is Wilkinson's running error analysis over cells. Each step has an absolute and a relative
    bound, and the better of the two is propagated.

    Args:
        t: The table of expressions.
        e: An expression without branches.
        lo: `(cells,)`: the lower endpoints of the cells.
        hi: `(cells,)`: the upper endpoints of the cells.
        large: Values of greater magnitude may overflow; their error bounds are infinite.

    Returns:
        `(absolute, relative)` bounds, `(cells,)`; either may be infinite.

    Reference: N. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., section 3.3.
    """
    values = enclosures(t, [e], lo, hi)
    errors: dict[int, Bounds] = {}
    with np.errstate(all="ignore"):
        for k in t.dependencies(e):
            node = t.nodes[k]
            if isinstance(node, CurveVariable):
                error = (np.zeros(lo.shape), np.zeros(lo.shape))
            elif isinstance(node, Sum):
                error = _sum_error(t, node, values, errors, lo.shape)
            elif isinstance(node, Apply):
                ends = values[k], values[node.argument]
                error = _apply_error(t, node, *ends, errors[node.argument])
            else:
                raise TypeError("an expression with branches has no error bound")
            errors[k] = _tighten(_overflow(error, values[k], large), values[k])
    return errors[e]


def _tighten(error: Bounds, value: Bounds) -> Bounds:
    """Tighten the absolute and relative bounds using each other; NaN makes both infinite."""
    absolute, relative = error
    most = np.maximum(np.abs(value[0]), np.abs(value[1]))
    least = np.where(value[0] > 0, value[0], np.where(value[1] < 0, -value[1], 0.0))
    absolute = np.fmin(absolute, np.where(relative == 0, 0.0, relative * most))
    relative = np.fmin(relative, np.where(absolute == 0, 0.0, absolute / least))
    bad = np.isnan(absolute) | np.isnan(relative)
    return np.where(bad, np.inf, absolute), np.where(bad, np.inf, relative)


def _overflow(error: Bounds, value: Bounds, large: float) -> Bounds:
    """Make the error bounds of an inexact value infinite if it may overflow."""
    most = np.maximum(np.abs(value[0]), np.abs(value[1]))
    bad = (most > large) & (error[1] != 0)
    return np.where(bad, np.inf, error[0]), np.where(bad, np.inf, error[1])


def _monomial_error(
    t: Expressions,
    monomial: Monomial,
    values: dict[int, Bounds],
    errors: dict[int, Bounds],
    shape: tuple[int, ...],
) -> tuple[Bounds, Bounds]:
    """Return the absolute and relative error bounds of a monomial, and its enclosure."""
    value = product_ends(monomial, values)
    if len(monomial) == 1 and monomial[0][1] == 1:
        return errors[monomial[0][0]], value
    relative = np.zeros(shape)
    for base, power in monomial:
        n = abs(power)
        base_error = errors[base][1]
        # Bounds (1 + r)**n - 1 and similar terms, for r far below 1.
        part = np.where(base_error < 1e-3, 1.01 * n * base_error, np.inf)
        relative = relative + part + (n + 5) * _U
    relative = np.where(relative < 1e-3, relative * 1.01, np.inf)
    absolute = _product_error(monomial, values, errors, shape)
    return (absolute, relative), value


def _product_error(
    monomial: Monomial, values: dict[int, Bounds], errors: dict[int, Bounds], shape: tuple[int, ...]
) -> np.ndarray:
    """Bound the absolute error of a product whose factors may have an infinite relative error."""
    size, error, count = np.ones(shape), np.zeros(shape), 0
    for base, power in monomial:
        n = abs(power)
        least, most = _sizes(values[base], 1.0)
        factor_error, share = errors[base][0] + np.zeros(shape), errors[base][1] + np.zeros(shape)
        if power < 0:
            most = 1.0 / (least + np.zeros(shape))
            factor_error = most * np.where(share < 1e-3, 1.01 * share + 2 * _U, np.inf)
        for _ in range(n):
            error = error * (most + factor_error) + np.where(
                factor_error == 0, 0.0, size * factor_error
            )
            size = size * most
            count += 2
    error = error + 1.01 * (count + 4) * _U * (size + error) + 5e-324
    return np.where(np.isnan(error), np.inf, error)


def _sum_error(
    t: Expressions,
    node: Sum,
    values: dict[int, Bounds],
    errors: dict[int, Bounds],
    shape: tuple[int, ...],
) -> Bounds:
    if not node.terms:
        error = 0.0 if float(node.constant) == node.constant else _U * abs(float(node.constant))
        return np.full(shape, error), np.full(shape, 2 * _U if error else 0.0)
    absolute, relative, size = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    rising, falling = np.full(shape, True), np.full(shape, True)
    n = len(node.terms) + bool(node.constant)
    sizes: list[tuple] = []
    for monomial, c in node.terms:
        (off, part), value = _monomial_error(t, monomial, values, errors, shape)
        factor = abs(float(c))
        most = np.maximum(np.abs(value[0]), np.abs(value[1])) * factor
        coefficient_error = 0.0 if _is_power_of_two(factor) else 2 * _U
        absolute = (
            absolute
            + factor * off * (1 + 4 * _U)
            + coefficient_error * most
            + (5e-324 if coefficient_error else 0.0)
        )
        relative = np.maximum(relative, part * (1 + 4 * _U) + coefficient_error)
        size = size + most
        sizes.append(
            (
                *_sizes(value, factor),
                factor * off + coefficient_error * most,
                part + coefficient_error,
            )
        )
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
    return absolute, np.fmin(relative, _dominant_term_bound(sizes, rounds))


def _is_power_of_two(factor: float) -> bool:
    return np.frexp(factor)[0] == 0.5


def _sizes(value: Bounds, factor: float) -> Bounds:
    """Return the least and the largest absolute value in each interval, times `factor`."""
    least = np.where(value[0] > 0, value[0], np.where(value[1] < 0, -value[1], 0.0))
    return least * factor, np.maximum(np.abs(value[0]), np.abs(value[1])) * factor


def _dominant_term_bound(terms: list[tuple], rounds: float) -> np.ndarray:
    """Return a relative error bound where one term is at least twice the sum of the others.

    At least half of this term then remains in the sum. Elsewhere, the bound is infinite.

    Args:
        terms: For each term, its smallest and largest size, its absolute error and relative error.
        rounds: The relative error of the additions.
    """
    best = np.full(terms[0][0].shape, np.inf)
    for i, (least, _, _, relative) in enumerate(terms):
        others = [x for j, x in enumerate(terms) if j != i]
        size = sum((x[1] for x in others), np.zeros(best.shape))
        error = sum((x[2] for x in others), np.zeros(best.shape))
        bound = 2.02 * (relative + error / least) + 3.1 * rounds
        best = np.where(least >= 2.01 * size, np.fmin(best, bound), best)
    return best


def _apply_error(
    t: Expressions, node: Apply, value: Bounds, argument: Bounds, before: Bounds
) -> Bounds:
    """Bound the error of a primitive: its own error plus the effect of its argument's error."""
    c = facts(node)
    most = np.maximum(np.abs(value[0]), np.abs(value[1]))
    moved = before[0]
    with np.errstate(all="ignore"):
        carried = np.where(moved == 0, 0.0, _propagated_error(t.effort, node, argument, before))
    absolute = carried + spread(c, most) * (1 + 1e-9) * (1.0 + 2.0**-40)
    stated = 2.0 * c.ulps * _U * 1.01
    relative = np.where((carried == 0) & (c.off == 0), stated, np.inf)
    if node.name == "exp":
        relative = np.where(moved < 1e-3, 1.01 * moved + stated, np.inf)
    elif node.name in _POWERS:
        # A relative error of the argument becomes one of the value.
        part = 1.01 * _POWERS[node.name](**dict(node.attributes)) * before[1]
        relative = np.fmin(relative, np.where(before[1] < 1e-3, part + stated, np.inf))
    elif node.name == "log":
        absolute = np.fmin(
            absolute,
            np.where(before[1] < 1e-3, 1.01 * before[1], np.inf) + spread(c, most) * (1 + 1e-9),
        )
    # The stated error is relative only down to the least normal number.
    least = np.where(value[0] > 0, value[0], np.where(value[1] < 0, -value[1], 0.0))
    relative = np.where(least > 1e-290, relative, np.inf)
    return absolute, relative


def _propagated_error(effort: Effort, node: Apply, argument: Bounds, before: Bounds) -> np.ndarray:
    """Bound the effect of an argument's error on a primitive, using its slope or its range."""
    t = Expressions(effort)
    value = t.apply(node.name, t.x, **dict(node.attributes))
    slope = PRIMITIVES[node.name].slope(t, t.x, **dict(node.attributes))
    moved, share = before
    lo, hi = (np.asarray(end) + np.zeros(np.shape(moved)) for end in argument)
    # The argument may leave its cell by its error at the respective end.
    pads = [
        np.fmin(1.01 * moved, np.where(share < 0.1, 1.01 * share * np.abs(end), np.inf))
        for end in (lo, hi)
    ]
    bounds = enclosures(t, [slope, value], lo - pads[0], hi + pads[1])
    steepest = np.maximum(*(np.abs(end) for end in bounds[slope]))
    return np.fmin(steepest * moved, bounds[value][1] - bounds[value][0])


_POWERS = {"sqrt": lambda: 0.5, "power": lambda exponent: abs(exponent)}
"""Maps each primitive that is a power to a function that returns the magnitude of its exponent.

A power multiplies a small relative error of its argument by this number.
"""
