"""Rules that lower NumPy functions to operations of the builder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ...graph import Builder, Operand, Value
from ...graph.composites import logic
from ...graph.composites.inverse import tangent
from ...graph.composites.power import power
from .tables import choose, digitize, interpolate, piecewise, search_sorted, select
from .vectors import cross, difference, norm, outer, product, running_sum


Rule = Callable[..., Any]


def _curve(name: str) -> Rule:
    return lambda b, x: b.curve(name, x)


def _compare(how: str) -> Rule:
    return lambda b, x, y: logic.compare(b, how, x, y)


def _power(b: Builder, x: Operand, y: Operand) -> Operand:
    exponent = np.unique(y) if isinstance(y, np.ndarray) else np.zeros(0)
    if exponent.size != 1:
        raise UnsupportedError(
            "a power whose exponent is not a single constant is not supported yet"
        )
    if not isinstance(x, Value):
        return np.power(x, exponent[0])
    return power(b, x, float(exponent[0]))


def _heaviside(b: Builder, x: Operand, at_zero: Operand) -> Operand:
    value = np.unique(at_zero) if isinstance(at_zero, np.ndarray) else np.zeros(0)
    if value.size != 1:
        raise UnsupportedError("`np.heaviside` needs one constant as its value at 0")
    return b.curve("heaviside", x, at_zero=float(value[0]))


def _matmul(b: Builder, x: Operand, y: Operand) -> Operand:
    if not x.shape or not y.shape:
        raise UnsupportedError("`@` needs two arrays, not a number")
    if not isinstance(x, Value) and not isinstance(y, Value):
        return x @ y
    if isinstance(x, Value) and not isinstance(y, Value):
        return _dense(b, x, y)
    if isinstance(y, Value) and not isinstance(x, Value):
        if len(y.shape) == 1:
            return _dense(b, y, x.T if x.ndim > 1 else x)
        return b.transpose(_matmul(b, b.transpose(y), x.T))
    left = "ab"[-len(x.shape) :].replace("b", "k").replace("a", "i")
    right = "kj"[: len(y.shape)]
    return b.einsum(f"{left},{right}->{(left + right).replace('k', '')}", x, y)


def _dense(b: Builder, x: Value, weight: np.ndarray) -> Operand:
    """Compute `x @ weight` with a constant matrix or vector."""
    matrix = weight[:, None] if weight.ndim == 1 else weight
    if x.shape[-1] != matrix.shape[0]:
        raise UnsupportedError(
            f"`@` needs axes of the same length; these have lengths {x.shape[-1]} and "
            f"{matrix.shape[0]}"
        )
    row = b.reshape(x, (1, -1)) if len(x.shape) == 1 else x
    row_product = b.dense(row, matrix)
    shape = (*x.shape[:-1], *weight.shape[1:])
    return b.reshape(row_product, shape)


UFUNCS: Mapping[str, Rule] = MappingProxyType({
    "add": lambda b, x, y: b.add(x, y),
    "subtract": lambda b, x, y: b.subtract(x, y),
    "multiply": lambda b, x, y: b.multiply(x, y),
    "divide": lambda b, x, y: b.divide(x, y),
    "true_divide": lambda b, x, y: b.divide(x, y),
    "negative": lambda b, x: b.affine_map(x, -1.0),
    "positive": lambda b, x: x,
    "power": _power,
    "float_power": _power,
    "matmul": _matmul,
    "square": _curve("square"),
    "absolute": _curve("abs"),
    "fabs": _curve("abs"),
    "sqrt": _curve("sqrt"),
    "exp": _curve("exp"),
    "expm1": _curve("expm1"),
    "log": _curve("log"),
    "log1p": _curve("log1p"),
    "exp2": lambda b, x: b.curve("exp", b.affine_map(x, np.log(2.0), ulps=1)),
    "log2": lambda b, x: b.affine_map(b.curve("log", x), 1.0 / np.log(2.0), ulps=2),
    "log10": lambda b, x: b.affine_map(b.curve("log", x), 1.0 / np.log(10.0), ulps=2),
    "sin": _curve("sin"),
    "cos": _curve("cos"),
    "tan": tangent,
    "arctan": _curve("atan"),
    "sinh": _curve("sinh"),
    "cosh": _curve("cosh"),
    "tanh": _curve("tanh"),
    "erf": _curve("erf"),  # SciPy, like the next two
    "erfc": _curve("erfc"),
    "expit": _curve("sigmoid"),
    "sign": _curve("sign"),
    "reciprocal": _curve("reciprocal"),
    "floor": _curve("floor"),
    "ceil": _curve("ceil"),
    "rint": _curve("round"),
    "trunc": lambda b, x: logic.truncate(b, x),
    "remainder": lambda b, x, y: logic.modulo(b, x, y),
    "heaviside": _heaviside,
    "hypot": lambda b, x, y: b.curve("sqrt", b.add(b.multiply(x, x), b.multiply(y, y))),
    "maximum": lambda b, x, y: b.maximum(x, y),
    "minimum": lambda b, x, y: b.minimum(x, y),
    "fmax": lambda b, x, y: b.maximum(x, y),
    "fmin": lambda b, x, y: b.minimum(x, y),
    **{how: _compare(how) for how in logic.COMPARE},
    "logical_and": lambda b, x, y: logic.both(b, x, y),
    "logical_or": lambda b, x, y: logic.either(b, x, y),
    "logical_not": lambda b, x: logic.negate(b, x),
    "deg2rad": lambda b, x: b.affine_map(x, np.pi / 180.0, ulps=2),
    "rad2deg": lambda b, x: b.affine_map(x, 180.0 / np.pi, ulps=2),
})  # fmt: skip
"""Map from the name of each supported ufunc to its rule, a function of a builder and operands."""


def _stack(b: Builder, of: Rule, arrays: Any, axis: int = 0) -> Operand:
    parts = [of(b, x) for x in arrays]
    return b.structural(lambda a: np.stack(a, axis=axis), parts, name="stack")


def _join_rule(how: Callable) -> Rule:
    def rule(b: Builder, of: Rule, arrays: Any, axis: int = 0) -> Operand:
        options = {"axis": axis} if how is np.concatenate else {}
        return b.structural(lambda a: how(a, **options), [of(b, x) for x in arrays])

    return rule


def _reduce_rule(how: str) -> Rule:
    def rule(b: Builder, of: Rule, x: Any, axis: Any = None, keepdims: bool = False) -> Operand:
        return b.reduce(how, of(b, x), axis, keepdims)

    return rule


def _where(b: Builder, of: Rule, condition: Any, x: Any, y: Any) -> Operand:
    return logic.select(b, of(b, condition), of(b, x), of(b, y))


def _clip(b: Builder, of: Rule, x: Any, a_min: Any = None, a_max: Any = None) -> Operand:
    operand = of(b, x)
    least, most = (-np.inf if a_min is None else a_min), (np.inf if a_max is None else a_max)
    if np.ndim(least) == 0 and np.ndim(most) == 0 and not _symbolic(least, most):
        return b.clip(operand, float(least), float(most))
    return b.minimum(b.maximum(operand, of(b, least)), of(b, most))


def _symbolic(*values: Any) -> bool:
    return any(hasattr(x, "value") for x in values)


def _move_rule(how: Callable) -> Rule:
    """Return a rule that rearranges entries in the same way as the NumPy function `how`."""

    def rule(b: Builder, of: Rule, x: Any, *args: Any, **options: Any) -> Operand:
        return b.structural(lambda a: how(a[0], *args, **options), [of(b, x)])

    return rule


def _arg_rule(negate: bool) -> Rule:
    def rule(b: Builder, of: Rule, x: Any, axis: int | None = None) -> Operand:
        operand = of(b, x)
        if not isinstance(operand, Value):
            return np.asarray((np.argmin if negate else np.argmax)(operand, axis=axis), float)
        if axis is None:
            operand, axis = b.reshape(operand, (operand.size,)), 0
        operand = b.affine_map(operand, -1.0) if negate else operand
        return logic.arg_largest(b, operand, axis % len(operand.shape))

    return rule


FUNCTIONS: Mapping[str, Rule] = MappingProxyType({
    "stack": _stack,
    "concatenate": _join_rule(np.concatenate),
    "hstack": _join_rule(np.hstack),
    "vstack": _join_rule(np.vstack),
    "where": _where,
    "select": select,
    "piecewise": piecewise,
    "interp": interpolate,
    "digitize": digitize,
    "searchsorted": search_sorted,
    "choose": choose,
    "clip": _clip,
    "dot": lambda b, of, x, y: _matmul(b, of(b, x), of(b, y)),
    "cross": cross,
    "outer": outer,
    "norm": norm,
    "prod": product,
    "diff": difference,
    "cumsum": running_sum,
    "sum": _reduce_rule("sum"),
    "mean": _reduce_rule("mean"),
    "max": _reduce_rule("max"),
    "amax": _reduce_rule("max"),
    "min": _reduce_rule("min"),
    "amin": _reduce_rule("min"),
    "argmax": _arg_rule(False),
    "argmin": _arg_rule(True),
    "reshape": _move_rule(np.reshape),
    "ravel": _move_rule(np.ravel),
    "transpose": _move_rule(np.transpose),
    "flip": _move_rule(np.flip),
    "roll": _move_rule(np.roll),
    "squeeze": _move_rule(np.squeeze),
    "expand_dims": _move_rule(np.expand_dims),
    "moveaxis": _move_rule(np.moveaxis),
    "swapaxes": _move_rule(np.swapaxes),
    "broadcast_to": _move_rule(np.broadcast_to),
    "repeat": _move_rule(np.repeat),
    "tile": _move_rule(np.tile),
    "take": _move_rule(np.take),
    "diagonal": _move_rule(np.diagonal),
})  # fmt: skip
"""Map from the name of each supported NumPy function to its rule.

A rule is a function of a builder, a function that converts an argument to an operand, and the
arguments of the NumPy function.
"""
