"""Functions, methods and arithmetic that a property written as text may use."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from ..expressions import Condition, Expression, implies
from ..expressions.nodes import ExpressionNode, arithmetic
from ..expressions.nonlinear.terms import FUNCTIONS as CURVES, LARGEST_POWER


class Refusal(Exception):
    """An error for a meaningless term of a property; the parser adds the term to the message."""


FUNCTIONS = (*dict.fromkeys((*CURVES, "abs")), "max", "min", "implies")

METHODS: dict[type, tuple[str, ...]] = {
    Expression: ("sum", "mean", "max", "min", "argmax", "argmin", "ravel", "reshape"),
    Condition: ("all", "any", "implies"),
}

FOLDS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "**": operator.pow,
}  # fmt: skip

Number = int | float


def call_function(name: str, values: Sequence[Any]) -> Any:
    """Return `name(*values)` for the name of a function in `FUNCTIONS`.

    Raises:
        Refusal: The values do not fit the function.
    """
    if name == "implies":
        if len(values) != 2:
            raise Refusal("`implies` takes two conditions")
        return implies(*values)
    if not values or not all(isinstance(value, Expression | Number) for value in values):
        raise Refusal(f"the arguments of `{name}` must be expressions in `x`, `y` and numbers")
    if name in CURVES:
        if len(values) > 1:
            raise Refusal(f"`{name}` takes one value")
        return _call_curve(name, values[0])
    if len(values) == 1:
        if isinstance(values[0], Number):
            raise Refusal(f"`{name}` takes `y`, or several values")
        return getattr(values[0], name)()
    return _extreme(name, values)


def _call_curve(name: str, value: Any) -> Any:
    """Return `name(value)` for a function of one expression or number."""
    if isinstance(value, Expression):
        return abs(value) if name == "abs" else Expression(name, (value,))
    with np.errstate(all="ignore"):
        number = float(getattr(np, name)(float(value)))
    if not math.isfinite(number):
        raise Refusal("the result is not a finite number")
    return number


def _extreme(name: str, values: Sequence[Any]) -> Any:
    """Return the maximum or minimum of several arguments, as in `max(y[0], y[1], 0)`."""
    numbers = [value for value in values if isinstance(value, Number)]
    parts = [value for value in values if not isinstance(value, Number)]
    if numbers:
        parts.append((max if name == "max" else min)(numbers))
    return reduce(np.maximum if name == "max" else np.minimum, parts)


def call_method(value: Any, name: str, arguments: Sequence[Any], axis: Sequence[Any]) -> Any:
    """Return `value.name(*arguments)`, or `value.name(axis=...)` if `axis` is not empty.

    Raises:
        Refusal: The method does not exist or does not accept these arguments.
    """
    methods = next((names for kind, names in METHODS.items() if isinstance(value, kind)), ())
    if name not in methods:
        options = f"the methods are {', '.join(methods)}" if methods else "it has no methods"
        raise Refusal(f"`.{name[:30]}` is not a method of this value; {options}")
    values = [*arguments, *axis]
    if name == "reshape":
        if axis or not 0 < len(values) < 10:
            raise Refusal("`.reshape` takes the lengths of the axes")
        return value.reshape(*values)
    if name == "ravel":
        if values:
            raise Refusal("`.ravel` takes no arguments")
        return value.ravel()
    if name == "implies":
        if axis or len(values) != 1:
            raise Refusal("`.implies` takes one condition")
        return value.implies(*values)
    if len(values) > 1:
        raise Refusal(f"`.{name}` takes an axis")
    return getattr(value, name)(*values)


def combine(sign: str, left: Any, right: Any) -> Any:
    """Return `left sign right`, where `sign` is one of `+ - * / @ **`.

    Numbers combine as in Python.

    Raises:
        Refusal: The operands cannot be combined, or the result is not a finite number.
    """
    if isinstance(left, ExpressionNode) or isinstance(right, ExpressionNode):
        return arithmetic(sign, left, right)
    if sign == "@" or not (isinstance(left, Number) and isinstance(right, Number)):
        raise Refusal("one side must use `x` or `y`")
    if sign == "**" and left < 0 and right != int(right):
        raise Refusal("a negative number must have an integer exponent")
    if sign == "**" and abs(right) > LARGEST_POWER:
        raise Refusal(f"an exponent must lie between -{LARGEST_POWER} and {LARGEST_POWER}")
    try:
        value = FOLDS[sign](left, right)
        finite = math.isfinite(value)
    except ArithmeticError:
        finite, value = False, 0
    if not finite:
        raise Refusal("the result is not a finite number")
    return value
