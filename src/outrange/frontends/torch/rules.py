"""How each core ATen operation reads in terms of the graph's own ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ...graph import Operand, Value, convolve, convolve_transposed, log_softmax, pointwise, softmax
from ..native.program import Call, folded
from ..native.rules import (
    both,
    curve,
    described,
    either,
    limited,
    matmul,
    negated,
    pooled,
    power,
    running_sum,
    same,
    scaled,
    select,
    sign,
    windows,
)  # fmt: skip
from .api import Place


def get(c: Call, name: str, default: Any = None) -> Any:
    """An argument by its name in the schema: an operand, a list of them, or a plain value."""
    found = c.step.attributes.get(name, default)
    return _given(c, found) if found is not None else default


def _given(c: Call, found: Any) -> Any:
    if isinstance(found, Place):
        return c.inputs[found]
    return [_given(c, part) for part in found] if isinstance(found, list) else found


def tensor(c: Call, name: str) -> Operand:
    """An argument as an operand; a number as the float32 that the model computes with."""
    found = get(c, name)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return np.asarray(float(np.float32(found)))
    return found if isinstance(found, Value) else np.asarray(found, np.float64)


def number(c: Call, name: str, default: float) -> float:
    """A plain number as the float32 that the model computes with."""
    found = get(c, name, default)
    return float(np.float32(default if found is None else found))


CURVES = {
    "relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh", "exp": "exp", "expm1": "expm1",
    "log": "log", "log1p": "log1p", "sqrt": "sqrt", "rsqrt": "rsqrt", "abs": "abs", "sin": "sin",
    "cos": "cos", "sinh": "sinh", "cosh": "cosh", "atan": "atan", "erf": "erf", "erfc": "erfc",
    "reciprocal": "reciprocal", "silu": "silu", "mish": "mish", "hardswish": "hard_silu",
    "hardsigmoid": "hard_sigmoid", "square": "square", "log_sigmoid_forward": "log_sigmoid",
}  # fmt: skip

MOVING = (
    "view.default", "reshape.default", "_unsafe_view.default", "permute.default", "t.default",
    "transpose.int", "unsqueeze.default", "squeeze.dims", "squeeze.dim", "squeeze.default",
    "slice.Tensor", "select.int", "split_with_sizes.default", "split.Tensor", "unbind.int",
    "expand.default", "repeat.default", "flip.default", "roll.default", "index_select.default",
    "as_strided.default", "diagonal.default", "unfold.default", "narrow.default", "tril.default",
    "triu.default", "pixel_shuffle.default", "view_copy.default", "gather.default",
    "upsample_nearest2d.vec", "upsample_nearest2d.default", "reflection_pad1d.default",
    "reflection_pad2d.default", "replication_pad2d.default", "split_with_sizes_copy.default",
)  # fmt: skip

SAME = (
    "clone.default", "alias.default", "detach.default", "lift_fresh_copy.default",
    "contiguous.default", "same", "dropout.default", "alias_copy.default",
)  # fmt: skip

COMPARISONS = {
    "gt": "greater", "ge": "greater_equal", "lt": "less", "le": "less_equal", "eq": "equal",
    "ne": "not_equal",
}


def _moved(c: Call):
    if any(isinstance(x, Value) for x in c.inputs[1:]):
        raise UnsupportedError(f"{c.kind} at positions that depend on the input")
    return c.moved([0], c.kind.split(".")[0])


def _compared(how: str) -> Callable[[Call], Any]:
    return lambda c: described(
        pointwise.compare(c.b, how, tensor(c, "self"), tensor(c, "other")), c
    )


RULES: dict[str, Callable[[Call], Any]] = {
    **dict.fromkeys(MOVING, _moved),
    **dict.fromkeys(SAME, same),
    **{f"{name}.default": curve(f) for name, f in CURVES.items()},
    "neg.default": scaled(-1.0),
    "sub.Scalar": lambda c: c.b.subtract(tensor(c, "self"), tensor(c, "other")),
    **{f"mul.{kind}": lambda c: c.b.multiply(tensor(c, "self"), tensor(c, "other"))
       for kind in ("Tensor", "Scalar")},
    **{f"div.{kind}": lambda c: c.b.divide(tensor(c, "self"), tensor(c, "other"))
       for kind in ("Tensor", "Scalar")},
    "mm.default": lambda c: matmul(c.b, *c.inputs),
    "bmm.default": lambda c: matmul(c.b, *c.inputs),
    "maximum.default": lambda c: limited(c, c.inputs[0], c.inputs[1], False),
    "minimum.default": lambda c: limited(c, c.inputs[0], c.inputs[1], True),
    **{f"{n}.{kind}": _compared(h) for n, h in COMPARISONS.items() for kind in ("Scalar", "Tensor")},
    **{f"{n}_and.{k}": both for n, k in (("logical", "default"), ("bitwise", "Tensor"))},
    **{f"{n}_or.{k}": either for n, k in (("logical", "default"), ("bitwise", "Tensor"))},
    **{f"{n}_not.default": negated for n in ("logical", "bitwise")},
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
    "hardshrink.default": lambda c: c.b.curve("hard_shrink", c.x, threshold=number(c, "lambd", 0.5)),
    "softshrink.default": lambda c: c.b.curve("soft_shrink", c.x, threshold=number(c, "lambd", 0.5)),
    **{f"{n}_like.default": lambda c, v=v: np.full(c.x.shape, v)
       for n, v in (("zeros", 0.0), ("ones", 1.0))},
    "full_like.default": lambda c: np.full(c.x.shape, float(get(c, "fill_value"))),
    "sym_size.int": lambda c: np.asarray(c.x.shape[get(c, "dim")]),
    "_prelu_kernel.default": lambda c: c.b.prelu(c.x, c.constant(1, "slopes")),
}  # fmt: skip
"""Operation (without `aten.`) to its rule; see also the functions below."""


def rule(*names: str):
    """Enter the decorated function under some names."""

    def enter(function: Callable[[Call], Any]):
        for name in names:
            RULES[name] = function
        return function

    return enter


@rule("add.Tensor", "sub.Tensor", "add.Scalar")
def _add(c: Call):
    alpha = float(get(c, "alpha", 1)) * (-1.0 if c.kind.startswith("sub") else 1.0)
    return c.b.combine([1.0, alpha], [tensor(c, "self"), tensor(c, "other")])


@rule("addmm.default")
def _addmm(c: Call):
    weight, bias = get(c, "mat2"), tensor(c, "self")
    alpha, beta = float(get(c, "alpha", 1)), float(get(c, "beta", 1))
    if not isinstance(weight, Value) and not isinstance(bias, Value) and alpha == beta == 1.0:
        return c.b.dense(get(c, "mat1"), weight, np.broadcast_to(bias, weight.shape[1:]))
    product = matmul(c.b, get(c, "mat1"), weight)
    return c.b.combine([alpha, beta], [product, tensor(c, "self")])


def _elu(c: Call):
    alpha, scale = number(c, "alpha", 1.0), number(c, "scale", 1.0)
    inner = number(c, "input_scale", 1.0)
    if inner == 1.0:
        y = c.b.curve("elu", c.x, alpha=alpha)
    elif inner * alpha == 1.0:
        y = c.b.curve("celu", c.x, alpha=alpha)
    else:
        raise UnsupportedError(f"elu with input_scale={inner}")
    return y if scale == 1.0 else c.b.affine_map(y, scale)


@rule("softplus.default")
def _softplus(c: Call):
    # Beyond `threshold` PyTorch returns the argument itself: less than float32 can tell.
    beta = number(c, "beta", 1.0)
    if number(c, "threshold", 20.0) < 17.0:
        raise UnsupportedError("a softplus that is cut off early")
    y = c.b.curve("softplus", c.x if beta == 1.0 else c.b.affine_map(c.x, beta))
    return y if beta == 1.0 else c.b.affine_map(y, 1.0 / beta, ulps=1)


@rule("clamp.default", "clamp_min.default", "clamp_max.default", "clamp.Tensor")
def _clamp(c: Call):
    x = c.x
    for name, negate in (("min", False), ("max", True)):
        if get(c, name) is not None:
            x = limited(c, x, tensor(c, name), negate)
    return x


@rule("pow.Tensor_Scalar")
def _pow(c: Call):
    return power(c.b, c.x, float(get(c, "exponent")))


@rule("pow.Tensor_Tensor")
def _pow_tensor(c: Call):
    exponent = np.unique(c.constant(1, "exponents"))
    if exponent.size != 1:
        raise UnsupportedError("powers with several exponents")
    return power(c.b, c.x, float(exponent[0]))


@rule("_to_copy.default")
def _cast(c: Call):
    dtype = str(get(c, "dtype", "torch.float32")).removeprefix("torch.")
    if dtype not in ("float32", "float64", "bool", "None"):
        raise UnsupportedError(f"a cast of what depends on the input to {dtype}")
    return c.x


@rule("cat.default", "stack.default")
def _cat(c: Call):
    return c.moved(range(len(c.inputs)), c.kind.split(".")[0])


@rule("constant_pad_nd.default")
def _pad(c: Call):
    value = float(get(c, "value", 0) or 0)
    pads = np.reshape(get(c, "pad"), (-1, 2))[::-1].tolist()
    pads = [(0, 0)] * (len(c.x.shape) - len(pads)) + [tuple(p) for p in pads]

    def run(a):
        x = a[0][tuple(slice(max(-p, 0), a[0].shape[i] - max(-q, 0))
                       for i, (p, q) in enumerate(pads))]
        marks = np.pad(x, [(max(p, 0), max(q, 0)) for p, q in pads])
        return np.where(marks == 0, a[1], marks)

    return c.b.structural(run, [c.x, np.full((), value)], name="pad")


@rule("index.Tensor")
def _index(c: Call):
    places = get(c, "indices")
    if any(isinstance(p, Value) for p in places):
        raise UnsupportedError("an index that depends on the input")
    key = tuple(slice(None) if p is None else np.asarray(p) for p in places)
    return c.b.structural(lambda a: a[0][key], [c.x], name="index")


HOW = {"sum": "sum", "mean": "mean", "amax": "max", "amin": "min"}


@rule("sum.dim_IntList", "sum.default", "mean.dim", "mean.default", "amax.default", "amin.default")
def _reduce(c: Call):
    axes = get(c, "dim")
    return c.b.reduce(HOW[c.kind.split(".")[0]], c.x, axes or None, bool(get(c, "keepdim", False)))


@rule("_native_batch_norm_legit_no_training.default")
def _batch_norm(c: Call):
    mean, variance = (np.asarray(get(c, n), float) for n in ("running_mean", "running_var"))
    factor = 1.0 / np.sqrt(variance + number(c, "eps", 1e-5))
    weight, bias = get(c, "weight"), get(c, "bias")
    factor = factor if weight is None else factor * np.asarray(weight, float)
    shift = np.zeros_like(mean) if bias is None else np.asarray(bias, float)
    shape = (1, -1, *(1,) * (len(c.x.shape) - 2))
    centered = c.b.affine_map(c.x, 1.0, -mean.reshape(shape))
    y = c.b.affine_map(centered, factor.reshape(shape), shift.reshape(shape), ulps=4)
    return [y, np.zeros(0), np.zeros(0)]


@rule("convolution.default")
def _convolve(c: Call):
    kernel, bias = get(c, "weight"), get(c, "bias")
    if isinstance(kernel, Value) or isinstance(bias, Value):
        raise UnsupportedError("a convolution by what depends on the input")
    strides, dilation, pads = (list(get(c, n)) for n in ("stride", "dilation", "padding"))
    rank = kernel.ndim - 2
    strides, dilation, pads = (v * rank if len(v) == 1 else v for v in (strides, dilation, pads))
    groups = int(get(c, "groups", 1))
    move = (*range(2, kernel.ndim), 1, 0)
    if not get(c, "transposed"):
        return convolve(
            c.b, c.x, kernel.transpose(move), bias, strides=strides, dilation=dilation,
            padding=[(p, p) for p in pads], groups=groups, channels_first=True,
        )
    extra = list(get(c, "output_padding"))
    extra = extra * rank if len(extra) == 1 else extra
    sizes = [
        (n - 1) * s - 2 * p + (k - 1) * d + 1 + e
        for n, s, p, k, d, e in zip(
            c.x.shape[2:], strides, pads, kernel.shape[2:], dilation, extra, strict=True
        )
    ]
    return convolve_transposed(
        c.b, c.x, kernel.transpose(move), bias, outputs=sizes, strides=strides, dilation=dilation,
        before=pads, groups=groups, channels_first=True,
    )


def _window(c: Call, size: list[int]):
    """Windows over the spatial axes; the result's shape."""
    rank, lead = len(size), len(c.x.shape) - len(size)

    def each(name: str, default: list[int]) -> list[int]:
        given = list(get(c, name) or default)
        return given * rank if len(given) == 1 else given

    strides, pads = each("stride", size), each("padding", [0])
    dilation = each("dilation", [1])
    if get(c, "ceil_mode"):
        raise UnsupportedError("pooling with ceil_mode")
    return windows(
        c.x.shape, [1] * lead + size, [1] * lead + strides, [1] * lead + dilation,
        [(0, 0)] * lead + [(p, p) for p in pads],
    )


