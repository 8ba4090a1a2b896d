"""Lowering rules for quantizers, and for products of quantized tensors.

A quantizer is `clip(round(x / scale) + zero)`. Its rounding has the slack of the kernels
(`quantized.state`). Real arithmetic describes everything between two quantizers.
"""

import numpy as np

from ....graph import Value
from ....graph.builder import Operand
from ....graph.integer_inference import RANGES
from ..quantized.rewrites import CLIP_GAP, Grid
from ..quantized.state import BYTES, product_loss
from .arithmetic import affine, product
from .convolution import convolve_constant
from .table import OnnxCall, op


STEPS = BYTES | {"int16", "uint16"}
FLOAT = frozenset({"float32"})


def _read_along(
    c: OnnxCall, i: int, what: str, x: Operand, axis: int, default: float
) -> np.ndarray:
    """Return a scale or zero point, broadcast against `x`: a scalar, or entries along `axis`."""
    stated = c.option(i, what)
    if stated is None:
        return np.array(default)
    values = np.asarray(stated, np.float64)
    if values.size == 1:
        return values.reshape(())
    rank = len(x.shape)
    if values.ndim != 1 or not -rank <= axis < rank or x.shape[axis] != values.size:
        raise c.refuse(
            f"the {what} of shape {values.shape} must be one number, or one number per entry "
            f"along axis {axis} of a tensor of shape {tuple(x.shape)}; blockwise quantization "
            "is not supported"
        )
    shape = [1] * rank
    shape[axis] = values.size
    return values.reshape(shape)


def _read_scale(c: OnnxCall, i: int, x: Operand, axis: int) -> np.ndarray:
    scale = _read_along(c, i, "scale", x, axis, 1.0)
    if not (np.isfinite(scale).all() and (scale >= 2.0**-126).all()):
        raise c.refuse(
            "every scale must be a finite number >= 2^-126 (a positive normal float32 number)"
        )
    return scale


def _quantize(c: OnnxCall, x: Operand, scale: np.ndarray, zero: np.ndarray, kind: str) -> Operand:
    """Return `clip(round(x / scale) + zero)` for the range of the integer type `kind`."""
    if kind not in STEPS:
        raise c.refuse_kind(kind, "only 8-bit and 16-bit quantized types are supported")
    least, most = RANGES[kind]
    if not isinstance(x, Value):
        steps = np.rint(np.asarray(x, np.float32) / scale.astype(np.float32)) + zero
        return np.clip(steps, least, most).astype(kind)
    steps = c.b.affine_map(x, 1.0 / scale, ulps=1)
    ends = float(least - zero.max()), float(most - zero.min())
    error = CLIP_GAP * (1.0 / scale.min() + most - least) if c.quantization.is_clipped(x) else 0.0
    steps = c.quantization.round(steps, *ends, c.where, error)
    return c.b.clip(c.b.affine_map(steps, 1.0, zero) if zero.any() else steps, least, most)


def _dequantize(c: OnnxCall, x: Operand, scale: np.ndarray, zero: np.ndarray) -> Operand:
    if isinstance(x, Value):
        return c.b.affine_map(x, scale, -scale * zero)
    return (np.asarray(x, np.float64) - zero) * scale


@op("QuantizeLinear", types="T U Z -> ?", T=FLOAT, U=FLOAT, Z=STEPS, chooses=True)
def quantize_linear(c: OnnxCall) -> Operand:
    axis = int(c.attr("axis", 1))
    c.attr("saturate")
    if c.attr("block_size", 0):
        raise c.refuse("the attribute `block_size` must be 0")
    if c.attr("precision", 0) not in (0, 1):
        raise c.refuse("the attribute `precision` must be float32")
    names = {0: None, 2: "uint8", 3: "int8", 4: "uint16", 5: "int16"}
    wanted = c.attr("output_dtype", 0)
    if wanted not in names:
        raise c.refuse(
            f"the attribute `output_dtype` = {wanted} must be an 8-bit or 16-bit integer type"
        )
    c.result_kind = str((c.kinds[2] if c.has(2) else None) or names[wanted] or "uint8")
    x = c.x
    scale, zero = _read_scale(c, 1, x, axis), _read_along(c, 2, "zero point", x, axis, 0.0)
    steps = _quantize(c, x, scale, zero, c.result_kind)
    return c.quantization.merge(steps, x, c.where, Grid(scale, zero, c.result_kind))


