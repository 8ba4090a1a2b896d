"""Object arrays: broadcasting, entry by entry, and the groups that a reduction runs over."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import InputError
from .forms import filled
from .nodes import ExpressionNode


def broadcast(node: ExpressionNode, *arrays: np.ndarray) -> list[np.ndarray]:
    """The arrays in one shape, as NumPy aligns them.

    Raises:
        InputError: The shapes do not fit.
    """
    try:
        return list(np.broadcast_arrays(*arrays))
    except ValueError:
        shapes = " and ".join(str(array.shape) for array in arrays)
        raise InputError(
            "The two sides must have shapes that broadcast (there is no batch axis). "
            f"Received: {node!r} of shapes {shapes}."
        ) from None


def entrywise(rule: Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    """The rule applied to the entries of arrays of one shape."""
    entries = [array.ravel().tolist() for array in arrays]
    return filled([rule(*each) for each in zip(*entries, strict=True)], arrays[0].shape)


def axes(node: ExpressionNode, array: np.ndarray) -> tuple[int, ...]:
    """The axes a reduction runs over, each from 0.

    Raises:
        InputError: There is no such axis.
    """
    if node.detail is None:
        return tuple(range(array.ndim))
    several = node.detail if isinstance(node.detail, tuple) else (node.detail,)
    found = []
    for axis in several:
        try:
            found.append(range(array.ndim)[operator.index(axis)])
        except (TypeError, IndexError):
            raise InputError(
                f"`axis` must be an axis of {node.parts[0]!r}, whose shape is {array.shape} (no "
                f"batch axis). Received: axis={node.detail!r}."
            ) from None
    return tuple(found)


def groups(
    node: ExpressionNode, array: np.ndarray, over: tuple[int, ...]
) -> tuple[np.ndarray, tuple[int, ...]]:
    """`(groups, entries)`: what is reduced to one entry each, and the shape of the result.

    Raises:
        InputError: An axis is named twice.
    """
    if len(set(over)) < len(over):
        raise InputError(f"`axis` names an axis twice. Received: axis={node.detail!r}.")
    kept = [axis for axis in range(array.ndim) if axis not in over]
    shape = tuple(array.shape[axis] for axis in kept)
    moved = array.transpose([*kept, *sorted(over)])
    return moved.reshape(math.prod(shape), math.prod(array.shape[axis] for axis in over)), shape
