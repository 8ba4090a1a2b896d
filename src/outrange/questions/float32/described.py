"""Operations that a graph represents with all float32 roundings of the model's runtime.

The float32 analysis bounds the roundings of the graph's ops. It applies to the model only if the
graph rounds at least wherever the model does. For the operations below, this is true of every
runtime that only reorders sums, fuses products, and multiplies weights together. Other operations
are refused with an error that names them: for a softmax, for example, runtimes use different
formulas.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ...core import UnsupportedError
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

ORIGINS: Mapping[str, frozenset[str]] = MappingProxyType({"keras": KERAS, "onnx": ONNX})


def check_described(network: NetworkLike) -> None:
    """Reject a network whose float32 roundings its graph does not describe.

    Args:
        network: A network from a front end; a graph without a model is accepted.

    Raises:
        UnsupportedError: The network comes from a framework whose formulas are not known, or
            contains an unsupported operation.
    """
    origin = getattr(network, "origin", "")
    if origin == "graph":
        return
    supported = ORIGINS.get(origin)
    if supported is None:
        raise UnsupportedError(
            "arithmetic='float32' supports models of Keras and ONNX files; export the "
            f"model as ONNX. Received: a model of {origin or 'several parts'}."
        )
    for node in network.written.nodes:
        # A node may represent several nodes of a file, such as "MatMul+Add".
        parts = node.operation.split("+")
        if not supported.issuperset(parts) and not isinstance(node.op, Rearrange):
            raise UnsupportedError(
                f"arithmetic='float32' does not support `{node.operation or node.op.name}`, in "
                f"layer `{node.source}`, because runtimes differ in its formula. Use real "
                "arithmetic (arithmetic='real'), or a model that ends before it."
            )
