"""Applies functions to groups of channels, and keeps the order of the channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import InputError
from ..framework import keras


def pick_channels(x: Any, part: Sequence[int], axis: int) -> Any:
    """Return a tensor with only the channels `part` of `x` along `axis`, in the order of `part`."""
    first, last = part[0], part[-1]
    if list(part) == list(range(first, last + 1)):
        if last - first + 1 == x.shape[axis]:
            return x
        cut = [slice(None)] * len(x.shape)
        cut[axis] = slice(first, last + 1)
        return x[tuple(cut)]
    return keras.ops.take(x, np.asarray(part, "int32"), axis=axis)


def apply_by_groups(
    x: Any, parts: Sequence[Sequence[int]], functions: Sequence[Callable | None], axis: int
) -> Any:
    """Apply a separate function to each part of the channels of a tensor.

    Args:
        x: A tensor whose axis `axis` has a known length.
        parts: The channels of each part; every channel is in exactly one part.
        functions: One function per part, which preserves the shape of its argument; None leaves a
            part unchanged.
        axis: The channel axis, counted from 0.

    Returns:
        A tensor of the shape of `x`, with the channels in the order of `x`.
    """
    done = [
        part if function is None else function(part)
        for part, function in zip(
            (pick_channels(x, p, axis) for p in parts), functions, strict=True
        )
    ]
    together = done[0] if len(done) == 1 else keras.ops.concatenate(done, axis=axis)
    order = np.concatenate([np.asarray(p) for p in parts])
    back = np.argsort(order)
    if (back == np.arange(back.size)).all():
        return together
    return keras.ops.take(together, back.astype("int32"), axis=axis)


def axis_of(axis: int, rank: int, where: str) -> int:
    """Convert a possibly negative axis to one counted from 0; it must not be the batch axis.

    Raises:
        InputError: There is no such axis.
    """
    if not (1 <= axis < rank or -rank < axis <= -1):
        raise InputError(
            f"{where}: `axis` must be between 1 and {rank - 1}, or negative to count from the "
            f"end (axis 0 is the batch axis). Received: axis={axis}."
        )
    return axis % rank


def channels(shape: Sequence[int | None], axis: int, where: str) -> tuple[int, int]:
    """Return the index of a tensor's channel axis, counted from 0, and its length.

    Raises:
        InputError: There is no such axis, or its length is not known.
    """
    place = axis_of(axis, len(shape), where)
    size = shape[place]
    if size is None:
        raise InputError(
            f"{where} needs a known number of channels (axis {axis}). "
            f"Received: input shape {tuple(shape)}."
        )
    return place, int(size)
