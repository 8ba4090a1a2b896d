"""Convolutions and their transposes as `Affine` ops, in any number of spatial dimensions.

No matrix of a whole layer is ever made; see `SlidingProduct`.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from .kinds import Affine, SubOp
from .numerics.grid import grid_of
from .numerics.image_entries import ImageEntries
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
    """`y[o] = sum_k kernel[k] x[o * strides + k * dilation - padding] + b`, channels contracted.

    Args:
        inputs: Spatial shape of the image, as long as there are dimensions.
        kernel: `(*spatial, channels in / groups, channels out)`.
        bias: `(channels out,)` or None.
        strides: Steps between neighboring results.
        dilation: Steps between neighboring entries of the kernel.
        padding: Zeros before and after each axis.
        groups: Parts that the channels fall into, each convolved by itself (depthwise: one each).
        copies: Images side by side in the flat vectors.
        channels_first: Whether channels come before the spatial axes in the flat vectors.
        name: For reports.
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
    return _plain(name, linear, shift, copies, linear.terms)


def _plain(name: str, linear: SlidingProduct, bias: np.ndarray, copies: int, terms: int) -> Affine:
    """The op that convolves."""
    first, slide = linear.channels_first, linear.slide

    def part(wanted: np.ndarray) -> SubOp:
        results = ImageEntries(linear.channels[1], slide.outputs, first)
        places = results.hull(wanted)
        seen = slide.seen_by(places)
        cut = replace(linear, slide=slide.between(seen, places))
        outputs = results.entries(places)
        inputs = ImageEntries(linear.channels[0], slide.inputs, first).entries(seen)
        return SubOp(_plain(name, cut, bias[outputs], 1, terms), outputs, (inputs,))

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
    """The transpose of the convolution from an image of shape `outputs` to one of shape `inputs`.

    Args:
        inputs: Spatial shape of what this op takes.
        kernel: `(*spatial, channels out / groups, channels in)`: that of the convolution.
        bias: `(channels out,)` or None.
        outputs: Spatial shape of the result; entries the kernel does not reach are the bias.
        strides: Steps of the convolution.
        dilation: Of the convolution.
        before: Zeros the convolution puts in front of each axis: so much is cut off here.
        groups: Parts that the channels fall into.
        copies: Images side by side in the flat vectors.
        channels_first: Whether channels come before the spatial axes in the flat vectors.
        name: For reports.
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
    return _transposed(name, linear, shift, copies, linear.terms)


def _transposed(
    name: str, linear: SlidingProduct, bias: np.ndarray, copies: int, terms: int
) -> Affine:
    """The op that applies the transpose of `linear`."""
    first, slide = linear.channels_first, linear.slide

    def part(wanted: np.ndarray) -> SubOp:
        results = ImageEntries(linear.channels[0], slide.inputs, first)
        places = results.hull(wanted)
        seen = slide.seen_from(places)
        cut = replace(linear, slide=slide.between(places, seen))
        outputs = results.entries(places)
        inputs = ImageEntries(linear.channels[1], slide.outputs, first).entries(seen)
        return SubOp(_transposed(name, cut, bias[outputs], 1, terms), outputs, (inputs,))

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
    """`(*spatial, in / groups, out)` as `(groups, out / groups, in / groups * places)`."""
    kernel = np.asarray(kernel, np.float64)
    inside, out = kernel.shape[-2:]
    parts = kernel.reshape(-1, inside, groups, out // groups).transpose(2, 3, 1, 0)
    return np.ascontiguousarray(parts).reshape(groups, out // groups, -1)


def _bias(
    bias: ArrayLike | None, channels: int, spatial: Sequence[int], channels_first: bool
) -> np.ndarray:
    """One number a channel as the flat bias."""
    places = math.prod(spatial)
    if bias is None:
        return np.zeros(channels * places)
    bias = np.asarray(bias, np.float64)
    return np.repeat(bias, places) if channels_first else np.tile(bias, places)