@op("DequantizeLinear", types="T U T -> U", T=STEPS | {"int32"}, U=FLOAT, chooses=True)
def dequantize_linear(c: OnnxCall) -> Operand:
    axis = int(c.attr("axis", 1))
    if c.attr("block_size", 0) or c.attr("output_dtype", 0) not in (0, 1):
        raise c.refuse("the attribute `block_size` must be 0, and the result must be float32")
    x = c.x
    scale, zero = _read_scale(c, 1, x, axis), _read_along(c, 2, "zero point", x, axis, 0.0)
    result, name = _dequantize(c, x, scale, zero), c.node.outputs[0]
    if not isinstance(x, Value):
        c.quantization.enter_weights(name, np.asarray(x), scale, c.kinds[0])
    else:
        c.quantization.enter_grid(x, result, Grid(scale, zero, str(c.kinds[0])))
        if c.kinds[0] in BYTES:
            c.quantization.enter_scale(name, scale, c.kinds[0])
    return result if isinstance(result, Value) else result.astype(np.float32)


def _read_real(c: OnnxCall, i: int, axis: int) -> Operand:
    """Return the real value of operand `i`; the next two operands are its scale and zero point."""
    x = c.operand(i)
    return _dequantize(
        c, x, _read_scale(c, i + 1, x, axis), _read_along(c, i + 2, "zero point", x, axis, 0.0)
    )


def _write_steps(c: OnnxCall, x: Operand, i: int, axis: int, kind: str) -> Operand:
    """Quantize a result; operand `i` is its scale, and the next operand is its zero point."""
    zero = _read_along(c, i + 1, "zero point", x, axis, 0.0)
    return _quantize(c, x, _read_scale(c, i, x, axis), zero, kind)


def _record_loss(c: OnnxCall, out: Operand, w: Operand, kind: str | None, unit: np.ndarray) -> None:
    """Record how far pair saturation may change `out`, a product with weights `w`; check its sums.

    Only pairs with int8 weights saturate. `unit` is the contribution to `out` of a product of
    integers that equals 1.
    """
    if kind == "int8":
        if isinstance(w, Value):
            c.quantization.check_factor(c.where)
        else:
            c.quantization.lose(out, product_loss(c.node, np.asarray(w, np.float64), unit))
    c.quantization.check_sums(out, unit.min(keepdims=True), c.where)


@op("QLinearMatMul", types="A S A B S B S Y -> Y", A=BYTES, B=BYTES, Y=BYTES, S=FLOAT, chooses=True)
def qlinear_matmul(c: OnnxCall) -> Operand:
    out = product(c, _read_real(c, 0, -2), _read_real(c, 3, -1))
    scale, factor = _read_scale(c, 1, c.x, -2), _read_scale(c, 4, c.operand(3), -1)
    _record_loss(c, out, c.operand(3), c.kinds[3], factor * scale.max())
    return _write_steps(c, out, 6, -1, str(c.kinds[7]))


@op(
    "QLinearConv", types="A S A B S B S Y I -> Y", A=BYTES, B=BYTES, Y=BYTES, S=FLOAT,
    I=frozenset({"int32"}), chooses=True,
)  # fmt: skip
def qlinear_conv(c: OnnxCall) -> Operand:
    w = c.constant(3, "kernel")
    scale, factor = _read_scale(c, 1, c.x, 1), _read_scale(c, 4, w, 0)
    bias = c.option(8, "bias")
    if bias is not None:
        bias = np.asarray(bias, np.float64) * np.broadcast_to(np.ravel(factor), bias.shape) * scale
    out = convolve_constant(c, _read_real(c, 0, 1), np.asarray(_read_real(c, 3, 0)), bias)
    _record_loss(c, out, w, c.kinds[3], factor * scale.max())
    return _write_steps(c, out, 6, 1, str(c.kinds[7]))


