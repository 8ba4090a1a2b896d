"""Rules for casts, fills, and operations that only move entries.

Most operations that move entries are lowered by running them on an array of entry positions.
"""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ....core import UnsupportedError
from ....graph import Operand
from ....graph.composites import logic
from ...rule_table import rule_decorator
from ..lower.call import KerasCall, array, is_value
from ..refuse import LOW_PRECISION


RULES: dict[str, Callable] = {}
rule = rule_decorator(RULES)

ONE = (
    "Reshape", "Transpose", "ExpandDims", "Squeeze", "GetItem", "Split", "Flip", "Fliplr", "Flipud",
    "Roll", "Tile", "Repeat", "Swapaxes", "Moveaxis", "BroadcastTo", "Ravel", "Unstack", "Slice",
    "ArraySplit", "Hsplit", "Vsplit", "Dsplit", "Diagonal", "Diag", "Diagflat", "Tril", "Triu",
    "Rot90", "Rearrange", "DepthToSpace", "SpaceToDepth", "CropImages", "View",
)  # fmt: skip
"""Operations that move the entries of their first argument."""

MANY = ("Concatenate", "Stack", "Hstack", "Vstack", "Dstack", "Append")
"""Operations that move the entries of all their array arguments."""


def _item(c: KerasCall, marked: list[np.ndarray]) -> np.ndarray | None:
    key = c.args[1] if len(c.args) == 2 else None
    parts = key if isinstance(key, tuple) else (key,)
    plain = all(p is None or p is Ellipsis or isinstance(p, int | slice) for p in parts)
    return marked[0][key] if key is not None and plain else None


IN_NUMPY: dict[str, Callable[[KerasCall, list[np.ndarray]], Any]] = {
    "GetItem": _item,
    "Split": lambda c, x: np.split(x[0], c.op.indices_or_sections, c.op.axis),
    "Stack": lambda c, x: np.stack(x, c.op.axis) if len(x) == len(c.args[0]) else None,
    "Concatenate": lambda c, x: np.concatenate(x, c.op.axis) if len(x) == len(c.args[0]) else None,
    "ExpandDims": lambda c, x: np.expand_dims(x[0], c.op.axis),
    "Squeeze": lambda c, x: np.squeeze(x[0], c.op.axis),
    "Reshape": lambda c, x: np.reshape(x[0], c.op.newshape),
    "Transpose": lambda c, x: np.transpose(x[0], c.op.axes),
}
"""Functions that run some operations in NumPy, which performs them identically. Unlike JAX, NumPy
compiles nothing for a new shape.

A function returns None if it is not certain that the results are identical.
"""


@rule(*ONE)
def _one(c: KerasCall) -> Operand:
    others = c.keras.tree.flatten((c.args[1:], c.kwargs))
    if any(is_value(x) for x in others):
        raise UnsupportedError(
            f"{type(c.op).__name__} at positions that depend on the input is not supported yet"
        )
    return _move_entries(c, [c.args[0]])


@rule("Take")
def _take(c: KerasCall) -> Operand:
    index, axis = c.get(1, "indices"), c.config.get("axis")
    if not is_value(index):
        return _one(c)
    table = array(c.x)
    if axis is None:
        table, axis = table.ravel(), 0
    rows = logic.lookup(c.builder, np.moveaxis(table, axis, 0), index)
    rank, before = len(index.shape), int(axis) % table.ndim
    places = [*range(rank, rank + before), *range(rank), *range(rank + before, len(rows.shape))]
    return c.builder.transpose(rows, places)


@rule(*MANY)
def _many(c: KerasCall) -> Operand:
    return _move_entries(
        c, [x for x in c.keras.tree.flatten((c.args, c.kwargs)) if hasattr(x, "shape")]
    )


def _move_entries(c: KerasCall, operands: list) -> Operand:
    """Lower an operation that only moves entries, by running it on their positions."""
    tree, ops = c.keras.tree, c.keras.ops

    def run(marked: list[np.ndarray]) -> np.ndarray | list[np.ndarray]:
        in_numpy = IN_NUMPY.get(type(c.op).__name__)
        if in_numpy is not None:
            with contextlib.suppress(IndexError, ValueError, TypeError):
                result_in_numpy = in_numpy(c, marked)
                if result_in_numpy is not None:
                    return result_in_numpy
        marks = iter(marked)

        def mark(x: Any) -> Any:
            if any(x is operand for operand in operands):
                return ops.convert_to_tensor(next(marks))
            return x

        args, kwargs = tree.map_structure(mark, (c.args, c.kwargs))
        result = c.op(*args, **kwargs)
        if isinstance(result, list | tuple):
            return [np.asarray(ops.convert_to_numpy(part)) for part in result]
        return np.asarray(ops.convert_to_numpy(result))

    return c.builder.structural(run, operands, name=type(c.op).__name__.lower())


@rule("Pad")
def _pad(c: KerasCall) -> Operand:
    mode, value = c.config.get("mode", "constant"), c.get(1, "constant_values")
    if mode != "constant" or value is None or np.all(np.asarray(value) == 0):
        return _move_entries(c, [c.args[0]])
    if np.ndim(value):
        raise UnsupportedError("Pad with several `constant_values` is not supported yet")
    ops, plain = c.keras.ops, type(c.op)(c.config["pad_width"], mode)

    def run(marked: list[np.ndarray]) -> np.ndarray:
        marks = np.asarray(ops.convert_to_numpy(plain(ops.convert_to_tensor(marked[0]))))
        return np.where(marks == 0, marked[1], marks)

    return c.builder.structural(run, [c.args[0], np.full((), float(value))], name="pad")


@rule("StopGradient", "Copy", "Conjugate", "Real")
def _same(c: KerasCall) -> Operand:
    return c.x


@rule("ConstantTensor")
def _constant_tensor(c: KerasCall) -> Operand:
    return c.x


@rule("Cast", "ConvertToTensor", "SaturateCast", "Array")
def _cast(c: KerasCall) -> Operand:
    dtype, before = str(c.config.get("dtype") or ""), c.dtypes[0] if c.dtypes else ""
    if not is_value(c.args[0]) or dtype in ("", "float32", "float64", before):
        return c.x
    if dtype in LOW_PRECISION:
        raise UnsupportedError(
            f"a cast to {dtype} is not supported, because it rounds; cast to float32"
        )
    if dtype == "bool":
        return logic.truth(c.builder, c.x)
    return c.x if before == "bool" or "int" in before else logic.truncate(c.builder, c.x)


@rule("ZerosLike", "OnesLike", "FullLike")
def _fill(c: KerasCall) -> Operand:
    fill = {"ZerosLike": 0.0, "OnesLike": 1.0}.get(type(c.op).__name__)
    if fill is None:
        fill = c.constant(1, "fill_value")
        if "int" in str(c.config.get("dtype") or c.dtypes[0]):
            fill = np.trunc(np.asarray(fill, np.float64))
    return np.broadcast_to(np.asarray(fill, np.float64), c.shapes[0])
