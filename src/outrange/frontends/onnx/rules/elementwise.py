"""Operators that are one function of each entry."""

import numpy as np

from ....graph import Value
from ....graph.builder import Operand
from .table import OnnxCall, op


_SAME = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Mish": "mish",
    "HardSwish": "hard_silu",
    "Erf": "erf",
    "Exp": "exp",
    "Log": "log",
    "Sqrt": "sqrt",
    "Reciprocal": "reciprocal",
    "Abs": "abs",
    "Sin": "sin",
    "Cos": "cos",
    "Sinh": "sinh",
    "Cosh": "cosh",
    "Atan": "atan",
}
"""Operators without attributes, and the curve each is."""

ACTIVATIONS = frozenset(_SAME) | {
    "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "Shrink", "HardSigmoid",
    "Gelu", "Swish", "Clip", "Softmax", "LogSoftmax",
}  # fmt: skip
"""Operators whose input is worth showing beside their output."""


def _same(c: OnnxCall):
    c.attr("consumed_inputs")  # a hint about memory in the first operator sets
    return c.b.curve(_SAME[c.node.op], c.x)


op(*_SAME)(_same)


@op("LeakyRelu")
def leaky_relu(c: OnnxCall):
    return c.b.curve("leaky_relu", c.x, negative_slope=float(c.attr("alpha", 0.01)))


@op("PRelu")
def prelu(c: OnnxCall):
    slope = c.constant(1, "slope")
    x = c.x
    if slope.ndim == 1 and slope.size > 1 and len(x.shape) > 2 and c.opset < 7:
        slope = slope.reshape((-1,) + (1,) * (len(x.shape) - 2))
    shape = c.together(x, slope)
    return c.b.prelu(c.b.broadcast(x, shape), np.broadcast_to(slope, shape))


@op("Elu")
def elu(c: OnnxCall):
    return c.b.curve("elu", c.x, alpha=float(c.attr("alpha", 1.0)))


@op("Selu")
def selu(c: OnnxCall):
    # The file's alpha and gamma are float32 numbers near, not at, those of the usual definition.
    alpha = float(c.attr("alpha", 1.67326319217681884765625))
    gamma = float(c.attr("gamma", 1.05070102214813232421875))
    return c.b.affine_map(c.b.curve("elu", c.x, alpha=alpha), gamma)


@op("Celu")
def celu(c: OnnxCall):
    return c.b.curve("celu", c.x, alpha=float(c.attr("alpha", 1.0)))


@op("ThresholdedRelu")
def thresholded_relu(c: OnnxCall):
    return c.b.curve("threshold", c.x, threshold=float(c.attr("alpha", 1.0)), default=0.0)


@op("Shrink")
def shrink(c: OnnxCall):
    bias, limit = float(c.attr("bias", 0.0)), float(c.attr("lambd", 0.5))
    if bias == 0.0:
        return c.b.curve("hard_shrink", c.x, threshold=limit)
    if bias == limit:
        return c.b.curve("soft_shrink", c.x, threshold=limit)
    raise c.refuse(f"its attribute `bias` = {bias} must be 0 or equal to `lambd` = {limit}")


@op("HardSigmoid")
def hard_sigmoid(c: OnnxCall):
    alpha, beta = float(c.attr("alpha", 0.2)), float(c.attr("beta", 0.5))
    return c.b.clip(c.b.affine_map(c.x, alpha, beta), 0.0, 1.0)


@op("Gelu")
def gelu(c: OnnxCall):
    kind = c.attr("approximate", "none")
    if kind not in ("none", "tanh"):
        raise c.refuse(f"its attribute `approximate` = {kind!r} must be 'none' or 'tanh'")
    return c.b.curve("gelu" if kind == "none" else "gelu_tanh", c.x)


@op("Swish")
def swish(c: OnnxCall):
    # x * sigmoid(a x) = silu(a x) / a
    alpha = float(c.attr("alpha", 1.0))
    if alpha == 0.0:
        return c.b.affine_map(c.x, 0.5)
    inner = c.x if alpha == 1.0 else c.b.affine_map(c.x, alpha)
    y = c.b.curve("silu", inner)
    return y if alpha == 1.0 else c.b.divide(y, alpha)


@op("Clip")
def clip(c: OnnxCall):
    if c.opset >= 11:
        lo, hi = c.option(1, "lower limit"), c.option(2, "upper limit")
    else:
        lo, hi = c.attr("min"), c.attr("max")
    lo = -np.inf if lo is None else float(np.asarray(lo).reshape(()))
    hi = np.inf if hi is None else float(np.asarray(hi).reshape(()))
    # The specification lets `min > max` through, as `max` everywhere.
    return c.b.clip(c.x, min(lo, hi), hi)


@op("Pow")
def power(c: OnnxCall):
    base, exponent = c.x, c.operand(1)
    c.together(base, exponent)
    if isinstance(exponent, Value):
        return _exponential(c, base, exponent)
    if not isinstance(base, Value):
        return np.power(np.asarray(base, np.float64), np.asarray(exponent, np.float64))
    p = np.unique(np.asarray(exponent, np.float64))
    if p.size != 1:
        raise c.refuse("its exponent must be one number for all entries")
    base = c.b.broadcast(base, np.broadcast_shapes(tuple(base.shape), exponent.shape))
    return _constant_power(c, base, float(p[0]))


def _constant_power(c: OnnxCall, base: Operand, p: float):
    if p == 0.0:
        return np.ones(base.shape)
    if p == 1.0:
        return base
    named = {2.0: "square", 0.5: "sqrt", -1.0: "reciprocal", -0.5: "rsqrt"}
    if p in named:
        return c.b.curve(named[p], base)
    return c.b.curve("power", base, exponent=p)


def _exponential(c: OnnxCall, base, exponent: Value):
    if isinstance(base, Value):
        raise c.refuse("its base and its exponent both depend on the network's input")
    base = np.asarray(base, np.float64)
    if not (base > 0).all():
        raise c.refuse(f"its base must be positive, and is {base.min():g}")
    return c.b.curve("exp", c.b.multiply(exponent, np.log(base)))
