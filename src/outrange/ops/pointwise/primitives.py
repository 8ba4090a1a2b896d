"""Derivatives and domains of the smooth functions that occur in expressions.

The value and the stated error of each function come from its own file in `outrange/ops/curves`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..curve import Curve
from ..registry import curve
from .expression import Expressions
from .nodes import Apply


@dataclass(frozen=True)
class Primitive:
    """The derivative and the domain of a smooth function.

    Args:
        slope: A function of the table, `u` and the attributes that returns the derivative at `u`.
        above: Lower endpoint of the function's domain; None if it is defined everywhere.
        waves: Whether it is a sine or cosine.
        pole: Whether it is infinite at `above`.
    """

    slope: Callable[..., int]
    above: float | None = None
    waves: bool = False
    pole: bool = False


def _power_slope(t: Expressions, u: int, exponent: float) -> int:
    return t.scale(t.apply("power", u, exponent=exponent - 1.0), Fraction(exponent))


def _logistic_slope(t: Expressions, u: int, rate: int = 1) -> int:
    """Return the slope as a product whose factors stay relatively accurate in both tails."""
    return t.multiply(t.apply("sigmoid", t.scale(u, rate)), t.apply("sigmoid", t.scale(u, -rate)))


def _bell(t: Expressions, u: int, sign: int) -> int:
    # 2 / sqrt(pi) to 50 digits; constants are used with their rounding.
    height = Fraction("1.12837916709551257389615890312154517168810125865800")
    return t.scale(t.apply("exp", t.scale(t.power(u, 2), -1)), sign * height)


PRIMITIVES: dict[str, Primitive] = {
    "exp": Primitive(lambda t, u: t.apply("exp", u)),
    "expm1": Primitive(lambda t, u: t.apply("exp", u)),
    "log": Primitive(lambda t, u: t.power(u, -1), above=0.0, pole=True),
    "log1p": Primitive(lambda t, u: t.power(t.scale(u, 1, 1), -1), above=-1.0, pole=True),
    "sqrt": Primitive(
        lambda t, u: t.scale(t.multiply(t.apply("sqrt", u), t.power(u, -1)), Fraction(1, 2)),
        above=0.0,
    ),
    "power": Primitive(_power_slope, above=0.0),
    "sigmoid": Primitive(_logistic_slope),
    "tanh": Primitive(lambda t, u: t.scale(_logistic_slope(t, u, 2), 4)),
    "softplus": Primitive(lambda t, u: t.apply("sigmoid", u)),
    "erf": Primitive(lambda t, u: _bell(t, u, 1)),
    "erfc": Primitive(lambda t, u: _bell(t, u, -1)),
    "atan": Primitive(lambda t, u: t.power(t.scale(t.power(u, 2), 1, 1), -1)),
    "sinh": Primitive(lambda t, u: t.apply("cosh", u)),
    "cosh": Primitive(lambda t, u: t.apply("sinh", u)),
    "sin": Primitive(lambda t, u: t.apply("cos", u), waves=True),
    "cos": Primitive(lambda t, u: t.scale(t.apply("sin", u), -1), waves=True),
}


def facts(node: Apply) -> Curve:
    """Return the registered curve of the function that `node` applies."""
    return curve(node.name, **dict(node.attributes))


def spread(c: Curve, value: np.ndarray | np.float64) -> np.ndarray:
    """Bound the distance between the computed `value` of a primitive and its exact value."""
    return c.off + c.ulps * (2.0**-52 * np.abs(value) + 5e-324)
