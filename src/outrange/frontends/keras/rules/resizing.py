"""Lowering rules for resizing images, by selecting entries or by averaging neighbors."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from ....core import UnsupportedError
from ....graph import Operand
from ....graph.composites.resize import check_along, half_pixel, linear_weights, resample
from ...rule_table import rule_decorator
from ..lower.call import KerasCall


RULES: dict[str, Callable] = {}
rule = rule_decorator(RULES)


@rule("Resize")
def _resize(c: KerasCall) -> Operand:
    return _resize_to(c, c.op.size, c.op)


@rule("Resizing")
def _resizing(c: KerasCall) -> Operand:
    return _resize_to(c, (c.op.height, c.op.width), c.op)


def _resize_to(c: KerasCall, size: tuple[int, int], options: Any) -> Operand:
    """Lower a resize to `size` (height and width); `options` contains the other arguments."""
    if options.crop_to_aspect_ratio or options.pad_to_aspect_ratio:
        raise UnsupportedError("resizing that crops or pads to an aspect ratio is not supported")
    rank = len(c.x.shape)
    last = options.data_format == "channels_last"
    axes = (rank - 3, rank - 2) if last else (rank - 2, rank - 1)
    if options.interpolation == "nearest":
        return _move_entries(c)
    check_along(size, f"layer `{c.builder.source}`")
    if options.interpolation != "bilinear":
        raise UnsupportedError(
            f"resizing with interpolation {options.interpolation!r} is not supported"
        )
    along = {}
    for axis, m in zip(axes, size, strict=True):
        n = c.x.shape[axis]
        # To avoid jagged lines in a shrunk image, a mean reaches as far as an output pixel is wide.
        reach = max(Fraction(n, m), Fraction(1)) if options.antialias else Fraction(1)
        along[axis] = linear_weights(half_pixel(n, m), n, reach)
    return resample(c.builder, c.x, along)


def resized_crop(c: KerasCall) -> Operand | None:
    """Crop the middle of an image to the aspect ratio of the target, and resize the crop.

    Return None if neither dimension of the image is smaller than that of the target, so that
    cropping alone suffices.
    """
    rank, target = len(c.x.shape), (c.op.height, c.op.width)
    last = c.op.data_format == "channels_last"
    axes = (rank - 3, rank - 2) if last else (rank - 2, rank - 1)
    height, width = (c.x.shape[a] for a in axes)
    if height >= target[0] and width >= target[1]:
        return None
    check_along(target, f"layer `{c.builder.source}`")
    # Keras rounds these float quotients down.
    sizes = int(float(width * target[0]) / target[1]), int(float(height * target[1]) / target[0])
    crop, along = [slice(None)] * rank, {}
    for axis, n, size, m in zip(axes, (height, width), sizes, target, strict=True):
        length = max(min(n, size), 1)
        start = int(float(n - length) / 2)
        crop[axis] = slice(start, start + length)
        along[axis] = linear_weights(half_pixel(length, m), length, Fraction(1))
    cropped = c.builder.structural(lambda a: a[0][tuple(crop)], [c.x], name="crop")
    return resample(c.builder, cropped, along)


def _move_entries(c: KerasCall) -> Operand:
    """Lower a nearest-neighbor resize as a selection of entries.

    Backends disagree on which input entry is nearest to an output entry. So the operation itself is
    run on an array of positions: the result shows which input entry each output entry copies.

    Raises:
        UnsupportedError: The image has `2**24` entries or more.
    """
    ops = c.keras.ops
    if c.x.size >= 2**24:
        raise UnsupportedError(
            "an image of 2**24 entries or more is not supported in this layer; this image has "
            f"{c.x.size:,} entries"
        )

    def run(marked: list[np.ndarray]) -> np.ndarray:
        # Positions as float32, which resizing keeps exact up to 2 ** 24.
        entries = c.op(ops.convert_to_tensor(marked[0].astype(np.float32)))
        return np.asarray(ops.convert_to_numpy(entries)).astype(np.int64)

    return c.builder.structural(run, [c.x], name="resize")
