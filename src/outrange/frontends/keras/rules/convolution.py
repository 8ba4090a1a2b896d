"""Rules that lower Keras's convolutions with `convolve` and `convolve_transposed`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ....core import UnsupportedError
from ....graph import Operand
from ....graph.composites.convolution import convolve, convolve_transposed
from ...rule_table import rule_decorator
from ..lower.call import KerasCall


RULES: dict[str, Callable] = {}
rule = rule_decorator(RULES)


@rule("Conv")
def _conv(c: KerasCall) -> Operand:
    return _convolve(c, c.x, _kernel(c, 1, "kernel"))


@rule("DepthwiseConv")
def _depthwise(c: KerasCall) -> Operand:
    return _convolve(c, c.x, _group_by_channel(_kernel(c, 1, "kernel")))


@rule("SeparableConv")
def _separable(c: KerasCall) -> Operand:
    # In two steps, like the model: one combined kernel would cost more and be rounded.
    parts = _convolve(c, c.x, _group_by_channel(_kernel(c, 1, "depthwise_kernel")))
    pointwise = _kernel(c, 2, "pointwise_kernel")
    rank = pointwise.ndim - 2
    return convolve(
        c.builder,
        parts,
        pointwise,
        strides=(1,) * rank,
        dilation=(1,) * rank,
        padding=((0, 0),) * rank,
        channels_first=_channels_first(c),
    )


@rule("ConvTranspose")
def _conv_transpose(c: KerasCall) -> Operand:
    kernel = _kernel(c, 1, "kernel")
    rank, first = kernel.ndim - 2, _channels_first(c)
    strides, dilation = each(c.op.strides, rank), each(c.op.dilation_rate, rank)
    extra = None if c.op.output_padding is None else each(c.op.output_padding, rank)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape, dilation, strict=False)]
    before = [
        _cut_in_front(c.op.padding, reach[i], strides[i], None if extra is None else extra[i])
        for i in range(rank)
    ]
    shape = c.shapes[0]
    return convolve_transposed(
        c.builder,
        c.x,
        kernel,
        outputs=shape[2:] if first else shape[1:-1],
        strides=strides,
        dilation=dilation,
        before=before,
        channels_first=first,
    )


def _cut_in_front(padding: str, reach: int, stride: int, extra: int | None) -> int:
    """Return how many entries Keras crops from the front of the full transposed convolution.

    Args:
        padding: Padding of the convolution, `valid` or `same`.
        reach: Number of entries that the kernel spans.
        stride: Stride of the convolution.
        extra: Output padding; None if it is not set.
    """
    if padding == "valid":
        return 0
    # The result must have `n * stride` entries, or `(n - 1) * stride + reach % 2 + extra`.
    total = reach - stride if extra is None else reach - reach % 2 - extra
    return max(total // 2, 0)


def _convolve(c: KerasCall, x: Operand, kernel: np.ndarray) -> Operand:
    rank, first = kernel.ndim - 2, _channels_first(c)
    strides, dilation = each(c.op.strides, rank), each(c.op.dilation_rate, rank)
    channels = x.shape[1] if first else x.shape[-1]
    spatial = x.shape[2:] if first else x.shape[1:-1]
    padding = [(0, 0)] * rank
    if c.op.padding == "same":
        padding = [
            same_padding(n, (k - 1) * d + 1, s)
            for n, k, d, s in zip(spatial, kernel.shape, dilation, strides, strict=False)
        ]
    elif c.op.padding != "valid":
        raise UnsupportedError(f"a convolution with padding {c.op.padding!r} is not supported yet")
    return convolve(
        c.builder,
        x,
        kernel,
        strides=strides,
        dilation=dilation,
        padding=padding,
        groups=channels // kernel.shape[-2],
        channels_first=first,
    )


def _kernel(c: KerasCall, place: int, name: str) -> np.ndarray:
    kernel = c.constant(place, name)
    if kernel is None or kernel.ndim < 3:
        raise UnsupportedError(
            f"a convolution whose `{name}` has fewer than 3 axes is not supported"
        )
    return kernel


def _group_by_channel(kernel: np.ndarray) -> np.ndarray:
    """Convert a depthwise kernel `(*spatial, channels, multiplier)` to a grouped kernel.

    The grouped kernel has the shape `(*spatial, 1, channels * multiplier)`.
    """
    return kernel.reshape(*kernel.shape[:-2], 1, -1)


def _channels_first(c: KerasCall) -> bool:
    layout = c.op.data_format or c.keras.config.image_data_format()
    return layout == "channels_first"


def same_padding(length: int, reach: int, stride: int) -> tuple[int, int]:
    """Return the padding before and after an axis of `length` entries for `padding="same"`.

    The convolved axis has `ceil(length / stride)` entries. If the total padding is odd, the extra
    entry comes after the axis. The kernel spans `reach` entries, with its dilation.
    """
    total = max((-(-length // stride) - 1) * stride + reach - length, 0)
    return total // 2, total - total // 2


def each(value: Any, rank: int) -> list[int]:
    """Convert an option, a single number or one per dimension, to one integer per dimension."""
    return [int(value)] * rank if np.ndim(value) == 0 else [int(v) for v in value]
