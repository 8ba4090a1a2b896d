"""NumPy functions on expressions: supported functions are dispatched, all others refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import InputError
from .nodes import (
    Condition,
    Expression,
    ExpressionNode,
    arithmetic,
    as_condition,
    as_expression,
    compare,
    logic,
)
from .nonlinear.terms import FUNCTIONS


ARITHMETIC = {
    np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.matmul: "@",
    np.power: "**",
}  # fmt: skip

COMPARISONS = {
    np.less_equal: "<=", np.less: "<", np.greater_equal: ">=", np.greater: ">",
    np.equal: "==", np.not_equal: "!=",
}  # fmt: skip

LOGIC = {
    np.logical_and: "&", np.logical_or: "|", np.logical_xor: "!=",
    np.bitwise_and: "&", np.bitwise_or: "|", np.bitwise_xor: "!=",
}  # fmt: skip

LARGER = {np.maximum: "maximum", np.minimum: "minimum"}

CURVES: dict[Any, str] = {getattr(np, name): name for name in FUNCTIONS if name != "abs"}

METHODS = {
    np.sum: "sum", np.mean: "mean", np.max: "max", np.amax: "max", np.min: "min", np.amin: "min",
    np.argmax: "argmax", np.argmin: "argmin", np.all: "all", np.any: "any", np.ravel: "ravel",
}  # fmt: skip


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], options: dict) -> Any:
    """Build the node for `ufunc(*inputs)`.

    Raises:
        InputError: The function is not supported, or has options.
    """
    if method != "__call__" or options:
        _refuse(f"np.{ufunc.__name__}", f".{method} or with options")
    if ufunc in ARITHMETIC:
        return arithmetic(ARITHMETIC[ufunc], *inputs)
    if ufunc in COMPARISONS:
        return compare(COMPARISONS[ufunc], *inputs)
    if ufunc in LOGIC:
        return logic(LOGIC[ufunc], *inputs)
    if ufunc in LARGER:
        return Expression(LARGER[ufunc], tuple(as_expression(side) for side in inputs))
    if ufunc in (np.logical_not, np.invert):
        return Condition("~", (as_condition(inputs[0]),))
    if ufunc in (np.negative, np.positive, np.absolute, np.fabs):
        only = as_expression(inputs[0])
        return only if ufunc is np.positive else -only if ufunc is np.negative else abs(only)
    if ufunc in (np.square, np.reciprocal):
        return as_expression(inputs[0]) ** (2 if ufunc is np.square else -1)
    if ufunc in CURVES:
        return Expression(CURVES[ufunc], (as_expression(inputs[0]),))
    return _refuse(f"np.{ufunc.__name__}", "")


def call_function(function: Any, args: tuple[Any, ...], options: dict) -> Any:
    """Build the node for `function(*args, **options)`.

    Raises:
        InputError: The function is not supported.
    """
    if function is np.dot and len(args) == 2 and not options:
        return Expression("@", tuple(map(as_expression, args)), "dot")
    if function is np.linalg.norm and len(args) == 1 and not options:
        return Expression("sqrt", ((as_expression(args[0]).ravel() ** 2).sum(),))
    name = METHODS.get(function)
    if (
        name is None
        or not args
        or not isinstance(args[0], ExpressionNode)
        or not hasattr(args[0], name)
    ):
        _refuse(f"np.{getattr(function, '__name__', function)}", "")
    try:
        return getattr(args[0], str(name))(*args[1:], **options)
    except TypeError:
        return _refuse(f"np.{name}", " with these arguments (only `axis` is supported)")


def _refuse(name: str, how: str) -> Any:
    raise InputError(
        "Only the NumPy functions `sum mean max min maximum minimum argmax argmin all any dot "
        f"linalg.norm power square reciprocal {' '.join(FUNCTIONS)}` accept `x` and `y`. "
        f"Received: {name}{how}."
    )
