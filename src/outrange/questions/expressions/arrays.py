"""Operations on object arrays: broadcasting, entrywise functions, and grouping for reductions."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import InputError
from .forms import object_array
from .nodes import ExpressionNode


def broadcast(node: ExpressionNode, *arrays: np.ndarray) -> list[np.ndarray]:
    """Broadcast arrays to one shape, as NumPy does.

    Raises:
        InputError: The shapes do not fit.
    """
    try:
        return list(np.broadcast_arrays(*arrays))
    except ValueError:
        shapes = " and ".join(str(array.shape) for array in arrays)
        raise InputError(
            "The two sides must have shapes that broadcast together (there is no batch axis). "
            f"Received: {node!r} of shapes {shapes}."
        ) from None


def entrywise(rule: Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    """Apply a function entry by entry to arrays of equal shape."""
    entries = [array.ravel().tolist() for array in arrays]
    return object_array([rule(*each) for each in zip(*entries, strict=True)], arrays[0].shape)


def axes(node: ExpressionNode, array: np.ndarray) -> tuple[int, ...]:
    """Return the axes over which a reduction runs, as indices from 0.

    Raises:
        InputError: The array does not have the requested axis.
    """
    if node.detail is None:
        return tuple(range(array.ndim))
    several = node.detail if isinstance(node.detail, tuple) else (node.detail,)
    positive = []
    for axis in several:
        try:
            positive.append(range(array.ndim)[operator.index(axis)])
        except (TypeError, IndexError):
            raise InputError(
                f"`axis` must be an axis of {node.parts[0]!r}, whose shape is {array.shape} (no "
                f"batch axis). Received: axis={node.detail!r}."
            ) from None
    return tuple(positive)


def groups(
    node: ExpressionNode, array: np.ndarray, over: tuple[int, ...]
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Group the entries of an array for a reduction over the axes `over`.

    Returns:
        An array `(groups, entries)` with one row per entry of the result, and the shape of the
        result.

    Raises:
        InputError: An axis is repeated.
    """
    if len(set(over)) < len(over):
        raise InputError(f"`axis` must not repeat an axis. Received: axis={node.detail!r}.")
    remaining = [axis for axis in range(array.ndim) if axis not in over]
    shape = tuple(array.shape[axis] for axis in remaining)
    moved = array.transpose([*remaining, *sorted(over)])
    return moved.reshape(math.prod(shape), math.prod(array.shape[axis] for axis in over)), shape
