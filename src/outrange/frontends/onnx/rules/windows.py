"""Lowering rules for pooling operators, and the padding of their windows."""

import math
from collections.abc import Sequence

import numpy as np

from ....graph import Operand, Value
from ..element_types import FLOATS
from .table import OnnxCall, op


@op("GlobalAveragePool", "GlobalMaxPool", types="T -> T", T=FLOATS)
def global_pool(c: OnnxCall) -> Operand:
    how = "mean" if c.node.op == "GlobalAveragePool" else "max"
    return c.b.reduce(how, c.x, range(2, len(c.x.shape)), True)


@op("MaxPool", types="T -> T", T=FLOATS | {"int8", "uint8"}, chooses=True)
def max_pool(c: OnnxCall) -> Operand:
    c.attr("storage_order")  # affects the second output only
    windows, shape, _ = _windows(c)
    if (windows < 0).all(axis=1).any():
        raise c.refuse("a pooling window must not lie wholly in the padding")
    return c.b.largest(_value(c), windows, shape)


@op("AveragePool", types="T -> T", T=FLOATS)
def average_pool(c: OnnxCall) -> Operand:
    count_all = c.attr("count_include_pad", 0)
    windows, shape, inside = _windows(c)
    counts = inside if count_all else (windows >= 0).sum(axis=1)
    if not counts.all():
        raise c.refuse("a pooling window must not lie wholly in the padding")
    share = 1.0 / counts[:, None]
    return c.b.gather_sum(_value(c), windows, share, shape, name="average pool", ulps=1)


def _value(c: OnnxCall) -> Value:
    if not isinstance(c.x, Value):
        raise c.refuse("it pools a constant")
    return c.x


def _windows(c: OnnxCall) -> tuple[np.ndarray, tuple[int, ...], np.ndarray]:
    """Return the input positions in each window, the output's shape, and the sizes of the windows.

    A position is `-1` in the padding. A size counts the entries in the input and in its stated
    padding.
    """
    shape = tuple(c.x.shape)
    spatial = shape[2:]
    kernel = [int(n) for n in c.attr("kernel_shape")]
    strides = [int(n) for n in c.attr("strides") or [1] * len(kernel)]
    dilations = [int(n) for n in c.attr("dilations") or [1] * len(kernel)]
    if not len(spatial) == len(kernel) == len(strides) == len(dilations):
        raise c.refuse(
            f"the kernel {kernel}, the strides and the dilations must have one entry per "
            f"spatial axis of the input, whose shape is {shape}"
        )
    begins, ends = pads(c, spatial, kernel, strides, dilations)
    ceil = bool(c.attr("ceil_mode", 0))
    places, sizes, stated = [], [], []
    for i, n in enumerate(spatial):
        reach = dilations[i] * (kernel[i] - 1) + 1
        room = n + begins[i] + ends[i] - reach
        out = (-(-room // strides[i]) if ceil else room // strides[i]) + 1
        if ceil and (out - 1) * strides[i] >= n + begins[i]:
            out -= 1  # a window must start inside the input or its leading padding
        c.limit([max(out, 0), kernel[i]])
        start = np.arange(out)[:, None] * strides[i] - begins[i]
        at = start + np.arange(kernel[i]) * dilations[i]
        places.append(np.where((at >= 0) & (at < n), at, -1))
        stated.append(at < n + ends[i])
        sizes.append(out)
    if min(sizes, default=1) < 1:
        raise c.refuse(
            f"the kernel {kernel} must not be larger than the padded input, whose spatial "
            f"shape is {spatial} without padding"
        )
    planes = shape[0] * shape[1]
    c.limit((planes, *sizes, *kernel))
    flat, there = _outer(places, stated, spatial)
    offsets = np.arange(planes)[:, None, None] * math.prod(spatial)
    windows = np.where(flat < 0, -1, flat + offsets).reshape(planes * len(flat), -1)
    return windows, (*shape[:2], *sizes), np.tile(there.sum(axis=1), planes)


def _outer(
    places: Sequence[np.ndarray], stated: Sequence[np.ndarray], spatial: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Combine the positions and flags of all axes into two arrays `(windows, entries)`.

    Args:
        places: For each axis, the positions in each window along this axis; -1 outside the input.
        stated: For each axis, flags of the positions that are in the input or its stated padding.
        spatial: Size of each axis.

    Returns:
        The flat positions, -1 outside the input; and flags of the entries that are in the input or
        its stated padding along every axis.
    """
    rank = len(spatial)
    flat, absent, there = np.zeros((1,) * 2 * rank, int), False, True
    for i, (at, inside) in enumerate(zip(places, stated, strict=True)):
        form = [1] * 2 * rank
        form[i], form[rank + i] = at.shape
        flat = flat + np.maximum(at, 0).reshape(form) * math.prod(spatial[i + 1 :])
        absent = absent | (at < 0).reshape(form)
        there = there & inside.reshape(form)
    count = math.prod(len(at) for at in places)
    flat = np.where(absent, -1, flat).reshape(count, -1)
    return flat, np.broadcast_to(there, np.shape(absent)).reshape(count, -1)


def pads(
    c: OnnxCall,
    spatial: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> tuple[list[int], list[int]]:
    """Return the padding before and after each spatial axis, from `pads` or `auto_pad`."""
    auto = c.attr("auto_pad", "NOTSET")
    stated = [int(n) for n in c.attr("pads") or [0] * 2 * len(kernel)]
    if auto in ("NOTSET", ""):
        return stated[: len(kernel)], stated[len(kernel) :]
    if auto == "VALID":
        return [0] * len(kernel), [0] * len(kernel)
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        raise c.refuse(f"the attribute `auto_pad` = {auto!r} is not supported")
    begins, ends = [], []
    for n, k, s, d in zip(spatial, kernel, strides, dilations, strict=True):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        small = total // 2
        begins.append(small if auto == "SAME_UPPER" else total - small)
        ends.append(total - begins[-1])
    return begins, ends
