"""Convolutions of values and constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ...core import ModelError
from ...ops import Affine, convolution, transposed_convolution
from ..values import Operand, Value


if TYPE_CHECKING:
    from ..builder import Builder


def convolve(
    b: Builder,
    x: Operand,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[tuple[int, int]],
    groups: int = 1,
    channels_first: bool = False,
) -> Operand:
    """Convolve images `(batch, *spatial, channels)`, or images with channels before `spatial`.

    Args:
        b: The graph under construction.
        x: Images to convolve, batch first.
        kernel: `(*spatial, channels / groups, channels out)`.
        bias: `(channels out,)` or None.
        strides: Step between neighboring results along each spatial axis.
        dilation: Step between neighboring entries of the kernel along each spatial axis.
        padding: Number of zeros before and after each spatial axis.
        groups: Number of groups that the channels are divided into.
        channels_first: Whether channels come before the spatial axes.

    Raises:
        ModelError: The kernel does not fit the images.
    """
    kernel = np.asarray(kernel, np.float64)
    spatial, channels = _image(x, channels_first)
    inside, out = kernel.shape[-2:]
    _check(b, x, kernel, inside * groups == channels and out % groups == 0)
    sizes = [
        (n + before + after - (k - 1) * d - 1) // s + 1
        for n, (before, after), k, d, s in zip(
            spatial, padding, kernel.shape[:-2], dilation, strides, strict=True
        )
    ]
    _check(b, x, kernel, min(sizes) > 0)
    op = convolution(
        spatial,
        kernel,
        bias,
        strides=strides,
        dilation=dilation,
        padding=padding,
        groups=groups,
        copies=x.shape[0],
        channels_first=channels_first,
    )
    return _apply(b, op, x, sizes, out, channels_first)


def convolve_transposed(
    b: Builder,
    x: Operand,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    outputs: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    before: Sequence[int],
    groups: int = 1,
    channels_first: bool = False,
) -> Operand:
    """Apply the transpose of a convolution to the images `x`.

    The convolution maps images of the spatial shape `outputs` to images of the shape of `x`.

    Args:
        b: The graph under construction.
        x: Images to convolve, batch first.
        kernel: `(*spatial, channels out / groups, channels)`.
        bias: `(channels out,)` or None.
        outputs: Spatial shape of the result.
        strides: Steps of the convolution.
        dilation: Dilation of the convolution.
        before: Number of zeros that the convolution puts before each spatial axis.
        groups: Number of groups that the channels are divided into.
        channels_first: Whether channels come before the spatial axes.

    Raises:
        ModelError: The kernel does not fit the images.
    """
    kernel = np.asarray(kernel, np.float64)
    spatial, channels = _image(x, channels_first)
    fits = kernel.shape[-1] == channels and channels % groups == 0 and min(outputs) > 0
    _check(b, x, kernel, fits)
    op = transposed_convolution(
        spatial,
        kernel,
        bias,
        outputs=outputs,
        strides=strides,
        dilation=dilation,
        before=before,
        groups=groups,
        copies=x.shape[0],
        channels_first=channels_first,
    )
    return _apply(b, op, x, outputs, kernel.shape[-2] * groups, channels_first)


def _image(x: Operand, channels_first: bool) -> tuple[tuple[int, ...], int]:
    """Return the spatial shape and the number of channels of the images `x`."""
    shape = tuple(x.shape)
    return (shape[2:], shape[1]) if channels_first else (shape[1:-1], shape[-1])


def _check(b: Builder, x: Operand, kernel: np.ndarray, fits: bool) -> None:
    if not fits:
        raise ModelError(
            f"The kernel of the convolution in layer `{b.source}` must fit its images. "
            f"Received: images of shape {tuple(x.shape)[1:]} and a kernel of shape {kernel.shape}."
        )


def _apply(
    b: Builder, op: Affine, x: Operand, sizes: Sequence[int], channels: int, channels_first: bool
) -> Operand:
    shape = (x.shape[0], channels, *sizes) if channels_first else (x.shape[0], *sizes, channels)
    if isinstance(x, Value):
        return b.add_node(op, [x], shape)
    return op.run((np.asarray(x, np.float64).reshape(1, -1),)).reshape(shape)
