"""Lowering rules for operators that apply one function to each entry."""

import numpy as np

from ....graph import Value, integers
from ....graph.builder import Operand
from ....graph.composites.power import power
from ..element_types import FLOATS, INDEX, NUMBERS
from .table import OnnxCall, op


_SAME = {
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Mish": "mish",
    "Erf": "erf",
    "Exp": "exp",
    "Log": "log",
    "Sqrt": "sqrt",
    "Reciprocal": "reciprocal",
    "Sin": "sin",
    "Cos": "cos",
    "Sinh": "sinh",
    "Cosh": "cosh",
    "Atan": "atan",
}
"""Map from an operator without attributes to its curve."""

ACTIVATIONS = frozenset(_SAME) | {
    "Relu", "Abs", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "Shrink",
    "HardSigmoid", "HardSwish", "Gelu", "Swish", "Clip", "Softmax", "LogSoftmax",
}  # fmt: skip
"""Operators whose input is shown in a summary along with their output."""


def _same(c: OnnxCall) -> Operand:
    c.attr("consumed_inputs")  # a memory hint in the first operator sets
    return c.b.curve(_SAME[c.node.op], c.x)


op(*_SAME, types="T -> T", T=FLOATS)(_same)


@op("Relu", types="T -> T", T=NUMBERS, chooses=True)
def relu(c: OnnxCall) -> Operand:
    c.attr("consumed_inputs")
    return c.b.curve("relu", c.x)


@op("Abs", types="T -> T", T=NUMBERS)
def absolute(c: OnnxCall) -> Operand:
    c.attr("consumed_inputs")
    return c.b.curve("abs", c.x)


@op("LeakyRelu", types="T -> T", T=FLOATS)
def leaky_relu(c: OnnxCall) -> Operand:
    return c.b.curve("leaky_relu", c.x, negative_slope=c.number("alpha"))


@op("PRelu", types="T T -> T", T=FLOATS)
def prelu(c: OnnxCall) -> Operand:
    slope = c.constant(1, "slope")
    x = c.x
    if slope.ndim == 1 and slope.size > 1 and len(x.shape) > 2 and c.opset < 7:
        slope = slope.reshape((-1,) + (1,) * (len(x.shape) - 2))
    shape = c.broadcast_shape(x, slope)
    return c.b.prelu(c.b.broadcast(x, shape), np.broadcast_to(slope, shape))


@op("Elu", types="T -> T", T=FLOATS)
def elu(c: OnnxCall) -> Operand:
    return c.b.curve("elu", c.x, alpha=c.number("alpha"))


@op("Selu", types="T -> T", T=FLOATS)
def selu(c: OnnxCall) -> Operand:
    # The float32 alpha and gamma are close, but not equal, to those of the usual definition.
    return c.b.affine_map(c.b.curve("elu", c.x, alpha=c.number("alpha")), c.number("gamma"))


@op("Celu", types="T -> T", T=FLOATS)
def celu(c: OnnxCall) -> Operand:
    return c.b.curve("celu", c.x, alpha=c.number("alpha"))


@op("ThresholdedRelu", types="T -> T", T=FLOATS)
def thresholded_relu(c: OnnxCall) -> Operand:
    return c.b.curve("threshold", c.x, threshold=c.number("alpha"), default=0.0)


@op("Shrink", types="T -> T", T=NUMBERS)
def shrink(c: OnnxCall) -> Operand:
    bias, limit = c.number("bias"), c.number("lambd")
    if c.is_integer and bias != 0.0:
        raise c.refuse_kind(
            str(c.kinds[0]),
            f"the attribute `bias` = {bias} must be 0 for an integer type",
        )
    if bias == 0.0:
        return c.b.curve("hard_shrink", c.x, threshold=limit)
    if bias == limit:
        return c.b.curve("soft_shrink", c.x, threshold=limit)
    raise c.refuse(f"the attribute `bias` = {bias} must be 0 or equal to `lambd` = {limit}")


