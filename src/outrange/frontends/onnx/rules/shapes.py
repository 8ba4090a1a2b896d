"""Lowering rules for operators that move, repeat or pad entries; constants keep their type."""

import math
from collections.abc import Iterable

import numpy as np

from ....graph import Operand, Value
from ....graph.composites import logic
from ..element_types import EVERY, FLOATS, INDEX
from .table import OnnxCall, op


@op("Identity", types="T -> T", T=EVERY, chooses=True)
def identity(c: OnnxCall) -> Operand:
    return c.x


@op("Dropout", types="T U bool -> T", T=FLOATS, U=FLOATS | {"float16"})
def dropout(c: OnnxCall) -> Operand:
    c.attr("ratio")
    c.attr("seed")
    if c.opset < 7 and not c.attr("is_test", 1):
        raise c.refuse("the node must not be in training mode")
    c.option(1, "ratio")
    training = c.option(2, "training mode")
    if training is not None and np.any(training):
        raise c.refuse("the node must not be in training mode")
    return c.x


def _axis(c: OnnxCall, axis: int, rank: int) -> int:
    if not -rank <= axis < max(rank, 1):
        raise c.refuse(f"axis {axis} does not exist in a tensor of rank {rank}")
    return axis % rank if rank else 0


def _axes(c: OnnxCall, axes: Iterable[int], rank: int) -> list[int]:
    return [_axis(c, int(a), rank) for a in axes]


@op("Flatten", types="T -> T", T=EVERY, chooses=True)
def flatten(c: OnnxCall) -> Operand:
    axis = int(c.attr("axis", 1))
    shape = tuple(c.x.shape)
    axis = axis + len(shape) if axis < 0 else axis
    return c.b.reshape(c.x, (math.prod(shape[:axis]), math.prod(shape[axis:])))


@op("Reshape", types="T int64 -> T", T=EVERY, chooses=True)
def reshape(c: OnnxCall) -> Operand:
    target = c.attr_or_input("shape", 1, since=5)
    if target is None:
        raise c.refuse("it states no shape")
    c.attr("consumed_inputs")
    shape = tuple(c.x.shape)
    if not c.attr("allowzero", 0):
        target = [shape[i] if n == 0 and i < len(shape) else n for i, n in enumerate(target)]
    stated_size = math.prod(n for n in target if n != -1)
    total = math.prod(shape)
    fits = (
        total % stated_size == 0 if stated_size and target.count(-1) == 1 else stated_size == total
    )
    if target.count(-1) > 1 or not fits:
        raise c.refuse(f"an input of shape {shape} cannot be reshaped to {tuple(target)}")
    return c.b.reshape(c.x, target)


@op("Transpose", types="T -> T", T=EVERY, chooses=True)
def transpose(c: OnnxCall) -> Operand:
    order = c.attr("perm")
    return c.b.transpose(c.x, None if order is None else [int(a) for a in order])


@op("Squeeze", types="T int64 -> T", T=EVERY, chooses=True)
def squeeze(c: OnnxCall) -> Operand:
    shape = tuple(c.x.shape)
    axes = c.attr_or_input("axes", 1, since=13)
    if axes is not None and len(axes) == 0:
        raise c.refuse(
            "the list of axes must not be empty, because runtimes would remove every axis of "
            "length 1"
        )
    axes = [i for i, n in enumerate(shape) if n == 1] if axes is None else axes
    axes = _axes(c, axes, len(shape))
    if any(shape[a] != 1 for a in axes):
        raise c.refuse(
            f"every squeezed axis must have length 1, but the axes {axes} of shape {shape} do not"
        )
    return c.b.reshape(c.x, [n for i, n in enumerate(shape) if i not in axes])


@op("Unsqueeze", types="T int64 -> T", T=EVERY, chooses=True)
def unsqueeze(c: OnnxCall) -> Operand:
    axes = c.attr_or_input("axes", 1, since=13)
    if axes is None:
        raise c.refuse("it states no axes")
    rank = len(c.x.shape) + len(axes)
    axes = _axes(c, axes, rank)
    rest = iter(c.x.shape)
    return c.b.reshape(c.x, [1 if i in axes else next(rest) for i in range(rank)])


