"""The linear map of a convolution and its transpose, as matrix products over sliding windows.

The convolution copies the entries under each position of the kernel next to each other. One matrix
product per group and sample then remains. The transpose multiplies first, and then adds each
product to the entry that it belongs to. If the strides divide the kernel, the transpose may itself
be computed as a convolution with stride one. This convolution maps the results to cells, each with
as many entries along an axis as its stride. Each entry of a cell has a separate part of the kernel
(sub-pixel convolution). Both maps put the channels before the spatial axes, whatever the order in
the model: this is faster for few channels, and as fast for many.

Reference: W. Shi et al., *Is the deconvolution layer the same as a convolutional layer?*, 2016.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...core.clock import charge
from .slide import Slide


_ROOM = 1 << 18
"""Limit on copied entries in a chunk of several rows, about what fits in a core's cache."""


@dataclass(frozen=True, eq=False)
class SlidingProduct:
    """The linear map of a convolution between flat vectors, and its transpose.

    Args:
        slide: Geometry of the sliding kernel.
        matrix: `(groups, results, entries)`, with one result per output channel of a group, and one
            entry per input channel of the group and kernel position.
        channels_first: Whether channels precede the spatial axes in the flat vectors.
    """

    slide: Slide
    matrix: np.ndarray
    channels_first: bool

    @cached_property
    def size_of(self) -> np.ndarray:
        return np.abs(self.matrix)

    @cached_property
    def phases(self) -> Slide | None:
        """The slide of the transpose as a convolution; None if that is impossible or costs more."""
        slide = self.slide.transposed
        if slide is None:
            return None
        _, out, entries = self.matrix.shape
        copied = out * math.prod((*slide.kernel, *slide.outputs))
        return slide if copied <= entries * math.prod(self.slide.outputs) else None

    @cached_property
    def phase_matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """The kernel of the transpose as a convolution, and its absolute values.

        Both are `(groups, entries of a cell, results that see it)`.
        """
        groups, out, _ = self.matrix.shape
        strides, places = self.slide.strides, self.slide.kernel
        split_shape = [n for k, s in zip(places, strides, strict=True) for n in (k // s, s)]
        axes = len(places)
        flipped = np.flip(
            self.matrix.reshape(groups, out, -1, *split_shape),
            tuple(3 + 2 * i for i in range(axes)),
        )
        order = (0, 2, *(4 + 2 * i for i in range(axes)), 1, *(3 + 2 * i for i in range(axes)))
        cell = self.channels[0] // groups * math.prod(strides)
        kernel = np.ascontiguousarray(flipped.transpose(order).reshape(groups, cell, -1))
        return kernel, np.abs(kernel)

    @property
    def channels(self) -> tuple[int, int]:
        """Numbers of input and output channels."""
        groups, out, entries = self.matrix.shape
        return groups * entries // math.prod(self.slide.kernel), groups * out

    @property
    def sizes(self) -> tuple[int, int]:
        """Lengths of the input and output vectors."""
        inside, out = self.channels
        return inside * math.prod(self.slide.inputs), out * math.prod(self.slide.outputs)

    @property
    def terms(self) -> int:
        """The largest number of products added into one entry by the map or by its transpose."""
        _, out, entries = self.matrix.shape
        seen, seeing = self.slide.most
        return max(entries // math.prod(self.slide.kernel) * seen, out * seeing, 1)

    def forward(self, x: np.ndarray, absolute: bool) -> np.ndarray:
        """Convolve flat images `(..., in)`, or several per row, `(..., copies * in)`."""
        matrix = (self.size_of if absolute else self.matrix).astype(x.dtype, copy=False)
        return self._in_chunks(x, *self.sizes, lambda rows, out: self._forward(rows, out, matrix))

    def backward(self, y: np.ndarray, absolute: bool) -> np.ndarray:
        """Apply the transpose to flat results `(..., out)`, or `(..., copies * out)`."""
        if self.phases is None:
            matrix, function = self.size_of if absolute else self.matrix, self._backward
        else:
            matrix, function = self.phase_matrices[int(absolute)], self._backward_by_phases
        matrix = matrix.astype(y.dtype, copy=False)
        return self._in_chunks(
            y, self.sizes[1], self.sizes[0], lambda rows, out: function(rows, out, matrix)
        )

    def _in_chunks(
        self,
        rows: np.ndarray,
        length: int,
        size: int,
        function: Callable[[np.ndarray, np.ndarray], None],
    ) -> np.ndarray:
        """Call `function(rows, out)` for one chunk of rows at a time, so that copies stay small."""
        copies = rows.shape[-1] // length
        charge(rows.size // length * self.matrix.size * math.prod(self.slide.outputs))
        flat = rows.reshape(math.prod(rows.shape[:-1]) * copies, length)
        out = np.empty((len(flat), size), rows.dtype)
        places = self.channels[0] * math.prod((*self.slide.kernel, *self.slide.outputs))
        step = max(1, _ROOM // max(places, *self.sizes))
        for start in range(0, len(flat), step):
            function(flat[start : start + step], out[start : start + step])
        return out.reshape(*rows.shape[:-1], copies * size)

    def _image(self, rows: np.ndarray, channels: int, spatial: tuple[int, ...]) -> np.ndarray:
        """Return flat rows as images with channels first: `(b, channels, *spatial)`, a view."""
        if self.channels_first:
            return rows.reshape(-1, channels, *spatial)
        return np.moveaxis(rows.reshape(-1, *spatial, channels), -1, 1)

    def _results(self, rows: np.ndarray) -> np.ndarray:
        """Return flat results as `(b, groups, channels of a group, positions)`, a view."""
        groups, out, _ = self.matrix.shape
        places = math.prod(self.slide.outputs)
        if self.channels_first:
            return rows.reshape(-1, groups, out, places)
        return rows.reshape(-1, places, groups, out).transpose(0, 2, 3, 1)

    def _forward(self, x: np.ndarray, out: np.ndarray, matrix: np.ndarray) -> None:
        groups, _, entries = matrix.shape
        image = self._image(x, self.channels[0], self.slide.inputs)
        parts = self.slide.gather(image).reshape(len(x), groups, entries, -1)
        if self.channels_first or groups > 1:
            self._results(out)[:] = matrix @ parts
        else:
            # With both factors transposed, the product is written in the right order.
            out[:] = (parts[:, 0].transpose(0, 2, 1) @ matrix[0].T).reshape(len(x), -1)

    def _backward(self, y: np.ndarray, out: np.ndarray, matrix: np.ndarray) -> None:
        parts = matrix.transpose(0, 2, 1) @ self._results(y)
        parts = parts.reshape(len(y), -1, *self.slide.kernel, *self.slide.outputs)
        out[:] = 0.0
        self.slide.scatter(parts, self._image(out, self.channels[0], self.slide.inputs))

    def _backward_by_phases(self, y: np.ndarray, out: np.ndarray, matrix: np.ndarray) -> None:
        """Gather the results that see each cell of `strides` entries, and multiply once."""
        phases, strides = self.phases, self.slide.strides
        assert phases is not None
        results = self._image(y, self.channels[1], self.slide.outputs)
        parts = phases.gather(results).reshape(len(y), *matrix.shape[::2], -1)
        cells = (matrix @ parts).reshape(len(y), -1, *strides, *phases.outputs)
        axes = len(strides)
        order = [n for i in range(axes) for n in (2 + axes + i, 2 + i)]
        whole = tuple(n * s for n, s in zip(phases.outputs, strides, strict=True))
        touched = cells.transpose(0, 1, *order).reshape(len(y), -1, *whole)
        out[:] = 0.0
        self.slide.put(touched, self._image(out, self.channels[0], self.slide.inputs))
