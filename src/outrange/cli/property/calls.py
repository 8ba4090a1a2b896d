"""What a property written as text may call: functions and methods, and how they are folded."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from ...questions.expressions import Condition, Expression, implies
from ...questions.expressions.nodes import ExpressionNode, arithmetic


class Refusal(Exception):
    """Raised where a part has no meaning; the reader, which knows the place, catches it."""


FUNCTIONS = ("abs", "max", "min", "implies")

METHODS: dict[type, tuple[str, ...]] = {
    Expression: ("sum", "mean", "max", "min", "argmax", "argmin", "ravel", "reshape"),
    Condition: ("all", "any", "implies"),
}

FOLDS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip

Number = int | float


def call_function(name: str, values: Sequence[Any]) -> Any:
    """`name(*values)` for one of `FUNCTIONS`.

    Raises:
        Refusal: The values do not fit.
    """
    if name == "implies":
        if len(values) != 2:
            raise Refusal("`implies` takes two conditions")
        return implies(*values)
    if not values or not all(isinstance(value, Expression | Number) for value in values):
        raise Refusal(f"`{name}` takes values made of `x`, `y` and numbers")
    if name == "abs":
        if len(values) > 1:
            raise Refusal("`abs` takes one value")
        return abs(values[0])
    if len(values) == 1:
        if isinstance(values[0], Number):
            raise Refusal(f"`{name}` takes `y`, or several values")
        return getattr(values[0], name)()
    return _extreme(name, values)


def _extreme(name: str, values: Sequence[Any]) -> Any:
    """`max(y[0], y[1], 0)`, over the arguments."""
    numbers = [value for value in values if isinstance(value, Number)]
    parts = [value for value in values if not isinstance(value, Number)]
    if numbers:
        parts.append((max if name == "max" else min)(numbers))
    return reduce(np.maximum if name == "max" else np.minimum, parts)


def call_method(value: Any, name: str, arguments: Sequence[Any], axis: Sequence[Any]) -> Any:
    """`value.name(*arguments)`, or `value.name(axis=...)` where `axis` holds one.

    Raises:
        Refusal: There is no such method, or it takes something else.
    """
    known = next((names for kind, names in METHODS.items() if isinstance(value, kind)), ())
    if name not in known:
        there = f"there are {', '.join(known)}" if known else "there are none"
        raise Refusal(f"`.{name[:30]}` is no method here; {there}")
    given = [*arguments, *axis]
    if name == "reshape":
        if axis or not 0 < len(given) < 10:
            raise Refusal("`.reshape` takes the lengths of the axes")
        return value.reshape(*given)
    if name == "ravel":
        if given:
            raise Refusal("`.ravel` takes nothing")
        return value.ravel()
    if name == "implies":
        if axis or len(given) != 1:
            raise Refusal("`.implies` takes one condition")
        return value.implies(*given)
    if len(given) > 1:
        raise Refusal(f"`.{name}` takes an axis")
    return getattr(value, name)(*given)


def combine(sign: str, left: Any, right: Any) -> Any:
    """`left sign right` for one of `+ - * / @`; numbers alone are folded as Python does.

    Raises:
        Refusal: They do not combine, or the result is no finite number.
    """
    if isinstance(left, ExpressionNode) or isinstance(right, ExpressionNode):
        return arithmetic(sign, left, right)
    if sign == "@" or not (isinstance(left, Number) and isinstance(right, Number)):
        raise Refusal("one side must use `x` or `y`")
    try:
        value = FOLDS[sign](left, right)
        finite = math.isfinite(value)
    except ArithmeticError:
        finite, value = False, 0
    if not finite:
        raise Refusal("this is no finite number")
    return value