@op("Concat", types="T* -> T", T=EVERY, chooses=True)
def concat(c: OnnxCall) -> Operand:
    operands = c.all_operands()
    axis = _axis(c, int(c.attr("axis", 1)), len(operands[0].shape))
    c.limit([sum(math.prod(v.shape) for v in operands)])
    return c.b.concat(operands, axis)


@op("Split", types="T int64 -> T", T=EVERY, chooses=True)
def split(c: OnnxCall) -> Operand:
    axis = _axis(c, int(c.attr("axis", 0)), len(c.x.shape))
    sizes = c.attr_or_input("split", 1, since=13)
    length = c.x.shape[axis]
    if sizes is None:
        count = int(c.attr("num_outputs", len(c.node.outputs)))
        if not 1 <= count <= length:
            raise c.refuse(f"an axis of length {length} cannot be split into {count} parts")
        each = -(-length // count)
        sizes = [each] * (count - 1) + [length - each * (count - 1)]
    if sum(sizes) != length or min(sizes, default=0) < 0:
        raise c.refuse(f"an axis of length {length} cannot be split into parts {sizes}")
    ends = [int(n) for n in np.cumsum(sizes)[:-1]]
    return c.b.structural(lambda a: list(np.split(a[0], ends, axis)), [c.x], name="split")


@op("Slice", types="T I* -> T", T=EVERY, I=INDEX, chooses=True)
def slices(c: OnnxCall) -> Operand:
    starts = c.attr_or_input("starts", 1, since=10)
    ends = c.attr_or_input("ends", 2, since=10)
    axes = c.attr_or_input("axes", 3, since=10)
    steps = c.ints(4, "steps") if c.opset >= 10 else None
    if starts is None or ends is None:
        raise c.refuse("its `starts` or `ends` are missing")
    rank = len(c.x.shape)
    axes = _axes(c, range(len(starts)) if axes is None else axes, rank)
    steps = [1] * len(starts) if steps is None else steps
    cut = [slice(None)] * rank
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        cut[axis] = _python_slice(start, end, step, c.x.shape[axis])
    return c.b.structural(lambda a: a[0][tuple(cut)], [c.x], name="slice")


def _python_slice(start: int, end: int, step: int, length: int) -> slice:
    """Return the Python slice that selects the entries of an ONNX slice.

    With a negative step, an ONNX slice may end before index 0; a Python slice then ends at None.
    """
    if step > 0:
        return slice(start, end, step)
    start = min(start + length if start < 0 else start, length - 1)
    end = end + length if end < 0 else end
    return slice(max(start, 0), None if end < 0 else end, step)


@op("Gather", types="T I -> T", T=EVERY, I=INDEX, chooses=True)
def gather(c: OnnxCall) -> Operand:
    axis = _axis(c, int(c.attr("axis", 0)), len(c.x.shape))
    places = c.operand(1)
    if isinstance(places, Value) and not isinstance(c.x, Value):
        return _lookup_rows(c, np.asarray(c.x, np.float64), places, axis)
    index = c.constant(1, "indices").astype(np.int64)
    _check_index(c, index, c.x.shape[axis])
    c.limit((*c.x.shape[:axis], *index.shape, *c.x.shape[axis + 1 :]))
    return c.b.structural(lambda a: np.take(a[0], index, axis=axis), [c.x], name="gather")


def _lookup_rows(c: OnnxCall, table: np.ndarray, index: Value, axis: int) -> Operand:
    """Look up rows of a constant at positions that depend on the input."""
    c.limit((*table.shape[:axis], *index.shape, *table.shape[axis + 1 :]))
    rows = logic.lookup(c.b, np.moveaxis(table, axis, 0), index)
    rank = len(index.shape)
    places = [*range(rank, rank + axis), *range(rank), *range(rank + axis, len(rows.shape))]
    return c.b.transpose(rows, places)


@op("GatherElements", types="T I -> T", T=EVERY, I=INDEX, chooses=True)
def gather_elements(c: OnnxCall) -> Operand:
    axis = _axis(c, int(c.attr("axis", 0)), len(c.x.shape))
    index = c.constant(1, "indices").astype(np.int64)
    _check_index(c, index, c.x.shape[axis])
    return c.b.structural(lambda a: np.take_along_axis(a[0], index, axis), [c.x], name="gather")


def _check_index(c: OnnxCall, index: np.ndarray, length: int) -> None:
    if index.size and not (-length <= index.min() and index.max() < length):
        raise c.refuse(f"the indices must lie within an axis of length {length}")


@op("Pad", types="T int64 T I -> T", T=EVERY, I=INDEX, chooses=True)
def pad(c: OnnxCall) -> Operand:
    mode = c.attr("mode", "constant")
    amounts = c.attr_or_input("paddings" if c.opset < 2 else "pads", 1, since=11)
    value = c.option(2, "value") if c.opset >= 11 else c.attr("value")
    axes = c.ints(3, "axes")
    shape = tuple(c.x.shape)
    axes = _axes(c, range(len(shape)) if axes is None else axes, len(shape))
    if mode not in ("constant", "reflect", "edge", "wrap"):
        raise c.refuse(f"the attribute `mode` = {mode!r} is not supported")
    if amounts is None or len(amounts) != 2 * len(axes):
        raise c.refuse(
            f"`pads` must have two entries for each of the {len(axes)} axes, but is {amounts}"
        )
    around = [(0, 0)] * len(shape)
    for i, axis in enumerate(axes):
        around[axis] = (amounts[i], amounts[i + len(axes)])
    c.limit([n + a + b for n, (a, b) in zip(shape, around, strict=True)])
    cut = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(shape, around, strict=True))
    width = [(max(a, 0), max(b, 0)) for a, b in around]
    if mode != "constant":
        return c.b.structural(lambda a: np.pad(a[0][cut], width, mode), [c.x], name="pad")
    fill = np.zeros(()) if value is None else np.asarray(value).reshape(())
    return c.b.structural(
        lambda a: np.pad(a[0][cut], width, constant_values=a[1]), [c.x, fill], name="pad"
    )


