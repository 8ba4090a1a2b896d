"""Lowering rules for core ATen operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....core import UnsupportedError
from ....graph import Operand, Value, is_minus_infinity, log_softmax, softmax
from ....graph.composites import logic
from ....graph.composites.inverse import INVERSE, logarithm
from ....graph.composites.power import power
from ...rule_table import rule_decorator
from ...traced.call import INTEGERS, TracedCall
from ...traced.program import with_constant_folding
from ...traced.rules import (
    affine_rule,
    both,
    cast_integer,
    compare_operands,
    composite_rule,
    curve,
    differing,
    either,
    exponential,
    extremum,
    is_finite,
    is_infinite,
    is_nan,
    logical_not,
    matmul,
    running_sum,
    same,
    select,
    sign,
    truth,
)
from .arguments import get, number, round_as_model, tensor
from .layers import RULES as LAYERS
from .linear import RULES as LINEAR
from .sorting import RULES as ORDERS
from .writes import RULES as WRITES


CURVES = {
    "relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh", "exp": "exp", "expm1": "expm1",
    "log": "log", "log1p": "log1p", "sqrt": "sqrt", "rsqrt": "rsqrt", "abs": "abs", "sin": "sin",
    "cos": "cos", "sinh": "sinh", "cosh": "cosh", "atan": "atan", "erf": "erf", "erfc": "erfc",
    "floor": "floor", "ceil": "ceil", "round": "round",
    "reciprocal": "reciprocal", "silu": "silu", "mish": "mish", "hardswish": "hard_silu",
    "hardsigmoid": "hard_sigmoid", "square": "square", "log_sigmoid_forward": "log_sigmoid",
}  # fmt: skip

MOVING = (
    "view.default", "reshape.default", "_unsafe_view.default", "permute.default", "t.default",
    "transpose.int", "unsqueeze.default", "squeeze.dims", "squeeze.dim", "squeeze.default",
    "slice.Tensor", "select.int", "split_with_sizes.default", "split.Tensor", "unbind.int",
    "expand.default", "repeat.default", "flip.default", "roll.default", "index_select.default",
    "as_strided.default", "diagonal.default", "unfold.default", "narrow.default", "tril.default",
    "triu.default", "pixel_shuffle.default", "view_copy.default",
    *(f"upsample_nearest{n}d.{kind}" for n in (1, 2, 3) for kind in ("vec", "default")),
    *(f"{kind}_pad{n}d.default" for kind in ("reflection", "replication") for n in (1, 2, 3)),
    "split_with_sizes_copy.default",
)  # fmt: skip

SAME = (
    "clone.default", "alias.default", "detach.default", "lift_fresh_copy.default",
    "contiguous.default", "same", "dropout.default", "alias_copy.default",
)  # fmt: skip

COMPARISONS = {
    "gt": "greater",
    "ge": "greater_equal",
    "lt": "less",
    "le": "less_equal",
    "eq": "equal",
    "ne": "not_equal",
}


def _move_entries(c: TracedCall) -> list[Operand]:
    if any(isinstance(x, Value) for x in c.inputs[1:]):
        raise UnsupportedError(f"{c.kind} at positions that depend on the input is not supported")
    return c.move_entries([0], c.kind.split(".")[0])


def _compare_rule(how: str) -> Callable[[TracedCall], Any]:
    def rule(c: TracedCall) -> Operand:
        x, y = tensor(c, "self"), tensor(c, "other")
        is_mask = not isinstance(y, Value) and y.size and (y == -np.inf).all()
        if how == "equal" and is_mask and isinstance(x, Value):
            # Attention tests which entries are masked.
            return is_minus_infinity(c.b, x).astype(np.float64)
        return compare_operands(c, how, x, y)

    return rule


RULES: dict[str, Callable[[TracedCall], Any]] = {
    **dict.fromkeys(MOVING, _move_entries),
    **dict.fromkeys(SAME, same),
    **{f"{name}.default": curve(f) for name, f in CURVES.items()},
    "neg.default": affine_rule(-1.0),
    "sub.Scalar": lambda c: c.b.subtract(tensor(c, "self"), tensor(c, "other")),
    **{f"mul.{kind}": lambda c: c.b.multiply(tensor(c, "self"), tensor(c, "other"))
       for kind in ("Tensor", "Scalar")},
    **{f"div.{kind}": lambda c: c.b.divide(tensor(c, "self"), tensor(c, "other"))
       for kind in ("Tensor", "Scalar")},
    "mm.default": lambda c: matmul(c.b, c.inputs[0], c.inputs[1]),
    "bmm.default": lambda c: matmul(c.b, c.inputs[0], c.inputs[1]),
    **{f"{name}.default": lambda c, least=least: extremum(c, c.inputs[0], c.inputs[1], least)
       for name, least in (("maximum", False), ("fmax", False), ("minimum", True), ("fmin", True))},
    **{f"{n}.{kind}": _compare_rule(h) for n, h in COMPARISONS.items()
       for kind in ("Scalar", "Tensor")},
    **{f"{n}_and.{k}": both for n, k in (("logical", "default"), ("bitwise", "Tensor"))},
    **{f"{n}_or.{k}": either for n, k in (("logical", "default"), ("bitwise", "Tensor"))},
    **{f"{n}_not.default": logical_not for n in ("logical", "bitwise")},
    "logical_xor.default": differing, "bitwise_xor.Tensor": differing,
    **{f"{name}.default": composite_rule(name) for name in INVERSE},
    **{f"log{n}.default": lambda c, n=n: logarithm(c.b, c.x, float(n)) for n in (2, 10)},
    "exp2.default": lambda c: c.b.curve("exp", c.b.affine_map(c.x, np.log(2.0), ulps=2)),
    "isfinite.default": is_finite, "isinf.default": is_infinite, "isnan.default": is_nan,
    "sign.default": sign, "sgn.default": sign,
    "where.self": lambda c: select(c, c.inputs[0], tensor(c, "self"), tensor(c, "other")),
    "_softmax.default": lambda c: softmax(c.b, c.x, get(c, "dim")),
    "_log_softmax.default": lambda c: log_softmax(c.b, c.x, get(c, "dim")),
    "cumsum.default": lambda c: running_sum(c, c.x, get(c, "dim")),
    "elu.default": lambda c: _elu(c),
    "leaky_relu.default": lambda c: c.b.curve(
        "leaky_relu", c.x, negative_slope=number(c, "negative_slope", 0.01)
    ),
    "gelu.default": lambda c: c.b.curve(
        "gelu_tanh" if get(c, "approximate", "none") == "tanh" else "gelu", c.x
    ),
    "hardtanh.default": lambda c: c.b.clip(
        c.x, number(c, "min_val", -1.0), number(c, "max_val", 1.0)
    ),
    **{f"{n}shrink.default": lambda c, n=n: c.b.curve(
        f"{n}_shrink", c.x, threshold=number(c, "lambd", 0.5)
    ) for n in ("hard", "soft")},
    **{f"{n}_like.default": lambda c, v=v: np.full(c.x.shape, v)
       for n, v in (("zeros", 0.0), ("ones", 1.0))},
    "full_like.default": lambda c: np.full(c.x.shape, number(c, "fill_value", 0)),
    "sym_size.int": lambda c: np.asarray(c.x.shape[get(c, "dim")]),
    "_prelu_kernel.default": lambda c: c.b.prelu(c.x, c.constant(1, "slopes")),
}  # fmt: skip
"""Map from the name of an operation, without `aten.`, to its rule.