@op("MatMulInteger", types="A B A B -> int32", A=BYTES, B=BYTES)
def matmul_integer(c: OnnxCall) -> Operand:
    a, b = c.x, c.operand(1)
    zero, shift = (
        _read_along(c, 2, "zero point", a, -2, 0.0),
        _read_along(c, 3, "zero point", b, -1, 0.0),
    )
    unit = np.array(1.0)
    out = product(c, _dequantize(c, a, unit, zero), _dequantize(c, b, unit, shift))
    _record_loss(c, out, b, c.kinds[1], unit)
    return out


@op("ConvInteger", types="A B A B -> int32", A=BYTES, B=BYTES)
def conv_integer(c: OnnxCall) -> Operand:
    x, w, unit = c.x, c.constant(1, "kernel"), np.array(1.0)
    zero, shift = (
        _read_along(c, 2, "zero point", x, 1, 0.0),
        _read_along(c, 3, "zero point", w, 0, 0.0),
    )
    kernel = np.asarray(_dequantize(c, w, unit, shift))
    out = convolve_constant(c, _dequantize(c, x, unit, zero), kernel, None)
    _record_loss(c, out, w, c.kinds[1], unit)
    return out


@op(
    "com.microsoft.QGemm", types="A S A B S B I S Y -> ?", A=BYTES, B=BYTES, S=FLOAT, Y=BYTES,
    I=frozenset({"int32"}), chooses=True,
)  # fmt: skip
def qgemm(c: OnnxCall) -> Operand:
    alpha = float(c.attr("alpha", 1.0))
    turned = [bool(c.attr(name, 0)) for name in ("transA", "transB")]
    w = c.constant(3, "weights")
    scale, factor = _read_scale(c, 1, c.x, 0), _read_scale(c, 4, w, 0 if turned[1] else 1)
    if scale.size > 1 or len(c.x.shape) != 2 or w.ndim != 2:
        raise c.refuse("the inputs A and B must be matrices, and A must have a single scale")
    x, y = _read_real(c, 0, 0), np.asarray(_read_real(c, 3, 0 if turned[1] else 1)) * alpha
    x, y = c.b.transpose(x) if turned[0] else x, y.T if turned[1] else y
    bias = c.option(6, "bias")
    if bias is None:
        out = product(c, x, y)
    else:
        bias = np.asarray(bias, np.float64) * np.ravel(factor) * scale * alpha
        out = affine(c, x, y, bias)
    _record_loss(c, out, w, c.kinds[3], factor * scale)
    if not c.has(7):
        c.result_kind = "float32"
        return out
    c.result_kind = str(c.kinds[8])
    return _write_steps(c, out, 7, 1, c.result_kind)


@op(
    "com.microsoft.QLinearAdd", "com.microsoft.QLinearMul", types="A S A A S A S A -> A", A=BYTES,
    S=FLOAT, chooses=True,
)  # fmt: skip
def qlinear_pair(c: OnnxCall) -> Operand:
    x, y = _read_real(c, 0, 1), _read_real(c, 3, 1)
    c.broadcast_shape(x, y)
    out = c.b.add(x, y) if c.node.op == "QLinearAdd" else c.b.multiply(x, y)
    return _write_steps(c, out, 6, 1, str(c.kinds[0]))


@op(
    "com.microsoft.QLinearGlobalAveragePool", types="A S A S A -> A", A=BYTES, S=FLOAT, chooses=True
)
def qlinear_global_average_pool(c: OnnxCall) -> Operand:
    if c.attr("channels_last", 0):
        raise c.refuse("the attribute `channels_last` must be 0")
    mean = c.b.reduce("mean", _read_real(c, 0, 1), range(2, len(c.x.shape)), True)
    return _write_steps(c, mean, 3, 1, str(c.kinds[0]))
