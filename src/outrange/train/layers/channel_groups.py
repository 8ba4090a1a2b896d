"""A function applied to each of several groups of channels, and the channels put back in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import InputError
from ..framework import keras


def picked(x: Any, part: Sequence[int], axis: int) -> Any:
    """The channels `part` of `x`; a slice where they stand side by side."""
    first, last = part[0], part[-1]
    if list(part) == list(range(first, last + 1)):
        if last - first + 1 == x.shape[axis]:
            return x
        cut = [slice(None)] * len(x.shape)
        cut[axis] = slice(first, last + 1)
        return x[tuple(cut)]
    return keras.ops.take(x, np.asarray(part, "int32"), axis=axis)


def by_pieces(
    x: Any, parts: Sequence[Sequence[int]], functions: Sequence[Callable | None], axis: int
) -> Any:
    """`functions[i]` (None: nothing) of the channels `parts[i]`, in the order of `x`.

    Args:
        x: A tensor whose axis `axis` has a known length.
        parts: Channels, each of them in exactly one part.
        functions: One a part; each keeps the shape of what it is given.
        axis: Counted from 0.
    """
    done = [
        part if function is None else function(part)
        for part, function in zip((picked(x, p, axis) for p in parts), functions, strict=True)
    ]
    together = done[0] if len(done) == 1 else keras.ops.concatenate(done, axis=axis)
    order = np.concatenate([np.asarray(p) for p in parts])
    back = np.argsort(order)
    if (back == np.arange(back.size)).all():
        return together
    return keras.ops.take(together, back.astype("int32"), axis=axis)


def axis_of(axis: int, rank: int, where: str) -> int:
    """`axis` counted from 0; the batch axis is none.

    Raises:
        InputError: There is no such axis.
    """
    if not (1 <= axis < rank or -rank < axis <= -1):
        raise InputError(
            f"{where}: `axis` is one of 1 to {rank - 1}, or counts from the end (axis 0 is the "
            f"batch). Received: axis={axis}."
        )
    return axis % rank


def channels(shape: Sequence[int | None], axis: int, where: str) -> tuple[int, int]:
    """The axis counted from 0, and its length.

    Raises:
        InputError: There is no such axis, or its length is not known.
    """
    found = axis_of(axis, len(shape), where)
    size = shape[found]
    if size is None:
        raise InputError(
            f"{where} needs to know the number of channels (axis {axis}). "
            f"Received: input shape {tuple(shape)}."
        )
    return found, int(size)
