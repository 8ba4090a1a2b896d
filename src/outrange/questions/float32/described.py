"""Operations that a graph represents with all float32 roundings of the model's runtime.

The float32 analysis bounds the roundings of the graph's ops. It applies to the model only if the
graph rounds at least wherever the model does. For the operations below, this is true of every
runtime that only reorders sums, fuses multiplications with additions, and multiplies weights
together. Other operations are refused with an error that names them: for a softmax, for example,
runtimes use different formulas.

The graph has no node for a cast of an integer to float32, although this cast may round. For a sum
of integers, the analysis includes a rounding of the sum, which is at least as large. Other integers
above 2^24 in magnitude are refused, and smaller ones are cast exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from ...core import Region, UnsupportedError
from ...domains.float32 import Float32Plan, bound_deviations, replace_pointwise
from ...ops import Rearrange
from ..common.network import NetworkLike


KERAS = frozenset((
    "Matmul Dot Einsum Tensordot Add Subtract Multiply Divide TrueDivide Negative Maximum Fmax "
    "Minimum Fmin Clip Conv DepthwiseConv SeparableConv ConvTranspose BatchNorm Rescaling "
    "Normalization PReLU Discretization MaxPool AveragePool AdaptiveAveragePool AdaptiveMaxPool "
    "Sum Mean Max Min Amax Amin Average Cumsum Greater GreaterEqual Less LessEqual Equal NotEqual "
    "LogicalAnd LogicalOr LogicalXor LogicalNot Where Select Heaviside Sign Signbit Floor Ceil "
    "Trunc Round Argmax Argmin OneHot Sort TopK Digitize Any All "
    "Relu Sigmoid Tanh Softplus Softsign SoftSign Selu Silu LogSigmoid HardSigmoid HardSilu "
    "TanhShrink SparsePlus SparseSigmoid Mish Exp Expm1 Log Log1p Sqrt Rsqrt Square Absolute Fabs "
    "Sin Cos Sinh Cosh Arctan Erf Reciprocal LeakyRelu Elu Celu HardShrink SoftShrink Threshold "
    "Squareplus Relu6 HardTanh Gelu ReLU"
).split())  # fmt: skip

ONNX = frozenset((
    "Cast CastLike Pow MatMul Gemm Einsum Add Sub Mul Div Neg Sum Mean Max Min Conv "
    "ConvTranspose BatchNormalization MaxPool AveragePool GlobalAveragePool GlobalMaxPool "
    "ReduceSum ReduceMean ReduceMax ReduceMin Greater GreaterOrEqual Less LessOrEqual Equal And "
    "Or Xor Not Where Sign Floor Ceil Round ArgMax ArgMin OneHot TopK Relu Abs LeakyRelu PRelu "
    "Elu Selu Celu ThresholdedRelu Shrink HardSigmoid Clip Sigmoid Tanh Softplus Softsign Mish "
    "HardSwish Erf Exp Log Sqrt Reciprocal Sin Cos Sinh Cosh Atan Gelu Swish"
).split())  # fmt: skip

CASTS = frozenset({"Cast to int32", "Cast to int64", "OneHot"})
"""Names of the ONNX operations that may truncate floats to integers; see `check_casts`."""

EXACT_INTEGERS = 2.0**24
"""Magnitude that the argument of a cast must not reach.

Every smaller integer is a float32 number.
"""

ORIGINS: Mapping[str, frozenset[str]] = MappingProxyType({"keras": KERAS, "onnx": ONNX | CASTS})


def check_described(network: NetworkLike) -> None:
    """Reject a network whose float32 roundings its graph does not describe.

    Args:
        network: A network from a front end; a graph without a model is accepted.

    Raises:
        UnsupportedError: The network comes from a framework whose formulas are not known, contains
            an unsupported operation, or changes element types in a way that is not described.
    """
    origin = getattr(network, "origin", "")
    if origin == "graph":
        return
    supported = ORIGINS.get(origin)
    if supported is None:
        raise UnsupportedError(
            "arithmetic='float32' supports Keras models and ONNX files; export the "
            f"model as ONNX. Received: a model of {origin or 'several parts'}."
        )
    undescribed = getattr(network, "undescribed", "")
    if undescribed:
        raise UnsupportedError(
            "arithmetic='float32' needs a model with a single floating-point type. Integers "
            "may be at most 2^24, and only in casts to int32 and int64, selections, "
            "comparisons and up to eight int64 sums, because rounding may carry other integers "
            f"beyond the range of their type. Received: {undescribed}."
        )
    for node in network.written.nodes:
        # A node may represent several nodes of a file, such as "MatMul+Add".
        parts = node.operation.split("+")
        if not supported.issuperset(parts) and not isinstance(node.op, Rearrange):
            raise UnsupportedError(
                "arithmetic='float32' must be used without layers that runtimes compute by "
                "different formulas. Pass arithmetic='real', or a model that ends before this "
                f"layer. Received: `{node.operation or node.op.name}` in layer `{node.source}`."
            )


def check_casts(network: NetworkLike, regions: Sequence[Region]) -> None:
    """Reject a network if rounding may carry the argument of a cast to integers out of range.

    Beyond the range of its type, the result of a cast is arbitrary. Bounds in real arithmetic
    exclude this only if nothing is rounded.

    Args:
        network: A network that passed `check_described`.
        regions: The input set, as a union of regions.

    Raises:
        UnsupportedError: The float32 argument of a cast may reach `EXACT_INTEGERS`.
    """
    graph = network.written
    is_cast = [node.operation in CASTS for node in graph.nodes]
    if not any(is_cast) or not regions:
        return
    boxes = np.stack([r.box.lo for r in regions]), np.stack([r.box.hi for r in regions])
    nodes = tuple(map(replace_pointwise, graph.nodes))
    arguments = {
        j for node, cast in zip(graph.nodes, is_cast, strict=True) if cast for j in node.inputs
    }
    for j in sorted(arguments):
        if j and is_cast[j - 1]:
            continue  # a node inside a truncation
        cut = replace(graph, nodes=nodes[:j], output=j, layers={}, rankings={}, outputs=())
        argument = bound_deviations(Float32Plan(cut), *boxes)
        size = np.maximum(-argument.lo, argument.hi) + argument.off
        if not (size < EXACT_INTEGERS).all():
            reader = next(n for n in graph.nodes if n.operation in CASTS and j in n.inputs)
            raise UnsupportedError(
                "The argument of a cast to integers must stay below 2^24 in float32, including "
                f"rounding, but the argument in layer `{reader.source}` may reach 2^24. Choose a "
                f"smaller input set, or use arithmetic='real'. Received: a bound of {size.max():g}."
            )
