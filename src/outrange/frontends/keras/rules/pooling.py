"""Windows that slide over the spatial axes. Convolutions have their place here too."""

from collections.abc import Callable

import numpy as np

from ..call import Call
from .table import entering


RULES: dict[str, Callable] = {}
rule = entering(RULES)


@rule("MaxPool")
def _max_pool(c: Call):
    windows, shape = _windows(c)
    return c.builder.largest(c.x, windows, shape)


@rule("AveragePool")
def _average_pool(c: Call):
    windows, shape = _windows(c)
    # Padding does not count: each window is averaged over what it holds.
    present = windows >= 0
    weight = present / present.sum(axis=1, keepdims=True)
    return c.builder.gather_sum(c.x, windows, weight, shape, name="average_pool")


def _windows(c: Call) -> tuple[np.ndarray, tuple[int, ...]]:
    """The positions in each window, `-1` outside of the input, and the result's shape."""
    x, rank = c.x, len(c.x.shape) - 2
    size = _each(c.config["pool_size"], rank)
    stride = _each(c.config.get("strides") or size, rank)
    layout = c.config.get("data_format") or c.keras.config.image_data_format()
    positions = np.arange(x.size).reshape(x.shape)
    if layout == "channels_first":
        positions = np.moveaxis(positions, 1, -1)
    for axis in range(rank):
        positions = slide(
            positions, axis + 1, size[axis], stride[axis], 1, c.config.get("padding", "valid")
        )
    shape = positions.shape[: rank + 2]
    windows = positions.reshape(*shape, -1)
    if layout == "channels_first":
        windows = np.moveaxis(windows, -2, 1)
    return windows.reshape(-1, windows.shape[-1]), c.shapes[0]


def slide(positions, axis: int, size: int, stride: int, dilation: int, padding: str) -> np.ndarray:
    """Replace `axis` by the windows along it; what is in a window goes to a new last axis.

    Args:
        positions: Positions, `-1` outside of the input.
        axis: The axis the windows slide along.
        size: Entries in a window.
        stride: Steps between windows.
        dilation: Steps between the entries of a window.
        padding: `"valid"` or `"same"` (as TensorFlow pads: the odd one at the end).
    """
    n, reach = positions.shape[axis], (size - 1) * dilation + 1
    if padding == "same":
        count = -(-n // stride)
        lead = max((count - 1) * stride + reach - n, 0) // 2
    else:
        count, lead = (n - reach) // stride + 1, 0
    index = np.arange(count)[:, None] * stride + np.arange(size)[None] * dilation - lead
    picked = np.take(positions, np.clip(index, 0, n - 1), axis=axis)
    outside = ((index < 0) | (index >= n)).reshape(
        index.shape + (1,) * (positions.ndim - axis - 1)
    )
    picked = np.where(outside, -1, picked)
    return np.moveaxis(picked, axis + 1, -1)


def _each(value, rank: int) -> list[int]:
    return [int(value)] * rank if np.ndim(value) == 0 else [int(v) for v in value]
