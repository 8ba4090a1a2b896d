"""Which operations a graph writes as a float32 runtime computes them.

The float32 analysis bounds the roundings of the graph's ops. That says something of the model only
where the graph, as it is written, rounds at least wherever the model does. Of the operations below
it does, in every runtime that is known to do no more than to reorder sums, fuse products, and
multiply weights together; others (a softmax, which runtimes compute by another formula than the
graph) are refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from ...core import UnsupportedError
from ...graph import Graph
from ...ops import Rearrange
from ..common.network import NetworkLike


class DeployedNetwork(NetworkLike, Protocol):
    """A network of which it is known what framework it is of."""

    @property
    def origin(self) -> str: ...
    @property
    def plain(self) -> Graph | None: ...
    @property
    def places(self) -> Mapping[int, int]: ...


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
    "MatMul Gemm Einsum Add Sub Mul Div Neg Sum Mean Max Min Conv ConvTranspose BatchNormalization "
    "MaxPool AveragePool GlobalAveragePool GlobalMaxPool ReduceSum ReduceMean ReduceMax ReduceMin "
    "Greater GreaterOrEqual Less LessOrEqual Equal And Or Xor Not Where Sign Floor Ceil Round "
    "ArgMax ArgMin OneHot TopK Relu Abs LeakyRelu PRelu Elu Selu Celu ThresholdedRelu Shrink "
    "HardSigmoid Clip Sigmoid Tanh Softplus Softsign Mish HardSwish Erf Exp Log Sqrt Reciprocal "
    "Sin Cos Sinh Cosh Atan Gelu Swish"
).split())  # fmt: skip

ORIGINS: Mapping[str, frozenset[str]] = MappingProxyType({"keras": KERAS, "onnx": ONNX})


def check_described(network: DeployedNetwork) -> None:
    """Refuse a network whose float32 roundings are not those of its graph.

    Args:
        network: What a front-end returned; a graph without a model is taken as it is written.

    Raises:
        UnsupportedError: It is of a framework whose formulas are not known, or holds an operation
            that is not described.
    """
    if network.origin == "graph":
        return
    known = ORIGINS.get(network.origin)
    if known is None:
        raise UnsupportedError(
            "arithmetic='float32' is described for models of Keras and for ONNX files; export the "
            f"model as ONNX. Received: a model of {network.origin}."
        )
    for node in network.written.nodes:
        # Nodes of a file that are read as one: "MatMul+Add".
        parts = node.operation.split("+")
        if not known.issuperset(parts) and not isinstance(node.op, Rearrange):
            raise UnsupportedError(
                f"arithmetic='float32' has no description of how runtimes compute "
                f"`{node.operation or node.op.name}`, in layer `{node.source}`. Ask in real "
                "arithmetic (arithmetic='real'), or of a model that ends before it."
            )
