"""Stated bounds on the errors of float32 functions, which every runtime must satisfy.

The error at a float32 argument is at most `u (relative |f(x)| + absolute) + tiny`. Here, `u` is
`2^-24`, and `tiny = 2^-126` is the least normal number, below which a result may be flushed to
zero. The stated values of `relative` and `absolute` are at least four times the maxima that
`benchmarks/float32_functions.py` measures over every exponent on JAX, TensorFlow, PyTorch and
onnxruntime (docs/float32.md has the table). For a function that only selects its argument or a
constant, or that is a single correctly rounded operation, the error is the rounding error of IEEE
754.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .curve import Curve


@dataclass(frozen=True)
class Float32Error:
    """Error bound of a float32 function, in units of the roundoff `2^-24`.

    Args:
        relative: The part that is relative to the value of the function.
        absolute: The part that does not depend on the value of the function.
        scale: Name of an attribute that multiplies `absolute` (such as elu's `alpha`); empty if
            there is none.
    """

    relative: float
    absolute: float = 0.0
    scale: str = ""


_PICKED = Float32Error(0.0)

FLOAT32_ERRORS: Mapping[str, Float32Error] = MappingProxyType({
    "abs": _PICKED, "relu": _PICKED, "clip": _PICKED, "threshold": _PICKED,
    "hard_shrink": _PICKED, "heaviside": _PICKED, "sign": _PICKED, "is_zero": _PICKED,
    "leaky_relu": Float32Error(2.0), "soft_shrink": Float32Error(4.0), "square": Float32Error(4.0),
    "sqrt": Float32Error(8.0), "reciprocal": Float32Error(12.0), "rsqrt": Float32Error(12.0),
    "hard_sigmoid": Float32Error(8.0, 8.0), "hard_silu": Float32Error(16.0, 8.0),
    "softsign": Float32Error(16.0), "sigmoid": Float32Error(32.0, 12.0), "tanh": Float32Error(20.0),
    "exp": Float32Error(8.0), "expm1": Float32Error(28.0), "log": Float32Error(16.0),
    "log1p": Float32Error(20.0), "erf": Float32Error(24.0), "softplus": Float32Error(32.0),
    "silu": Float32Error(32.0, 4.0), "gelu": Float32Error(32.0, 68.0),
    "gelu_tanh": Float32Error(32.0, 48.0), "mish": Float32Error(32.0, 68.0),
    "elu": Float32Error(24.0, 8.0, "alpha"), "celu": Float32Error(24.0, 8.0, "alpha"),
    "selu": Float32Error(28.0, 8.0), "log_sigmoid": Float32Error(32.0), "atan": Float32Error(20.0),
    "sin": Float32Error(12.0), "cos": Float32Error(12.0), "sinh": Float32Error(104.0),
    "cosh": Float32Error(104.0), "tanh_shrink": Float32Error(32.0, 8.0),
    "sparse_plus": Float32Error(12.0), "sparse_sigmoid": Float32Error(8.0),
})  # fmt: skip
"""Error bounds by the name of the curve's file; curves without a stated bound are missing. The
bounds of powers depend on their exponent; see `_power_error`.
"""


LARGEST_POWER = 64.0
"""Largest exponent `p` for which an error bound of `x ** p` is stated."""


def float32_error(op: Curve) -> Float32Error | None:
    """Return the error bound stated for a curve, or None if there is none."""
    if op.origin is None:
        return None
    name, attributes = op.origin
    if name == "power":
        return _power_error(float(dict(attributes)["exponent"]))
    error = FLOAT32_ERRORS.get(name)
    if error is None or not error.scale:
        return error
    size = max(1.0, abs(float(dict(attributes).get(error.scale, 1.0))))
    return Float32Error(error.relative, error.absolute * size)


_EXPONENTS = {"sqrt": 0.5, "rsqrt": -0.5, "square": 2.0, "reciprocal": -1.0}


def exponent_of(op: Curve) -> float | None:
    """Return `p` if the curve is the power `x ** p`, otherwise None."""
    if op.origin is None:
        return None
    name, attributes = op.origin
    return float(dict(attributes)["exponent"]) if name == "power" else _EXPONENTS.get(name)


def _power_error(exponent: float) -> Float32Error | None:
    """Return the error bound of `x ** exponent`, or None if none is stated.

    A runtime may compute an integer power by repeated multiplication, with one rounding per
    multiplication. It computes other powers with a library function.
    """
    if 0.0 < exponent <= LARGEST_POWER:
        return Float32Error(12.0 + 4.0 * exponent)
    return None
