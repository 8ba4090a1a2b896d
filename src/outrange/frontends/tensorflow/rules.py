"""Lowering rules for TensorFlow operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ...graph import Operand, convolve, log_softmax, softmax
from ...graph.integer_inference import cast_to_integer
from ..rule_table import rule_decorator
from ..traced.call import TracedCall
from ..traced.program import with_constant_folding
from ..traced.rules import (
    affine_rule,
    both,
    compare,
    contract,
    curve,
    either,
    extremum,
    logical_not,
    matmul,
    pool,
    powers,
    running_sum,
    same,
    same_padding,
    select,
    sign,
    truth,
    windows,
)


MOVING = (
    "Reshape", "Transpose", "StridedSlice", "Slice", "ExpandDims", "Squeeze", "Tile", "GatherV2",
    "ReverseV2", "Roll", "BroadcastTo", "SpaceToBatchND", "BatchToSpaceND", "GatherNd", "MirrorPad",
    "MatrixDiagPartV3", "MatrixBandPart", "Unpack", "SplitV", "SpaceToDepth", "DepthToSpace", "Pad",
    "ResizeNearestNeighbor",
)  # fmt: skip
"""Operations that move entries of their first operand; some of them also insert zeros."""

RULES: dict[str, Callable[[TracedCall], Any]] = {
    **{name: lambda c: c.move_entries([0]) for name in MOVING},
    "Split": lambda c: c.move_entries([1]),
    "ConcatV2": lambda c: c.move_entries(range(len(c.inputs) - 1)),
    "Pack": lambda c: c.move_entries(range(len(c.inputs))),
    "Identity": same, "StopGradient": same, "PreventGradient": same, "CheckNumerics": same,
    "EnsureShape": same, "Snapshot": same,
    "IdentityN": lambda c: list(c.inputs),
    **{n: curve(f) for n, f in {
        "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Exp": "exp", "Log": "log",
        "Sqrt": "sqrt", "Rsqrt": "rsqrt", "Square": "square", "Abs": "abs", "Sin": "sin",
        "Cos": "cos", "Sinh": "sinh", "Cosh": "cosh", "Atan": "atan", "Erf": "erf",
        "Erfc": "erfc", "Expm1": "expm1", "Log1p": "log1p", "Reciprocal": "reciprocal",
        "Inv": "reciprocal", "Selu": "selu", "Elu": "elu", "Softplus": "softplus",
        "Softsign": "softsign",
    }.items()},
    "Relu6": curve("clip", least=0.0, most=6.0),
    "LeakyRelu": lambda c: c.b.curve(
        "leaky_relu", c.x, negative_slope=float(np.float32(c.attr("alpha")))
    ),
    "Neg": affine_rule(-1.0),
    **{n: lambda c: c.b.add(*c.inputs) for n in ("AddV2", "Add")},
    "Sub": lambda c: c.b.subtract(*c.inputs),
    "Mul": lambda c: c.b.multiply(*c.inputs),
    **{n: lambda c: c.b.divide(*c.inputs) for n in ("RealDiv", "Div")},
    "AddN": lambda c: c.b.combine([1.0] * len(c.inputs), c.inputs),
    "SquaredDifference": lambda c: c.b.curve("square", c.b.subtract(*c.inputs)),
    "Maximum": lambda c: extremum(c, c.inputs[0], c.inputs[1], False),
    "Minimum": lambda c: extremum(c, c.inputs[0], c.inputs[1], True),
    "ClipByValue": lambda c: extremum(
        c, extremum(c, c.inputs[0], c.inputs[1], False), c.inputs[2], True
    ),
    "Pow": powers,
    **{n: compare(h) for n, h in {
        "Greater": "greater", "GreaterEqual": "greater_equal", "Less": "less",
        "LessEqual": "less_equal", "Equal": "equal", "NotEqual": "not_equal",
    }.items()},
    "LogicalAnd": both, "LogicalOr": either, "LogicalNot": logical_not, "Sign": sign,
    **{n: lambda c: select(c, *c.inputs) for n in ("SelectV2", "Select")},
    "Softmax": lambda c: softmax(c.b, c.x, -1),
    "LogSoftmax": lambda c: log_softmax(c.b, c.x, -1),
    "MatMul": lambda c: matmul(
        c.b, c.inputs[0], c.inputs[1], bool(c.attr("transpose_a")), bool(c.attr("transpose_b"))
    ),
    **{n: lambda c: matmul(
        c.b, c.inputs[0], c.inputs[1], bool(c.attr("adj_x")), bool(c.attr("adj_y"))
    ) for n in ("BatchMatMul", "BatchMatMulV2")},
    "Cumsum": lambda c: running_sum(
        c, c.x, int(c.constant(1, "axes")), bool(c.attr("reverse")), bool(c.attr("exclusive"))
    ),
    "Shape": lambda c: np.array(c.x.shape, c.attr("out_type") or "int32"),
    "Size": lambda c: np.array(c.x.size, c.attr("out_type") or "int32"),
    "Rank": lambda c: np.array(len(c.x.shape), np.int32),
    "ZerosLike": lambda c: np.zeros(c.x.shape), "OnesLike": lambda c: np.ones(c.x.shape),
}  # fmt: skip
"""Map from the name of an operation to its rule; the functions below add more rules."""


rule = rule_decorator(RULES)


@rule("Sum", "Mean", "Max", "Min")
def _reduce(c: TracedCall) -> Operand:
    axes = np.atleast_1d(c.constant(1, "axes")).tolist()
    return c.b.reduce(c.kind.lower(), c.x, axes, bool(c.attr("keep_dims")))


@rule("Cast")
def _cast(c: TracedCall) -> Operand:
    if (whole := cast_to_integer(c.b, c.x, str(c.attr("DstT")))) is not None:
        return whole
    if c.attr("DstT") not in ("float32", "float64", "bool"):
        raise UnsupportedError(
            f"a cast of an input-dependent value to {c.attr('DstT')} is not supported"
        )
    return truth(c) if c.attr("DstT") == "bool" and c.attr("SrcT") != "bool" else c.x


@rule("BiasAdd")
def _bias(c: TracedCall) -> Operand:
    if c.attr("data_format") != b"NCHW":
        return c.b.add(*c.inputs)
    bias = c.b.reshape(c.inputs[1], (-1, *(1,) * (len(c.x.shape) - 2)))
    return c.b.add(c.x, bias)


@rule("PadV2")
def _pad(c: TracedCall) -> Operand:
    fill = float(c.constant(2, "values"))
    pads = [tuple(p) for p in c.constant(1, "paddings").tolist()]

    def run(a: list[np.ndarray]) -> np.ndarray:
        marks = np.pad(a[0], pads)
        return np.where(marks == 0, a[1], marks)

    return c.b.structural(run, [c.x, np.full((), fill)], name="pad")


@rule("Einsum")
def _einsum(c: TracedCall) -> Operand:
    left, out = c.attr("equation").decode().replace(" ", "").split("->")
    terms = left.split(",")
    if len(terms) > 2 or "." in left:
        raise UnsupportedError(
            f"the einsum {left}->{out}, which has more than two tensors or an ellipsis, is not "
            "supported"
        )
    if len(terms) == 1:
        return contract(c.b, list(terms[0]), [], list(out), c.x, np.ones(()))
    return contract(c.b, list(terms[0]), list(terms[1]), list(out), *c.inputs)


def _is_channels_first(c: TracedCall) -> bool:
    return (c.attr("data_format") or b"NHWC").decode().startswith("NC")


def _spatial(c: TracedCall, name: str) -> list[int]:
    """Return the entries of a per-axis attribute for the spatial axes only."""
    values = c.attr(name) or [1] * len(c.x.shape)
    return [int(n) for n in (values[2:] if _is_channels_first(c) else values[1:-1])]


def _padding(
    c: TracedCall, size: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    how, shape = c.attr("padding").decode(), c.x.shape
    spatial = shape[2:] if _is_channels_first(c) else shape[1:-1]
    if how == "SAME":
        return same_padding(spatial, size, strides, dilation)
    if how == "VALID":
        return [(0, 0)] * len(size)
    pads = np.reshape(c.attr("explicit_paddings"), (-1, 2)).tolist()
    return [tuple(p) for p in (pads[2:] if _is_channels_first(c) else pads[1:-1])]


@rule("Conv2D", "Conv3D", "DepthwiseConv2dNative")
def _convolve(c: TracedCall) -> Operand:
    kernel = c.constant(1, "kernels")
    strides, dilation = _spatial(c, "strides"), _spatial(c, "dilations")
    padding = _padding(c, kernel.shape[:-2], strides, dilation)
    channels = c.x.shape[1 if _is_channels_first(c) else -1]
    if c.kind.startswith("Depthwise"):
        kernel = kernel.reshape(*kernel.shape[:-2], 1, -1)
    groups = channels // kernel.shape[-2]
    return convolve(
        c.b,
        c.x,
        kernel,
        strides=strides,
        dilation=dilation,
        padding=padding,
        groups=groups,
        channels_first=_is_channels_first(c),
    )


@rule("MaxPool", "MaxPool3D", "AvgPool", "AvgPool3D")
def _pool(c: TracedCall) -> Operand:
    size, strides = _spatial(c, "ksize"), _spatial(c, "strides")
    ones = [1] * len(size)
    padding = _padding(c, size, strides, ones)

    def every_axis(spatial: Sequence[Any], rest: Any) -> list[Any]:
        return [rest, rest, *spatial] if _is_channels_first(c) else [rest, *spatial, rest]

    gather, shape = windows(
        c.x.shape,
        every_axis(size, 1),
        every_axis(strides, 1),
        every_axis(ones, 1),
        every_axis(padding, (0, 0)),
    )
    return pool(c, "max" if c.kind.startswith("Max") else "mean", c.x, gather, shape)


@rule("FusedBatchNormV3", "FusedBatchNorm", "FusedBatchNormV2")
def _batch_norm(c: TracedCall) -> list[Operand]:
    if c.attr("is_training"):
        raise UnsupportedError(
            "batch normalization with the statistics of the current batch is not supported"
        )
    scale, offset, mean, variance = (c.constant(i, "statistics").astype(float) for i in range(1, 5))
    factor = scale / np.sqrt(variance + float(np.float32(c.attr("epsilon"))))
    shape = [1] * len(c.x.shape)
    shape[1 if _is_channels_first(c) else -1] = -1
    centered = c.b.affine_map(c.x, 1.0, -mean.reshape(shape))
    return [c.b.affine_map(centered, factor.reshape(shape), offset.reshape(shape), ulps=4)]


COUNTING = (
    *MOVING, "Split", "ConcatV2", "Pack", "Identity", "StopGradient", "PreventGradient",
    "EnsureShape", "Snapshot", "IdentityN", "Relu", "Square", "Abs", "Neg", "AddV2", "Add", "Sub",
    "Mul", "AddN", "SquaredDifference", "Maximum", "Minimum", "ClipByValue", "Greater",
    "GreaterEqual", "Less", "LessEqual", "Equal", "NotEqual", "Sign", "SelectV2", "Select",
    "MatMul", "BatchMatMul", "BatchMatMulV2", "Cumsum", "Shape", "Size", "Rank", "ZerosLike",
    "OnesLike", "Sum", "Max", "Min", "Cast", "BiasAdd", "PadV2", "Einsum", "MaxPool",
)  # fmt: skip
"""Operations whose rule is also valid for integers (not `Mean` and `Div`, which truncate)."""

TABLE = with_constant_folding(RULES, COUNTING)
"""`RULES` with constant folding: TensorFlow itself evaluates operations on constants."""
