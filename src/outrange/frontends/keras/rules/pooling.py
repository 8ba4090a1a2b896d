"""Windows that slide over the spatial axes."""

from collections.abc import Callable

import numpy as np

from ..call import Call, array, is_value
from .convolution import each, same_padding
from .table import entering


RULES: dict[str, Callable] = {}
rule = entering(RULES)


@rule("MaxPool")
def _max_pool(c: Call):
    windows, shape = _windows(c)
    x = c.x if is_value(c.x) else c.builder.constant_value(array(c.x))
    return c.builder.largest(x, windows, shape)


@rule("AveragePool")
def _average_pool(c: Call):
    # Keras on PyTorch repeats the border where it must pad one side more than the other.
    repeats = c.keras.backend.backend() == "torch" and not _is_even(c)
    windows, shape = _windows(c, repeats)
    # Other padding does not count: each window is averaged over what it holds.
    present = windows >= 0
    weight = present / present.sum(axis=1, keepdims=True)
    return c.builder.gather_sum(c.x, windows, weight, shape, name="average_pool", ulps=1)


def _is_even(c: Call) -> bool:
    """Whether `padding="same"` adds as much before as after, on every axis."""
    _, spatial, size, stride = _geometry(c)
    padding = [same_padding(n, k, s) for n, k, s in zip(spatial, size, stride, strict=True)]
    return c.config.get("padding", "valid") != "same" or all(a == b for a, b in padding)


def _geometry(c: Call):
    """Whether channels come first, the spatial shape, the pool size and the strides."""
    rank = len(c.x.shape) - 2
    size = each(c.config["pool_size"], rank)
    stride = each(c.config.get("strides") or size, rank)
    layout = c.config.get("data_format") or c.keras.config.image_data_format()
    first = layout == "channels_first"
    return first, c.x.shape[2:] if first else c.x.shape[1:-1], size, stride


def _windows(c: Call, repeats: bool = False) -> tuple[np.ndarray, tuple[int, ...]]:
    """The positions in each window, `-1` outside of the input, and the result's shape."""
    first, spatial, size, stride = _geometry(c)
    padding = c.config.get("padding", "valid")
    positions = np.arange(c.x.size).reshape(c.x.shape)
    if first:
        positions = np.moveaxis(positions, 1, -1)
    for axis in range(len(spatial)):
        positions = slide(positions, axis + 1, size[axis], stride[axis], 1, padding, repeats)
    windows = positions.reshape(*positions.shape[: len(spatial) + 2], -1)
    if first:
        windows = np.moveaxis(windows, -2, 1)
    return windows.reshape(-1, windows.shape[-1]), c.shapes[0]


def slide(
    positions,
    axis: int,
    size: int,
    stride: int,
    dilation: int,
    padding: str,
    repeats: bool = False,
) -> np.ndarray:
    """Replace `axis` by the windows along it; what is in a window goes to a new last axis.

    Args:
        positions: Positions, `-1` outside of the input.
        axis: The axis the windows slide along.
        size: Entries in a window.
        stride: Steps between windows.
        dilation: Steps between the entries of a window.
        padding: `"valid"` or `"same"` (as TensorFlow pads: the odd one at the end).
        repeats: Padding repeats the border instead of being absent.
    """
    n, reach = positions.shape[axis], (size - 1) * dilation + 1
    if padding == "same":
        count = -(-n // stride)
        lead = same_padding(n, reach, stride)[0]
    else:
        count, lead = (n - reach) // stride + 1, 0
    index = np.arange(count)[:, None] * stride + np.arange(size)[None] * dilation - lead
    picked = np.take(positions, np.clip(index, 0, n - 1), axis=axis)
    outside = ((index < 0) | (index >= n)).reshape(
        index.shape + (1,) * (positions.ndim - axis - 1)
    )
    if not repeats:
        picked = np.where(outside, -1, picked)
    return np.moveaxis(picked, axis + 1, -1)