@op("HardSigmoid", types="T -> T", T=FLOATS)
def hard_sigmoid(c: OnnxCall) -> Operand:
    return c.b.clip(c.b.affine_map(c.x, c.number("alpha"), c.number("beta")), 0.0, 1.0)


@op("HardSwish", types="T -> T", T=FLOATS)
def hard_swish(c: OnnxCall) -> Operand:
    # The operator is defined by a HardSigmoid, whose alpha is a float32 number.
    gate = c.b.clip(c.b.affine_map(c.x, float(np.float32(1.0 / 6.0)), 0.5), 0.0, 1.0)
    return c.b.multiply(c.x, gate)


@op("Gelu", types="T -> T", T=FLOATS)
def gelu(c: OnnxCall) -> Operand:
    kind = c.attr("approximate", "none")
    if kind not in ("none", "tanh"):
        raise c.refuse(f"the attribute `approximate` = {kind!r} must be 'none' or 'tanh'")
    return c.b.curve("gelu" if kind == "none" else "gelu_tanh", c.x)


@op("Swish", types="T -> T", T=FLOATS)
def swish(c: OnnxCall) -> Operand:
    # x * sigmoid(a x) = silu(a x) / a
    alpha = c.number("alpha")
    if alpha == 0.0:
        return c.b.affine_map(c.x, 0.5)
    inner = c.x if alpha == 1.0 else c.b.affine_map(c.x, alpha)
    y = c.b.curve("silu", inner)
    return y if alpha == 1.0 else c.b.divide(y, alpha)


@op("Clip", types="T T T -> T", T=NUMBERS, chooses=True)
def clip(c: OnnxCall) -> Operand:
    if c.opset >= 11:
        lo, hi = c.option(1, "lower limit"), c.option(2, "upper limit")
    else:
        lo, hi = c.attr("min"), c.attr("max")
    lo = -np.inf if lo is None else float(np.asarray(lo).reshape(()))
    hi = np.inf if hi is None else float(np.asarray(hi).reshape(()))
    # The specification allows `min > max`; the result is then `max` everywhere.
    return c.b.clip(c.x, min(lo, hi), hi)


@op("Pow", types="T U -> T", T=FLOATS | INDEX, U=NUMBERS)
def powers(c: OnnxCall) -> Operand:
    base, exponent = c.x, c.operand(1)
    c.broadcast_shape(base, exponent)
    if isinstance(exponent, Value):
        return _exponential(c, base, exponent)
    if not isinstance(base, Value):
        return np.power(np.asarray(base, np.float64), np.asarray(exponent, np.float64))
    p = np.unique(np.asarray(exponent, np.float64))
    if p.size != 1:
        raise c.refuse("the exponent must be the same number for all entries")
    base = c.b.broadcast(base, np.broadcast_shapes(tuple(base.shape), exponent.shape))
    if not c.is_integer:
        return power(c.b, base, float(p[0]))
    if p[0] < 0 or not float(p[0]).is_integer():
        raise c.refuse_kind(
            str(c.kinds[0]),
            f"the exponent {p[0]:g} must be an integer >= 0, because runtimes truncate "
            "other powers of integers",
        )
    return integers.power(c.b, base, int(p[0]))


def _exponential(c: OnnxCall, base: Operand, exponent: Value) -> Operand:
    if isinstance(base, Value):
        raise c.refuse(
            "the base and the exponent of a power must not both depend on the network's input"
        )
    if c.is_integer:
        raise c.refuse_kind(
            str(c.kinds[0]),
            "the exponent of an integer power must be a constant, but depends on the network's "
            "input",
        )
    base = np.asarray(base, np.float64)
    if not (base > 0).all():
        raise c.refuse(
            f"the base of a power with a variable exponent must be positive, but is {base.min():g}"
        )
    return c.b.curve("exp", c.b.multiply(exponent, np.log(base)))
