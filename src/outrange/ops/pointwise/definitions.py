"""The registered curves as expressions, for use in formulas."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ..curve import Curve
from ..registry import curve
from .domain import restrict
from .expression import Expressions
from .nodes import NONNEGATIVE, NONZERO, Need
from .primitives import PRIMITIVES


ROOT_HALF = Fraction("0.70710678118654752440084436210484903928483593768847")
ROOT_2_OVER_PI = Fraction("0.79788456080286535587989211986876373695171726232986")
SELU_SCALE, SELU_ALPHA = Fraction(1.0507009873554805), Fraction(1.6732632423543772)


def relu(t: Expressions, u: int) -> int:
    """Return the expression `max(u, 0)`."""
    return t.switch(u, (0,), (t.zero, u), (t.zero,))


def largest(t: Expressions, u: int, v: int) -> int:
    """Return the expression `max(u, v)`."""
    return t.add(v, relu(t, t.subtract(u, v)))


def _elu(t: Expressions, u: int, alpha: float | Fraction = 1.0) -> int:
    left = t.scale(t.apply("expm1", u), Fraction(alpha))
    return t.switch(u, (0,), (left, u), (t.zero,))


def _celu(t: Expressions, u: int, alpha: float = 1.0) -> int:
    a = Fraction(alpha)
    left = t.scale(t.apply("expm1", t.scale(u, 1 / a)), a)
    return t.switch(u, (0,), (left, u), (t.zero,))


def _selu(t: Expressions, u: int) -> int:
    return t.scale(_elu(t, u, SELU_ALPHA), SELU_SCALE)


def _magnitude(t: Expressions, u: int) -> int:
    return t.switch(u, (0,), (t.scale(u, -1), u), (t.zero,))


def _hard_sigmoid(t: Expressions, u: int) -> int:
    middle = t.scale(u, Fraction(1, 6), Fraction(1, 2))
    return t.switch(u, (-3, 3), (t.zero, middle, t.one), (t.zero, t.one))


def _gelu(t: Expressions, u: int) -> int:
    gate = t.apply("erf", t.scale(u, ROOT_HALF))
    return t.multiply(u, t.scale(gate, Fraction(1, 2), Fraction(1, 2)))


def _gelu_tanh(t: Expressions, u: int) -> int:
    cubic = t.combine([(1, u), (Fraction("0.044715"), t.power(u, 3))])
    return t.multiply(u, t.apply("sigmoid", t.scale(cubic, 2 * ROOT_2_OVER_PI)))


def _squareplus(t: Expressions, u: int, b: float = 4.0) -> int:
    root = t.apply("sqrt", t.scale(t.power(u, 2), 1, Fraction(b)))
    return t.combine([(Fraction(1, 2), u), (Fraction(1, 2), root)])


def _sparse_plus(t: Expressions, u: int) -> int:
    middle = t.scale(t.power(t.scale(u, 1, 1), 2), Fraction(1, 4))
    return t.switch(u, (-1, 1), (t.zero, middle, u), (t.zero, t.one))


def rsqrt(t: Expressions, u: int) -> int:
    """Return the expression `1 / sqrt(u)`."""
    return t.power(t.apply("sqrt", u), -1)


def _power(t: Expressions, u: int, exponent: float) -> int:
    if float(exponent).is_integer():
        return t.power(u, int(exponent))
    if exponent == 0.5:
        return t.apply("sqrt", u)
    if exponent == -0.5:
        return rsqrt(t, u)
    return t.apply("power", u, exponent=float(exponent))


MADE_OF: dict[str, Callable[..., int]] = {
    "square": lambda t, u: t.power(u, 2),
    "reciprocal": lambda t, u, side=None: t.power(u, -1),
    "power": _power,
    "rsqrt": rsqrt,
    "abs": _magnitude,
    "elu": _elu,
    "celu": _celu,
    "selu": _selu,
    "silu": lambda t, u: t.multiply(u, t.apply("sigmoid", u)),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "mish": lambda t, u: t.multiply(u, t.apply("tanh", t.apply("softplus", u))),
    "softsign": lambda t, u: t.divide(u, t.scale(_magnitude(t, u), 1, 1)),
    "log_sigmoid": lambda t, u: t.scale(t.apply("softplus", t.scale(u, -1)), -1),
    "tanh_shrink": lambda t, u: t.subtract(u, t.apply("tanh", u)),
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": lambda t, u: t.multiply(u, _hard_sigmoid(t, u)),
    "squareplus": _squareplus,
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": lambda t, u: t.switch(
        u, (-1, 1), (t.zero, t.scale(u, Fraction(1, 2), Fraction(1, 2)), t.one), (t.zero, t.one)
    ),
}
"""Maps a curve's name to a function of the table, the argument and attributes, which returns the
expression."""


def apply_named(t: Expressions, name: str, u: int, **attributes: Any) -> int:
    """Return the expression of the registered function `name`, applied to `u`.

    Raises:
        UnsupportedError: The function has no expression.
    """
    if name in MADE_OF:
        return MADE_OF[name](t, u, **attributes)
    if name in PRIMITIVES:
        return t.apply(name, u, **{k: float(v) for k, v in attributes.items()})
    return of_curve(t, curve(name, **attributes), u)


def of_curve(t: Expressions, c: Curve, u: int) -> int:
    """Apply a curve to an expression, using the curve's expression or its lines.

    Raises:
        UnsupportedError: The curve has neither an expression nor lines.
    """
    if c.origin is not None:
        name, attributes = c.origin
        if name in MADE_OF or name in PRIMITIVES:
            return apply_named(t, name, u, **dict(attributes))
    lines = [line for line in c.lines or () if line is not None]
    if len(lines) != len(c.bends):
        raise UnsupportedError(f"`{c.name}` as part of a larger function of one variable")
    branches = [t.scale(u, Fraction(s), Fraction(o)) for s, o in lines]
    at = []
    for i, knot in enumerate(c.knots):
        if knot in c.holes:
            at.append(branches[i])
            continue
        value = Fraction(float(np.asarray(c.f(np.asarray(knot)))))
        sides = [Fraction(s) * Fraction(knot) + Fraction(o) for s, o in lines[i : i + 2]]
        at.append(branches[i + sides.index(value)] if value in sides else t.constant(value))
    return restrict(t, t.switch(u, c.knots, branches, at), _limits(t, c, u))


def _limits(t: Expressions, c: Curve, u: int) -> list[Need]:
    """Return the conditions on `u` under which a piecewise-linear curve is defined."""
    conditions = [Need(u, Fraction(hole), NONZERO) for hole in c.holes]
    if np.isfinite(c.on[0]):
        conditions.append(Need(u, Fraction(c.on[0]), NONNEGATIVE))
    if np.isfinite(c.on[1]):
        conditions.append(Need(t.scale(u, -1), -Fraction(c.on[1]), NONNEGATIVE))
    return conditions
