"""Lowering rules for pooling, which reduces windows that slide over the spatial axes."""

import math
from collections.abc import Callable

import numpy as np

from ....graph import Operand
from ...rule_table import rule_decorator
from ..lower.call import KerasCall, array, is_value
from .convolution import each, same_padding


RULES: dict[str, Callable] = {}
rule = rule_decorator(RULES)


@rule("MaxPool")
def _max_pool(c: KerasCall) -> Operand:
    windows, shape = _windows(c)
    x = c.x if is_value(c.x) else c.builder.constant_value(array(c.x))
    return c.builder.largest(x, windows, shape)


@rule("AveragePool")
def _average_pool(c: KerasCall) -> Operand:
    # Keras on PyTorch repeats the border if it must pad one side more than the other.
    repeats = c.keras.backend.backend() == "torch" and not _is_even(c)
    windows, shape = _windows(c, repeats)
    # Other padding does not count: each window is averaged over its entries in the input.
    present = windows >= 0
    weight = present / present.sum(axis=1, keepdims=True)
    return c.builder.gather_sum(c.x, windows, weight, shape, name="average_pool", ulps=1)


@rule("AdaptiveAveragePool", "AdaptiveMaxPool")
def _adaptive(c: KerasCall) -> Operand:
    first = c.op.data_format == "channels_first"
    spatial = c.x.shape[2:] if first else c.x.shape[1:-1]
    along = []
    for n, m in zip(spatial, each(c.op.output_size, len(spatial)), strict=True):
        # Window i holds the entries from floor(i n / m) to ceil((i + 1) n / m).
        start = np.arange(m) * n // m
        end = -(-(np.arange(m) + 1) * n // m)
        index = start[:, None] + np.arange((end - start).max())
        along.append(np.where(index < end[:, None], index, -1))
    windows = _combine_axes(c, first, along)
    if type(c.op).__name__ == "AdaptiveMaxPool":
        x = c.x if is_value(c.x) else c.builder.constant_value(array(c.x))
        return c.builder.largest(x, windows, c.shapes[0])
    present = windows >= 0
    weight = present / present.sum(axis=1, keepdims=True)
    return c.builder.gather_sum(
        c.x, windows, weight, c.shapes[0], name="adaptive_average_pool", ulps=1
    )


def _is_even(c: KerasCall) -> bool:
    """Return whether every axis is padded equally at its start and at its end."""
    _, spatial, size, stride = _geometry(c)
    padding = [same_padding(n, k, s) for n, k, s in zip(spatial, size, stride, strict=True)]
    return c.config.get("padding", "valid") != "same" or all(a == b for a, b in padding)


def _geometry(c: KerasCall) -> tuple[bool, tuple[int, ...], list[int], list[int]]:
    """Return whether channels come first, the spatial shape, the pool size and the strides."""
    rank = len(c.x.shape) - 2
    size = each(c.config["pool_size"], rank)
    stride = each(c.config.get("strides") or size, rank)
    layout = c.config.get("data_format") or c.keras.config.image_data_format()
    first = layout == "channels_first"
    return first, c.x.shape[2:] if first else c.x.shape[1:-1], size, stride


def _windows(c: KerasCall, repeats: bool = False) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the flat input positions in each window, and the result's shape.

    A position outside the input is `-1`, or the nearest position inside if `repeats`.
    """
    first, spatial, size, stride = _geometry(c)
    padding = c.config.get("padding", "valid")
    along = []
    counts = [-(-n // s) for n, s in zip(spatial, stride, strict=True)]
    others = c.x.size // max(math.prod(spatial), 1)
    c.builder.entries.check_room(
        (others, *counts, *size), f"the windows of layer `{c.builder.source}`"
    )
    for n, k, s in zip(spatial, size, stride, strict=True):
        if padding == "same":
            count, lead = -(-n // s), same_padding(n, k, s)[0]
        else:
            count, lead = (n - k) // s + 1, 0
        index = np.arange(count)[:, None] * s + np.arange(k) - lead
        inside = np.clip(index, 0, n - 1)
        along.append(inside if repeats else np.where(index == inside, index, -1))
    return _combine_axes(c, first, along), c.shapes[0]


def _combine_axes(c: KerasCall, first: bool, along: list[np.ndarray]) -> np.ndarray:
    """Combine `(count, size)` window positions per axis into flat positions per result.

    A position of `-1` is outside the input.
    """
    positions = np.arange(c.x.size).reshape(c.x.shape)
    if first:
        positions = np.moveaxis(positions, 1, -1)
    for axis, index in enumerate(along, 1):
        entries = np.take(positions, np.maximum(index, 0), axis=axis)
        outside = (index < 0).reshape(index.shape + (1,) * (positions.ndim - axis - 1))
        # The positions in a window go to a new last axis.
        positions = np.moveaxis(np.where(outside, -1, entries), axis + 1, -1)
    windows = positions.reshape(*positions.shape[: len(along) + 2], -1)
    if first:
        windows = np.moveaxis(windows, len(along) + 1, 1)
    return windows.reshape(-1, windows.shape[-1])
