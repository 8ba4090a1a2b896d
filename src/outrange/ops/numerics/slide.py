"""The geometry of a sliding kernel: which image entries a result sees, and vice versa."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import as_strided


@dataclass(frozen=True, eq=False)
class Slide:
    """A kernel that slides over a padded image: `output o` sees `input o * stride + k * dilation`.

    Args:
        inputs: Spatial shape of the image.
        kernel: Spatial shape of the kernel.
        outputs: Spatial shape of the result.
        strides: Step between neighboring results along each axis.
        dilation: Step between neighboring entries of the kernel along each axis.
        before: Number of zeros padded at the start of each axis; a negative number drops entries.
    """

    inputs: tuple[int, ...]
    kernel: tuple[int, ...]
    outputs: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]

    @cached_property
    def extent(self) -> tuple[int, ...]:
        """Spatial shape of the box of positions that the kernel touches, padding included."""
        return tuple(
            (m - 1) * s + (k - 1) * d + 1
            for m, s, k, d in zip(
                self.outputs, self.strides, self.kernel, self.dilation, strict=True
            )
        )

    @cached_property
    def overlap(self) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """Slices of the overlap of extent and image: within the extent, and within the image."""
        in_extent, in_image = [], []
        for n, e, lead in zip(self.inputs, self.extent, self.before, strict=True):
            start = max(lead, 0)
            length = max(min(n - max(-lead, 0), e - start), 0)
            in_extent.append(slice(start, start + length))
            in_image.append(slice(max(-lead, 0), max(-lead, 0) + length))
        return tuple(in_extent), tuple(in_image)

    @cached_property
    def is_inside(self) -> bool:
        """Whether the kernel never touches padding."""
        return all(
            t.start == 0 and t.stop == e for t, e in zip(self.overlap[0], self.extent, strict=True)
        )

    @cached_property
    def most(self) -> tuple[int, int]:
        """Largest numbers of entries that a result sees, and of results that see an entry."""
        seen, seeing = 1, 1
        for n, k, m, s, d, lead in zip(
            self.inputs,
            self.kernel,
            self.outputs,
            self.strides,
            self.dilation,
            self.before,
            strict=True,
        ):
            at = np.arange(m)[:, None] * s + np.arange(k) * d - lead
            inside = (at >= 0) & (at < n)
            seen *= int(inside.sum(axis=1).max())
            seeing *= int(np.bincount(at[inside], minlength=1).max())
        return seen, seeing

    def gather(self, image: np.ndarray) -> np.ndarray:
        """Return all windows that the kernel touches in images `(b, channels, *inputs)`.

        The result is a view of shape `(b, channels, *kernel, *outputs)`.
        """
        in_extent, in_image = self.overlap
        if self.is_inside:
            touched = image[(..., *in_image)]
        else:
            touched = np.zeros((*image.shape[:2], *self.extent), image.dtype)
            touched[(..., *in_extent)] = image[(..., *in_image)]
        lead, steps = touched.strides[:2], touched.strides[2:]
        inner = tuple(a * d for a, d in zip(steps, self.dilation, strict=True))
        outer = tuple(a * s for a, s in zip(steps, self.strides, strict=True))
        shape = (*image.shape[:2], *self.kernel, *self.outputs)
        strides = (*lead, *inner, *outer)
        if touched.flags.c_contiguous:  # the same view, without the Python overhead of `as_strided`
            return np.ndarray(shape, touched.dtype, touched, 0, strides)
        return as_strided(touched, shape, strides, writeable=False)

    def scatter(self, parts: np.ndarray, image: np.ndarray) -> None:
        """Apply the transpose of `gather`: write the sums of `parts` to the entries of `image`."""
        touched = np.zeros((*image.shape[:2], *self.extent), parts.dtype)
        for place in product(*(range(k) for k in self.kernel)):
            target = tuple(
                slice(k * d, k * d + (m - 1) * s + 1, s)
                for k, d, m, s in zip(place, self.dilation, self.outputs, self.strides, strict=True)
            )
            touched[(..., *target)] += parts[(slice(None), slice(None), *place)]
        self.put(touched, image)

    def put(self, touched: np.ndarray, image: np.ndarray) -> None:
        """Copy to `image` the entries of `touched`, an array over the extent, that overlap it."""
        in_extent, in_image = self.overlap
        image[(..., *in_image)] = touched[(..., *in_extent)]

    @cached_property
    def transposed(self) -> "Slide | None":
        """The slide of the transpose, from the results to cells of `strides` image entries.

        None if the strides do not divide the kernel's shape, or if the kernel is dilated.
        """
        if any(d > 1 for d in self.dilation) or any(
            k % s for k, s in zip(self.kernel, self.strides, strict=True)
        ):
            return None
        kernel = tuple(k // s for k, s in zip(self.kernel, self.strides, strict=True))
        ones = (1,) * len(kernel)
        return Slide(
            inputs=self.outputs,
            kernel=kernel,
            outputs=tuple(m + k - 1 for m, k in zip(self.outputs, kernel, strict=True)),
            strides=ones,
            dilation=ones,
            before=tuple(k - 1 for k in kernel),
        )

    def seen_by(self, results: Sequence[slice]) -> tuple[slice, ...]:
        """Return the box of image entries that a box of results sees; it is never empty."""
        slices = []
        for i, place in enumerate(results):
            first = place.start * self.strides[i] - self.before[i]
            last = (place.stop - 1) * self.strides[i] - self.before[i]
            last += (self.kernel[i] - 1) * self.dilation[i]
            start = min(max(first, 0), self.inputs[i] - 1)
            slices.append(slice(start, max(min(last + 1, self.inputs[i]), start + 1)))
        return tuple(slices)

    def seen_from(self, entries: Sequence[slice]) -> tuple[slice, ...]:
        """Return the box of results that see a box of image entries; it is never empty."""
        slices = []
        for i, part in enumerate(entries):
            reach = (self.kernel[i] - 1) * self.dilation[i]
            # Result o sees the entries o * stride - before ... + reach.
            first = -(-(part.start + self.before[i] - reach) // self.strides[i])
            last = (part.stop - 1 + self.before[i]) // self.strides[i]
            start = min(max(first, 0), self.outputs[i] - 1)
            slices.append(slice(start, max(min(last + 1, self.outputs[i]), start + 1)))
        return tuple(slices)

    def between(self, entries: Sequence[slice], results: Sequence[slice]) -> "Slide":
        """Return the slide from a box of image entries to a box of results."""
        before = tuple(
            lead + part.start - place.start * stride
            for lead, part, place, stride in zip(
                self.before, entries, results, self.strides, strict=True
            )
        )
        return replace(
            self,
            inputs=tuple(part.stop - part.start for part in entries),
            outputs=tuple(place.stop - place.start for place in results),
            before=before,
        )
