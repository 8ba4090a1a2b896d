"""Tangent, inverse trigonometric and inverse hyperbolic functions, cube root and logarithm.

The inverse hyperbolic sine and the cube root are written as `f(relu(x)) - f(relu(-x))`, so that
nothing cancels and nothing jumps at 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..values import Operand
from .power import power


if TYPE_CHECKING:
    from ..builder import Builder


def tangent(b: Builder, x: Operand) -> Operand:
    """Return `tan(x)`, which is undefined where the cosine is 0."""
    return b.divide(b.curve("sin", x), b.curve("cos", x))


def arcsine(b: Builder, x: Operand) -> Operand:
    """Return `asin(x)` as `2 atan(x / (1 + sqrt(1 - x^2)))`, for `x` from -1 to 1."""
    root = b.curve("sqrt", b.affine_map(b.curve("square", x), -1.0, 1.0))
    return b.affine_map(b.curve("atan", b.divide(x, b.affine_map(root, 1.0, 1.0))), 2.0)


def arccosine(b: Builder, x: Operand) -> Operand:
    """Return `acos(x)` as `pi / 2 - asin(x)`, for `x` from -1 to 1."""
    return b.affine_map(arcsine(b, x), -1.0, np.pi / 2.0)


def hyperbolic_arcsine(b: Builder, x: Operand) -> Operand:
    """Return `asinh(x)`, computed as `log(x + sqrt(x^2 + 1))` for positive `x`."""

    def positive(x: Operand) -> Operand:
        root = b.curve("sqrt", b.affine_map(b.curve("square", x), 1.0, 1.0))
        return b.curve("log", b.add(x, root))

    return _odd(b, x, positive)


def hyperbolic_arccosine(b: Builder, x: Operand) -> Operand:
    """Return `acosh(x)` as `log(x + sqrt(x^2 - 1))`, for `x >= 1`."""
    root = b.curve("sqrt", b.affine_map(b.curve("square", x), 1.0, -1.0))
    return b.curve("log", b.add(x, root))


def hyperbolic_arctangent(b: Builder, x: Operand) -> Operand:
    """Return `atanh(x)` as `(log(1 + x) - log(1 - x)) / 2`, for `x` between -1 and 1."""
    below = b.curve("log1p", b.affine_map(x, -1.0))
    return b.affine_map(b.subtract(b.curve("log1p", x), below), 0.5)


def cube_root(b: Builder, x: Operand) -> Operand:
    """Return the real cube root."""
    return _odd(b, x, lambda x: power(b, x, 1.0 / 3.0))


def logarithm(b: Builder, x: Operand, base: float) -> Operand:
    """Return the logarithm of `x` to the base `base`."""
    return b.affine_map(b.curve("log", x), 1.0 / np.log(base), ulps=2)


def _odd(b: Builder, x: Operand, positive: Callable[[Operand], Operand]) -> Operand:
    """Return `f(x)`, where `f` is the odd function that equals `positive` for `x >= 0`."""
    below = b.curve("relu", b.affine_map(x, -1.0))
    return b.subtract(positive(b.curve("relu", x)), positive(below))


INVERSE: dict[str, Callable[[Builder, Operand], Operand]] = {
    "tan": tangent, "asin": arcsine, "acos": arccosine, "asinh": hyperbolic_arcsine,
    "acosh": hyperbolic_arccosine, "atanh": hyperbolic_arctangent, "cbrt": cube_root,
}  # fmt: skip
"""Maps function names, as ATen and JAX spell them, to functions that express them with curves."""