def _size(c: Call) -> list[int]:
    size, rank = list(get(c, "kernel_size")), int(c.kind.split("pool")[1][0])
    return size * rank if len(size) == 1 else size


@rule("max_pool2d_with_indices.default", "max_pool3d_with_indices.default")
def _max_pool(c: Call):
    found, shape = _window(c, _size(c))
    return [pooled(c, "max", c.x, found, shape), np.zeros(0)]


@rule("avg_pool1d.default", "avg_pool2d.default", "avg_pool3d.default")
def _avg_pool(c: Call):
    size = _size(c)
    found, shape = _window(c, size)
    if get(c, "divisor_override") is None and not get(c, "count_include_pad", True):
        return pooled(c, "mean", c.x, found, shape)
    divisor = get(c, "divisor_override") or int(np.prod(size))
    return c.b.gather_sum(c.x, found, 1.0 / divisor, shape, name="average_pool", ulps=1)


@rule("_adaptive_avg_pool2d.default", "_adaptive_avg_pool3d.default", "adaptive_avg_pool1d.default")
def _adaptive(c: Call):
    sizes, shape = list(get(c, "output_size")), tuple(c.x.shape)
    positions = np.arange(c.x.size).reshape(shape)
    lead = len(shape) - len(sizes)
    parts = [
        [slice(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]
        for n, m in zip(shape[lead:], sizes, strict=True)
    ]
    rows = []
    for index in np.ndindex(*shape[:lead], *sizes):
        key = (*index[:lead], *(p[i] for p, i in zip(parts, index[lead:], strict=True)))
        rows.append(positions[key].ravel())
    width = max(len(r) for r in rows)
    found = np.full((len(rows), width), -1)
    for row, place in zip(rows, found, strict=True):
        place[: len(row)] = row
    return pooled(c, "mean", c.x, found, (*shape[:lead], *sizes))


@rule("embedding.default")
def _embedding(c: Call):
    raise UnsupportedError("an embedding of what depends on the input")


TABLE = folded(RULES)
"""The rules, where an operand depends on the input; constants run in PyTorch."""