@op("Expand", types="T int64 -> T", T=EVERY, chooses=True)
def expand(c: OnnxCall) -> Operand:
    shape = c.ints(1, "shape") or []
    shape = c.limit(np.broadcast_shapes(tuple(c.x.shape), c.limit(shape)))
    return c.b.broadcast(c.x, shape)


@op("Tile", types="T int64 -> T", T=EVERY, chooses=True)
def tile(c: OnnxCall) -> Operand:
    repeats = c.ints(1, "repeats") or []
    if len(repeats) != len(c.x.shape):
        raise c.refuse(
            f"`repeats` = {repeats} must have one entry for each of the {len(c.x.shape)} axes "
            "of the tensor"
        )
    c.limit([n * k for n, k in zip(c.x.shape, repeats, strict=True)])
    return c.b.structural(lambda a: np.tile(a[0], repeats), [c.x], name="tile")


@op("DepthToSpace", types="T -> T", T=EVERY, chooses=True)
def depth_to_space(c: OnnxCall) -> Operand:
    n, channels, height, width = c.x.shape
    k = int(c.attr("blocksize"))
    if c.attr("mode", "DCR") == "DCR":
        first, order = (n, k, k, channels // k**2, height, width), (0, 3, 4, 1, 5, 2)
    else:
        first, order = (n, channels // k**2, k, k, height, width), (0, 1, 4, 2, 5, 3)
    blocks = c.b.transpose(c.b.reshape(c.x, first), order)
    return c.b.reshape(blocks, (n, channels // k**2, height * k, width * k))


@op("SpaceToDepth", types="T -> T", T=EVERY, chooses=True)
def space_to_depth(c: OnnxCall) -> Operand:
    n, channels, height, width = c.x.shape
    k = int(c.attr("blocksize"))
    parts = c.b.reshape(c.x, (n, channels, height // k, k, width // k, k))
    blocks = c.b.transpose(parts, (0, 3, 5, 1, 2, 4))
    return c.b.reshape(blocks, (n, channels * k**2, height // k, width // k))
