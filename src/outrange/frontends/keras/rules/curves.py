"""Rules for elementwise functions, most of which become a single curve of `outrange.ops`."""

from collections.abc import Callable

import numpy as np

from ....core import UnsupportedError
from ....graph import Operand
from ....graph.composites.power import power
from ...rule_table import rule_decorator
from ..lower.call import KerasCall, is_value, round_to_float32


RULES: dict[str, Callable] = {}
rule = rule_decorator(RULES)

PLAIN = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus",
    "Softsign": "softsign", "SoftSign": "softsign", "Selu": "selu", "Silu": "silu",
    "LogSigmoid": "log_sigmoid", "HardSigmoid": "hard_sigmoid", "HardSilu": "hard_silu",
    "TanhShrink": "tanh_shrink", "SparsePlus": "sparse_plus", "SparseSigmoid": "sparse_sigmoid",
    "Mish": "mish", "Exp": "exp", "Expm1": "expm1", "Log": "log", "Log1p": "log1p", "Sqrt": "sqrt",
    "Rsqrt": "rsqrt", "Square": "square", "Absolute": "abs", "Fabs": "abs", "Sin": "sin",
    "Cos": "cos", "Sinh": "sinh", "Cosh": "cosh", "Arctan": "atan", "Erf": "erf",
    "Reciprocal": "reciprocal",
}  # fmt: skip
"""Map from the name of an operation without attributes to the name of its curve."""

WITH = {
    "LeakyRelu": ("leaky_relu", {"negative_slope": "negative_slope"}),
    "Elu": ("elu", {"alpha": "alpha"}),
    "Celu": ("celu", {"alpha": "alpha"}),
    "HardShrink": ("hard_shrink", {"threshold": "threshold"}),
    "SoftShrink": ("soft_shrink", {"threshold": "threshold"}),
    "Threshold": ("threshold", {"threshold": "threshold", "default_value": "default"}),
    "Squareplus": ("squareplus", {"b": "b"}),
}
"""Map from the name of an operation to its curve and a map of attribute names.

The attribute names map from those of Keras to those of the curve.
"""

SCALED = {
    "Exp2": (np.log(2.0), "exp", 1.0),
    "Log2": (1.0, "log", 1.0 / np.log(2.0)),
    "Log10": (1.0, "log", 1.0 / np.log(10.0)),
}
"""Map from an operation `f` to the tuple `(a, curve, b)` such that `f(x) = b * curve(a * x)`."""


@rule(*PLAIN)
def _plain(c: KerasCall) -> Operand:
    return c.builder.curve(PLAIN[type(c.op).__name__], c.x)


@rule(*WITH)
def _with(c: KerasCall) -> Operand:
    name, attributes = WITH[type(c.op).__name__]
    options = {ours: round_to_float32(c.config[theirs]) for theirs, ours in attributes.items()}
    return c.builder.curve(name, c.x, **options)


@rule(*SCALED)
def _scaled_curve(c: KerasCall) -> Operand:
    inner, name, outer = SCALED[type(c.op).__name__]
    x = c.x if inner == 1.0 else c.builder.affine_map(c.x, inner, ulps=2)
    y = c.builder.curve(name, x)
    return y if outer == 1.0 else c.builder.affine_map(y, outer, ulps=2)


@rule("Relu6")
def _relu6(c: KerasCall) -> Operand:
    return c.builder.clip(c.x, 0.0, 6.0)


@rule("HardTanh")
def _hard_tanh(c: KerasCall) -> Operand:
    return c.builder.clip(c.x, -1.0, 1.0)


@rule("Gelu")
def _gelu(c: KerasCall) -> Operand:
    return c.builder.curve("gelu_tanh" if c.config.get("approximate", True) else "gelu", c.x)


@rule("ReLU")
def _relu(c: KerasCall) -> Operand:
    slope = round_to_float32(c.config.get("negative_slope") or 0.0)
    threshold = round_to_float32(c.config.get("threshold") or 0.0)
    limit = c.config.get("max_value")
    limit = None if limit is None else round_to_float32(limit)
    if threshold < 0:
        raise UnsupportedError(f"a relu with a threshold below 0 ({threshold}) is not supported")
    if threshold == 0.0 and limit is None:
        if slope == 0.0:
            return c.builder.curve("relu", c.x)
        return c.builder.curve("leaky_relu", c.x, negative_slope=slope)
    if threshold == 0.0 and slope == 0.0 and limit is not None:
        return c.builder.clip(c.x, 0.0, limit)
    return c.builder.curve(
        "relu_general", c.x, negative_slope=slope, max_value=limit, threshold=threshold
    )


@rule("Power")
def _power(c: KerasCall) -> Operand:
    x, exponent = c.operand(0, "x1"), c.get(1, "x2")
    if is_value(exponent) or np.unique(exponent).size != 1:
        raise UnsupportedError(
            "a power whose exponent is not a single constant is not supported yet"
        )
    shape, exponent = np.broadcast_shapes(x.shape, np.shape(exponent)), float(np.ravel(exponent)[0])
    if is_value(x):
        x = c.builder.broadcast(x, shape)
    return power(c.builder, x, exponent)
