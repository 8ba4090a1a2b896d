"""Converts expressions to functions of arrays, and of numbers in multiple precision."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from ...core import OutrangeError
from ...core.arrays import Elementwise
from .expression import Expressions
from .nodes import Apply, CurveVariable, Monomial, Sum, Switch
from .primitives import facts


Values = dict[int, np.ndarray]
"""The values of the expressions computed so far, by expression."""


def program(t: Expressions, e: int) -> Elementwise:
    """Return `e` as a function of an array, in the array's own precision."""
    steps = [(k, _step(t, k)) for k in t.dependencies(e)]

    def run(x: np.ndarray) -> np.ndarray:
        values: Values = {}
        with np.errstate(all="ignore"):
            for k, step in steps:
                values[k] = step(values, x)
        return values[e]

    return run


def _step(t: Expressions, k: int) -> Callable[[Values, np.ndarray], np.ndarray]:
    node = t.nodes[k]
    if isinstance(node, CurveVariable):
        return lambda values, x: x
    if isinstance(node, Apply):
        f, argument = facts(node).f, node.argument
        return lambda values, x: f(values[argument])
    if isinstance(node, Switch):
        return _switch_step(node)
    assert isinstance(node, Sum)  # conditions are split off before code is generated
    terms = [(float(c), m) for m, c in node.terms]
    constant = float(node.constant)

    def add(values: Values, x: np.ndarray) -> np.ndarray:
        total = None
        for c, monomial in terms:
            part = _powers(monomial, values)
            part = part if c == 1.0 else -part if c == -1.0 else c * part
            total = part if total is None else total + part
        if total is None:
            return np.full(np.shape(x), constant, np.asarray(x).dtype)
        return total + constant if constant else total

    return add


def _powers(monomial: Monomial, values: Values) -> np.ndarray:
    """Return the product of a monomial's powers; divisions are done last."""
    above: Any = None
    below: Any = None
    for base, power in monomial:
        part = _power(values[base], abs(power))
        if power > 0:
            above = part if above is None else above * part
        else:
            below = part if below is None else below * part
    if below is None:
        return above
    return 1.0 / below if above is None else above / below


def _power(x: np.ndarray, n: int) -> np.ndarray:
    if n <= 4:
        out = x
        for _ in range(n - 1):
            out = out * x
        return out
    return np.power(x, n)


def _switch_step(node: Switch) -> Callable[[Values, np.ndarray], np.ndarray]:
    knots = np.array([float(k) for k in node.knots])

    def pick(values: Values, x: np.ndarray) -> np.ndarray:
        u = values[node.argument]
        gap = np.searchsorted(knots, u, side="left")
        out = np.choose(gap, np.broadcast_arrays(x, *(values[b] for b in node.branches))[1:])
        for knot, b in zip(knots, node.at, strict=True):
            out = np.where(u == knot, values[b], out)
        return out

    return pick


def definition(t: Expressions, e: int) -> Callable[[Any, Any], Any]:
    """Return `e` as a function `exact(mp, x)`, where `mp` is a module like mpmath."""
    order = t.dependencies(e)

    def exact(mp: Any, x: Any) -> Any:
        values: dict[int, Any] = {}
        for k in order:
            node = t.nodes[k]
            if isinstance(node, CurveVariable):
                values[k] = x
            elif isinstance(node, Sum):
                values[k] = _exact_sum(mp, node, values)
            elif isinstance(node, Apply):
                values[k] = _exact_apply(mp, node, values)
            else:
                assert isinstance(node, Switch)
                values[k] = _exact_switch(mp, node, values)
        return values[e]

    return exact


def _number(mp: Any, value: Fraction) -> Any:
    return mp.mpf(value.numerator) / mp.mpf(value.denominator)


def _exact_apply(mp: Any, node: Apply, values: dict[int, Any]) -> Any:
    exact = facts(node).exact
    if exact is None:
        raise OutrangeError(f"`{node.name}` has no `exact` definition.")
    try:
        return exact(mp, values[node.argument])
    except (ValueError, ZeroDivisionError, TypeError):
        # In a branch that is not taken.
        return mp.nan


def _exact_sum(mp: Any, node: Sum, values: dict[int, Any]) -> Any:
    total = _number(mp, node.constant)
    for monomial, c in node.terms:
        part = _number(mp, c)
        for base, power in monomial:
            if power < 0 and values[base] == 0:
                return mp.nan
            part = part * values[base] ** power
        total = total + part
    return total


def _exact_switch(mp: Any, node: Switch, values: dict[int, Any]) -> Any:
    u = values[node.argument]
    knots = [_number(mp, k) for k in node.knots]
    for knot, b in zip(knots, node.at, strict=True):
        if u == knot:
            return values[b]
    return values[node.branches[sum(k < u for k in knots)]]
