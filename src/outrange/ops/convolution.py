"""Convolutions and their transposes as `Affine` ops, in any number of spatial dimensions.

They are applied without forming the matrix of a whole layer; see `SlidingProduct`.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from .kinds import Affine, SubOp
from .numerics.grid import grid_of
from .numerics.image_index import ImageIndex
from .numerics.slide import Slide
from .numerics.sliding_product import SlidingProduct


def convolution(
    inputs: Sequence[int],
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[tuple[int, int]],
    groups: int = 1,
    copies: int = 1,
    channels_first: bool = False,
    name: str = "convolution",
) -> Affine:
    """Return the op `y[o] = sum_k kernel[k] x[o * strides + k * dilation - padding] + b`.

    The sum also runs over the input channels of a group.

    Args:
        inputs: Spatial shape of the image.
        kernel: `(*spatial, input channels / groups, output channels)`.
        bias: `(output channels,)` or None.
        strides: Step between neighboring results along each axis.
        dilation: Step between neighboring entries of the kernel along each axis.
        padding: Numbers of zeros added before the first and after the last entry along each axis.
        groups: Number of channel groups that are convolved separately (depthwise: one per channel).
        copies: Number of images in one flat vector.
        channels_first: Whether channels precede the spatial axes in the flat vectors.
        name: Name of the op in reports.
    """
    spatial = np.shape(kernel)[:-2]
    outputs = tuple(
        (n + a + b - (k - 1) * d - 1) // s + 1
        for n, (a, b), k, d, s in zip(inputs, padding, spatial, dilation, strides, strict=True)
    )
    before = tuple(a for a, _ in padding)
    slide = Slide(tuple(inputs), spatial, outputs, tuple(strides), tuple(dilation), before)
    linear = SlidingProduct(slide, _matrix(kernel, groups), channels_first)
    shift = np.tile(_bias(bias, linear.channels[1], outputs, channels_first), copies)
    return _convolution_op(name, linear, shift, copies, linear.terms)


def _convolution_op(
    name: str, linear: SlidingProduct, bias: np.ndarray, copies: int, terms: int
) -> Affine:
    """Return the op that applies `linear` and adds `bias`."""
    first, slide = linear.channels_first, linear.slide

    def part(wanted: np.ndarray) -> SubOp:
        results = ImageIndex(linear.channels[1], slide.outputs, first)
        places = results.hull(wanted)
        seen = slide.seen_by(places)
        cut = replace(linear, slide=slide.between(seen, places))
        outputs = results.entries(places)
        inputs = ImageIndex(linear.channels[0], slide.inputs, first).entries(seen)
        return SubOp(_convolution_op(name, cut, bias[outputs], 1, terms), outputs, (inputs,))

    return Affine(
        name,
        lambda xs, absolute: linear.forward(xs[0], absolute),
        lambda rows: (linear.backward(rows, False),),
        (copies * linear.sizes[0],),
        copies * linear.sizes[1],
        bias,
        terms,
        part=part if copies == 1 else None,
        plain=True,
        grid=grid_of(linear.matrix),
    )


def transposed_convolution(
    inputs: Sequence[int],
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    outputs: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    before: Sequence[int],
    groups: int = 1,
    copies: int = 1,
    channels_first: bool = False,
    name: str = "transposed_convolution",
) -> Affine:
    """Return the transpose of a convolution that maps spatial shape `outputs` to `inputs`.

    Args:
        inputs: Spatial shape of the input of this op.
        kernel: The kernel of the convolution,
            `(*spatial, output channels / groups, input channels)`, where "input" and "output" refer
            to the transpose.
        bias: `(output channels,)` or None.
        outputs: Spatial shape of the result; entries that the kernel does not reach equal the bias.
        strides: Strides of the convolution.
        dilation: Dilation of the convolution.
        before: Number of zeros that the convolution pads at the start of each axis; the transpose
            drops these positions.
        groups: Number of channel groups.
        copies: Number of images in one flat vector.
        channels_first: Whether channels precede the spatial axes in the flat vectors.
        name: Name of the op in reports.
    """
    slide = Slide(
        tuple(outputs),
        np.shape(kernel)[:-2],
        tuple(inputs),
        tuple(strides),
        tuple(dilation),
        tuple(before),
    )
    linear = SlidingProduct(slide, _matrix(kernel, groups), channels_first)
    shift = np.tile(_bias(bias, linear.channels[0], slide.inputs, channels_first), copies)
    return _transposed_op(name, linear, shift, copies, linear.terms)


def _transposed_op(
    name: str, linear: SlidingProduct, bias: np.ndarray, copies: int, terms: int
) -> Affine:
    """Return the op that applies the transpose of `linear` and adds `bias`."""
    first, slide = linear.channels_first, linear.slide

    def part(wanted: np.ndarray) -> SubOp:
        results = ImageIndex(linear.channels[0], slide.inputs, first)
        places = results.hull(wanted)
        seen = slide.seen_from(places)
        cut = replace(linear, slide=slide.between(places, seen))
        outputs = results.entries(places)
        inputs = ImageIndex(linear.channels[1], slide.outputs, first).entries(seen)
        return SubOp(_transposed_op(name, cut, bias[outputs], 1, terms), outputs, (inputs,))

    return Affine(
        name,
        lambda xs, absolute: linear.backward(xs[0], absolute),
        lambda rows: (linear.forward(rows, False),),
        (copies * linear.sizes[1],),
        copies * linear.sizes[0],
        bias,
        terms,
        part=part if copies == 1 else None,
        plain=True,
        grid=grid_of(linear.matrix),
    )


def _matrix(kernel: ArrayLike, groups: int) -> np.ndarray:
    """Reshape `(*spatial, in / groups, out)` to `(groups, out / groups, in / groups * k)`.

    `k` is the number of kernel positions.
    """
    kernel = np.asarray(kernel, np.float64)
    inside, out = kernel.shape[-2:]
    parts = kernel.reshape(-1, inside, groups, out // groups).transpose(2, 3, 1, 0)
    return np.ascontiguousarray(parts).reshape(groups, out // groups, -1)


def _bias(
    bias: ArrayLike | None, channels: int, spatial: Sequence[int], channels_first: bool
) -> np.ndarray:
    """Return the bias of the flat result, from one number per channel; zeros if `bias` is None."""
    places = math.prod(spatial)
    if bias is None:
        return np.zeros(channels * places)
    bias = np.asarray(bias, np.float64)
    return np.repeat(bias, places) if channels_first else np.tile(bias, places)
