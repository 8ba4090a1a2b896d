"""Operators whose result does not depend on the network's input: shapes, casts."""

import math

import numpy as np

from ....graph import Value
from ....graph.composites import logic
from ....graph.whole import is_whole
from .table import OnnxCall, op


_ONNX_TYPES = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64,
    9: np.bool_, 10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64,
}  # fmt: skip
"""The numbers that ONNX gives element types (`TensorProto.DataType`)."""

_EXACT = {1: "float32", 11: "float64"}
"""Casts of a tensor that depends on the input, which real arithmetic reads as identities."""

_WHOLE = {6: "int32", 7: "int64"}
_BOOL = 9


@op("Constant")
def constant(c: OnnxCall):
    given = [name for name in c.node.attributes if name != "name"]
    if len(given) != 1 or not given[0].startswith("value"):
        raise c.refuse(f"its attributes {given} must be one value")
    value = c.attr(given[0])
    if given[0] in ("value_float", "value_floats"):
        return np.asarray(value, np.float32)
    return np.asarray(value)


@op("ConstantOfShape")
def constant_of_shape(c: OnnxCall):
    shape = c.limit(c.ints(0, "shape") or [])
    value = c.attr("value")
    value = np.zeros((), np.float32) if value is None else np.asarray(value).reshape(())
    return np.full(shape, value, value.dtype)


@op("Shape")
def shape(c: OnnxCall):
    start, end = c.attr("start", 0), c.attr("end")
    return np.array(tuple(c.x.shape)[start:end], np.int64)


@op("Size")
def size(c: OnnxCall):
    return np.array(math.prod(c.x.shape), np.int64)


@op("Cast")
def cast(c: OnnxCall):
    c.attr("saturate")
    c.attr("round_mode")
    to = c.attr("to")
    if isinstance(to, str):  # the first operator sets spelled the type
        to = {"FLOAT": 1, "DOUBLE": 11, "INT64": 7, "INT32": 6, "BOOL": 9}.get(to, to)
    if isinstance(c.x, Value):
        if to == _BOOL:
            return logic.truth(c.b, c.x)
        if to in _WHOLE:
            return c.x if is_whole(c.b, c.x) else logic.truncate(c.b, c.x)
        if to not in _EXACT:
            raise c.refuse(f"its attribute `to` = {to} rounds a tensor that depends on the input")
        return c.x
    if to not in _ONNX_TYPES:
        raise c.refuse(f"its attribute `to` = {to} is not understood")
    return np.asarray(c.x).astype(_ONNX_TYPES[to])


@op("CastLike")
def cast_like(c: OnnxCall):
    like = c.operand(1)
    c.attr("saturate")
    if isinstance(c.x, Value):
        if not isinstance(like, Value) and like.dtype not in (np.float32, np.float64):
            raise c.refuse(f"it casts a tensor that depends on the input to {like.dtype}")
        return c.x
    return c.x if isinstance(like, Value) else np.asarray(c.x).astype(like.dtype)


@op("Range")
def arange(c: OnnxCall):
    start, stop, step = (c.constant(i, "limits").item() for i in range(3))
    c.limit([max(math.ceil((stop - start) / step), 0)])
    return np.arange(start, stop, step)
