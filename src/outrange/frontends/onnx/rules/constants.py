"""Lowering rules for casts, and for operators with constant results, such as shapes."""

import math

import numpy as np

from ....graph import Operand, Value, integers
from ....graph.composites import logic
from ....graph.integer_inference import RANGES
from ..element_types import EVERY, FLOATS, INTEGER_RANGES, INTEGERS, NUMBERS, why_not
from .table import OnnxCall, op


_ONNX_TYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16",
}  # fmt: skip
"""Map from ONNX's code of an element type (`TensorProto.DataType`) to its name."""

_TYPES_BY_NAME = {"FLOAT": 1, "DOUBLE": 11, "INT64": 7, "INT32": 6, "BOOL": 9}
"""Map from the spelling of an element type in the first operator sets to ONNX's code."""


@op("Constant", types="-> ?")
def constant(c: OnnxCall) -> Operand:
    names = [name for name in c.node.attributes if name != "name"]
    if len(names) != 1 or not names[0].startswith("value"):
        raise c.refuse(
            f"a constant must have exactly one attribute, its value, but has the attributes {names}"
        )
    value = c.attr(names[0])
    if names[0] in ("value_float", "value_floats"):
        return np.asarray(value, np.float32)
    return np.asarray(value)


@op("ConstantOfShape", types="int64 -> ?")
def constant_of_shape(c: OnnxCall) -> Operand:
    shape = c.limit(c.ints(0, "shape") or [])
    value = c.attr("value")
    value = np.zeros((), np.float32) if value is None else np.asarray(value).reshape(())
    return np.full(shape, value, value.dtype)


@op("Shape", types="T -> int64", T=EVERY)
def shape(c: OnnxCall) -> Operand:
    start, end = c.attr("start", 0), c.attr("end")
    return np.array(tuple(c.x.shape)[start:end], np.int64)


@op("Size", types="T -> int64", T=EVERY)
def size(c: OnnxCall) -> Operand:
    return np.array(math.prod(c.x.shape), np.int64)


@op("Cast", types="T -> ?", T=EVERY)
def cast(c: OnnxCall) -> Operand:
    c.attr("saturate")
    c.attr("round_mode")
    to = c.attr("to")
    to = _TYPES_BY_NAME.get(to, to)
    if to not in _ONNX_TYPES:
        raise c.refuse(f"the attribute `to` = {to} is not a supported element type")
    return _cast(c, _ONNX_TYPES[to])


@op("CastLike", types="T U -> ?", T=EVERY, U=EVERY)
def cast_like(c: OnnxCall) -> Operand:
    c.operand(1)
    c.attr("saturate")
    c.attr("round_mode")
    return _cast(c, str(c.kinds[1]))


def _cast(c: OnnxCall, kind: str) -> Operand:
    """Cast input 0 to another element type.

    In real arithmetic, a cast to a float type changes nothing. A cast from a float type to an
    integer type truncates.
    """
    c.result_kind, x, before = kind, c.x, str(c.kinds[0])
    if not isinstance(x, Value):
        return _constant(c, x, kind)
    if kind not in EVERY:
        raise c.refuse_kind(kind, why_not(kind))
    if kind in FLOATS or before == "bool" or kind == before:
        return x
    if kind == "bool":
        return integers.truth(c.b, x) if before in INTEGERS else logic.truth(c.b, x)
    if before in INTEGERS:
        return x
    c.b.operation = f"Cast to {kind}"  # which float32 supports only within limits
    return logic.truncate(c.b, x)


def _constant(c: OnnxCall, x: np.ndarray, kind: str) -> np.ndarray:
    if kind in INTEGER_RANGES and x.dtype.kind == "f":
        whole = np.trunc(x.astype(np.float64))
        if not ((whole >= RANGES[kind][0]) & (whole <= RANGES[kind][1])).all():
            raise c.refuse_kind(
                kind, "a constant must lie within the range of the type to which it is cast"
            )
    try:
        return x.astype(kind)
    except TypeError as error:  # bfloat16 is not a type of NumPy itself
        raise c.refuse_kind(kind, why_not(kind)) from error


@op("Range", types="T T T -> T", T=NUMBERS)
def arange(c: OnnxCall) -> Operand:
    start, stop, step = (c.constant(i, "limits").item() for i in range(3))
    c.limit([max(math.ceil((stop - start) / step), 0)])
    return np.arange(start, stop, step)