The functions below add more rules.
"""


rule = rule_decorator(RULES)


@rule("add.Tensor", "sub.Tensor", "add.Scalar")
def _add(c: TracedCall) -> Operand:
    alpha = number(c, "alpha", 1) * (-1.0 if c.kind.startswith("sub") else 1.0)
    return c.b.combine([1.0, alpha], [tensor(c, "self"), tensor(c, "other")])


@rule("addmm.default")
def _addmm(c: TracedCall) -> Operand:
    weight, bias = get(c, "mat2"), tensor(c, "self")
    alpha, beta = number(c, "alpha", 1), number(c, "beta", 1)
    if not isinstance(weight, Value) and not isinstance(bias, Value) and alpha == beta == 1.0:
        return c.b.dense(get(c, "mat1"), weight, np.broadcast_to(bias, weight.shape[1:]))
    product = matmul(c.b, get(c, "mat1"), weight)
    return c.b.combine([alpha, beta], [product, tensor(c, "self")])


def _elu(c: TracedCall) -> Operand:
    alpha, scale = number(c, "alpha", 1.0), number(c, "scale", 1.0)
    inner = number(c, "input_scale", 1.0)
    if inner == 1.0:
        y = c.b.curve("elu", c.x, alpha=alpha)
    elif inner * alpha == 1.0:
        y = c.b.curve("celu", c.x, alpha=alpha)
    else:
        raise UnsupportedError(
            f"`elu` with `input_scale` = {inner}, which is neither 1 nor 1 / `alpha`, is not "
            "supported"
        )
    return y if scale == 1.0 else c.b.affine_map(y, scale)


@rule("rrelu_with_noise_functional.default")
def _rrelu(c: TracedCall) -> list[Operand]:
    """Lower an RReLU in evaluation mode, where its slope is the mean of the random slopes."""
    slope = (get(c, "lower", 1.0 / 8.0) + get(c, "upper", 1.0 / 3.0)) / 2.0
    return [c.b.curve("leaky_relu", c.x, negative_slope=round_as_model(c, slope)), c.inputs[1]]


@rule("softplus.default")
def _softplus(c: TracedCall) -> Operand:
    # Beyond `threshold` PyTorch returns the argument itself, a difference below float32 rounding.
    beta = number(c, "beta", 1.0)
    if number(c, "threshold", 20.0) < 17.0:
        raise UnsupportedError("`softplus` with a `threshold` below 17 is not supported")
    y = c.b.curve("softplus", c.x if beta == 1.0 else c.b.affine_map(c.x, beta))
    return y if beta == 1.0 else c.b.affine_map(y, 1.0 / beta, ulps=1)


@rule("clamp.default", "clamp_min.default", "clamp_max.default", "clamp.Tensor")
def _clamp(c: TracedCall) -> Operand:
    x = c.x
    for name, negate in (("min", False), ("max", True)):
        if get(c, name) is not None:
            x = extremum(c, x, tensor(c, name), negate)
    return x


@rule("pow.Tensor_Scalar")
def _pow(c: TracedCall) -> Operand:
    return power(c.b, c.x, number(c, "exponent", 1))


@rule("pow.Scalar")
def _pow_scalar(c: TracedCall) -> Operand:
    return exponential(TracedCall(c.b, c.step, [tensor(c, "self"), c.x]))


@rule("pow.Tensor_Tensor")
def _pow_tensor(c: TracedCall) -> Operand:
    if isinstance(c.inputs[1], Value):
        return exponential(c)
    exponent = np.unique(c.constant(1, "exponents"))
    if exponent.size != 1:
        raise UnsupportedError(
            "a power with different exponents for different entries is not supported"
        )
    return power(c.b, c.x, float(exponent[0]))


@rule("_to_copy.default")
def _cast(c: TracedCall) -> Operand:
    dtype = str(get(c, "dtype", "torch.float32")).removeprefix("torch.")
    if dtype in INTEGERS:
        return cast_integer(c, dtype)
    if dtype not in ("float32", "float64", "bool", "None"):
        raise UnsupportedError(f"a cast of an input-dependent value to {dtype} is not supported")
    return truth(c) if dtype == "bool" and list(c.step.dtypes[:1]) != ["bool"] else c.x


@rule("cat.default", "stack.default")
def _cat(c: TracedCall) -> list[Operand]:
    return c.move_entries(range(len(c.inputs)), c.kind.split(".")[0])


@rule("constant_pad_nd.default")
def _pad(c: TracedCall) -> Operand:
    value = number(c, "value", 0)
    pads = np.reshape(get(c, "pad"), (-1, 2))[::-1].tolist()
    pads = [(0, 0)] * (len(c.x.shape) - len(pads)) + [tuple(p) for p in pads]

    def run(a: list[np.ndarray]) -> np.ndarray:
        x = a[0][
            tuple(slice(max(-p, 0), a[0].shape[i] - max(-q, 0)) for i, (p, q) in enumerate(pads))
        ]
        marks = np.pad(x, [(max(p, 0), max(q, 0)) for p, q in pads])
        return np.where(marks == 0, a[1], marks)

    return c.b.structural(run, [c.x, np.full((), value)], name="pad")


@rule("index.Tensor")
def _index(c: TracedCall) -> Operand:
    places = get(c, "indices")
    if any(isinstance(p, Value) for p in places):
        raise UnsupportedError("an index that depends on the input is not supported")
    key = tuple(slice(None) if p is None else np.asarray(p) for p in places)
    return c.b.structural(lambda a: a[0][key], [c.x], name="index")


HOW = {"sum": "sum", "mean": "mean", "amax": "max", "amin": "min"}


@rule("sum.dim_IntList", "sum.default", "mean.dim", "mean.default", "amax.default", "amin.default")
def _reduce(c: TracedCall) -> Operand:
    axes = get(c, "dim")
    return c.b.reduce(HOW[c.kind.split(".")[0]], c.x, axes or None, bool(get(c, "keepdim", False)))


@rule("embedding.default")
def _embedding(c: TracedCall) -> Operand:
    table, places = c.constant(0, "weights"), c.inputs[1]
    assert isinstance(places, Value)  # constants are folded earlier
    return logic.lookup(c.b, table, places)


EVERY = {**RULES, **LAYERS, **LINEAR, **ORDERS, **WRITES}

COUNTING = frozenset(EVERY) - {
    "bitwise_and.Tensor", "bitwise_xor.Tensor", "bitwise_or.Tensor", "bitwise_not.default",
    "mean.dim", "mean.default", "avg_pool1d.default", "avg_pool2d.default",
    "round.decimals", "frac.default", *LINEAR,
}  # fmt: skip
"""Operations whose rule is also valid for integer operands.

The set contains almost all operations, because PyTorch divides integers as real numbers, and its
functions return floats for integers.
"""

TABLE = with_constant_folding(EVERY, COUNTING)
"""All rules with constant folding: PyTorch itself evaluates operations on constants."""
