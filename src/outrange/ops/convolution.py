"""Convolutions and their transposes as `Affine` ops, in any number of spatial dimensions.

No matrix of a whole layer is ever made. The convolution copies what lies under each place of the
kernel side by side, so that one matrix product per group and sample is left; its transpose
multiplies first, and adds each product where its entry came from. Both hold the channels in front
of the spatial axes: that is the faster order for few channels and as fast for many, whatever the
order in the model.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .kinds import Affine, SubOp
from .numerics.grid import grid_of
from .numerics.image_entries import ImageEntries
from .numerics.slide import Slide


_ROOM = 1 << 18
"""Numbers that the copies of one chunk may hold: about what stays in a core's cache."""


@dataclass(frozen=True, eq=False)
class _Product:
    """The linear map of a convolution between flat vectors, and its transpose.

    Args:
        slide: How the kernel slides.
        matrix: `(groups, results, entries)`: channels out per group, channels in times places.
        channels_first: Whether channels come before the spatial axes in the flat vectors.
    """

    slide: Slide
    matrix: np.ndarray
    channels_first: bool

    @cached_property
    def size_of(self) -> np.ndarray:
        return np.abs(self.matrix)

    @property
    def channels(self) -> tuple[int, int]:
        """Channels in and out."""
        groups, out, entries = self.matrix.shape
        return groups * entries // math.prod(self.slide.kernel), groups * out

    @property
    def sizes(self) -> tuple[int, int]:
        """Lengths of the vectors in and out."""
        inside, out = self.channels
        return inside * math.prod(self.slide.inputs), out * math.prod(self.slide.outputs)

    @property
    def terms(self) -> int:
        """The most products that one entry of a result, either way, is a sum of."""
        _, out, entries = self.matrix.shape
        seen, seeing = self.slide.most
        return max(entries // math.prod(self.slide.kernel) * seen, out * seeing, 1)

    def forward(self, x: np.ndarray, absolute: bool) -> np.ndarray:
        """The convolution of `(..., in)`, or of several images `(..., copies * in)`."""
        matrix = (self.size_of if absolute else self.matrix).astype(x.dtype, copy=False)
        return self._chunked(x, *self.sizes, lambda rows, out: self._forward(rows, out, matrix))

    def backward(self, y: np.ndarray, absolute: bool) -> np.ndarray:
        """Its transpose, of `(..., out)`."""
        matrix = (self.size_of if absolute else self.matrix).astype(y.dtype, copy=False)
        return self._chunked(
            y, self.sizes[1], self.sizes[0], lambda rows, out: self._backward(rows, out, matrix)
        )

    def _chunked(
        self,
        rows: np.ndarray,
        own: int,
        size: int,
        function: Callable[[np.ndarray, np.ndarray], None],
    ) -> np.ndarray:
        """`function` writes one chunk of rows at a time, so that its copies stay small."""
        copies = rows.shape[-1] // own
        flat = rows.reshape(math.prod(rows.shape[:-1]) * copies, own)
        out = np.empty((len(flat), size), rows.dtype)
        places = self.channels[0] * math.prod((*self.slide.kernel, *self.slide.outputs))
        step = max(1, _ROOM // max(places, *self.sizes))
        for start in range(0, len(flat), step):
            function(flat[start : start + step], out[start : start + step])
        return out.reshape(*rows.shape[:-1], copies * size)

    def _image(self, rows: np.ndarray, channels: int, spatial: tuple[int, ...]) -> np.ndarray:
        """Flat rows with their channels in front: `(b, channels, *spatial)`, a view."""
        if self.channels_first:
            return rows.reshape(-1, channels, *spatial)
        return np.moveaxis(rows.reshape(-1, *spatial, channels), -1, 1)

    def _results(self, rows: np.ndarray) -> np.ndarray:
        """Flat results as `(b, groups, channels of a group, places)`, a view."""
        groups, out, _ = self.matrix.shape
        places = math.prod(self.slide.outputs)
        if self.channels_first:
            return rows.reshape(-1, groups, out, places)
        return rows.reshape(-1, places, groups, out).transpose(0, 2, 3, 1)

    def _forward(self, x: np.ndarray, out: np.ndarray, matrix: np.ndarray) -> None:
        groups, _, entries = matrix.shape
        image = self._image(x, self.channels[0], self.slide.inputs)
        parts = self.slide.gathered(image).reshape(len(x), groups, entries, -1)
        if self.channels_first or groups > 1:
            self._results(out)[:] = matrix @ parts
        else:
            # Transposed on both sides, the product is written in the order wanted.
            out[:] = (parts[:, 0].transpose(0, 2, 1) @ matrix[0].T).reshape(len(x), -1)

    def _backward(self, y: np.ndarray, out: np.ndarray, matrix: np.ndarray) -> None:
        parts = matrix.transpose(0, 2, 1) @ self._results(y)
        parts = parts.reshape(len(y), -1, *self.slide.kernel, *self.slide.outputs)
        out[:] = 0.0
        self.slide.scattered(parts, self._image(out, self.channels[0], self.slide.inputs))


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
    linear = _Product(slide, _matrix(kernel, groups), channels_first)
    shift = np.tile(_bias(bias, linear.channels[1], outputs, channels_first), copies)
    return _plain(name, linear, shift, copies, linear.terms)


def _plain(name: str, linear: _Product, bias: np.ndarray, copies: int, terms: int) -> Affine:
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
    linear = _Product(slide, _matrix(kernel, groups), channels_first)
    shift = np.tile(_bias(bias, linear.channels[0], slide.inputs, channels_first), copies)
    return _transposed(name, linear, shift, copies, linear.terms)


def _transposed(name: str, linear: _Product, bias: np.ndarray, copies: int, terms: int) -> Affine:
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
