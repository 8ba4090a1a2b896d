"""Selection of entries of an answer by index, slice or name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...core import InputError, OutrangeError, UnknownIndexError, UnknownKeyError
from ..render.text import clipped_name


def entry_index(key: Any, shape: tuple[int, ...], names: list[str]) -> np.ndarray:
    """Return the flat indices of the entries that `array[key]` selects, in the selection's shape.

    Args:
        key: Name of an entry; or an index as in NumPy: integers, slices, tuples of these, arrays of
            integers or booleans.
        shape: Shape of the arrays to select from.
        names: Names of the entries.

    Raises:
        UnknownKeyError: No entry has this name.
        UnknownIndexError: The entry does not exist.
        InputError: `key` is not an index.
    """
    if isinstance(key, str):
        if key not in names:
            few = [clipped_name(name, 40) for name in names[:6]]
            more = f", and {len(names) - 6:,} more" if len(names) > 6 else ""
            raise UnknownKeyError(f"An output must be one of {few}{more}. Received: {key!r}.")
        return np.asarray(names.index(key))
    parts = key if isinstance(key, tuple) else (key,)
    if any(part is None or isinstance(part, bool | float) for part in parts):
        raise InputError(
            "Outputs are selected by name, by integers, by slices, or by arrays of integers or "
            f"Booleans. Received: {key!r}."
        )
    try:
        return np.asarray(np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)[key])
    except IndexError:
        raise UnknownIndexError(
            f"An index must be valid for the shape {shape} of the outputs. Received: index {key!r}."
        ) from None
    except (TypeError, ValueError):
        raise InputError(
            "Outputs are selected by name, by integers, by slices, or by arrays of integers or "
            f"Booleans. Received: {key!r}."
        ) from None


def check_entries(
    outputs: Mapping[str, tuple[int, ...]], labels: tuple[str, ...], *arrays: np.ndarray
) -> None:
    """Check that arrays, and `labels` unless it is empty, have one entry per output.

    Raises:
        OutrangeError: An array or `labels` has the wrong size, or the arrays differ in shape.
    """
    count = sum(math.prod(shape) for shape in outputs.values())
    sizes = [array.size for array in arrays] + [len(labels)] * bool(labels)
    if any(size != count for size in sizes) or len({array.shape for array in arrays}) > 1:
        raise OutrangeError(
            "The arrays of an answer must have one entry per output and the same shape. This error "
            "is a bug in outrange; please report it. "
            f"Received: {count:,} outputs, {[array.shape for array in arrays]}, "
            f"{len(labels):,} labels."
        )


def pick_entries(values: Any, where: np.ndarray, shape: tuple[int, ...]) -> Any:
    """Return the entries at flat indices `where` of an array `(*shape, ...)` or a dict of arrays.

    None is returned unchanged.
    """
    if values is None:
        return None
    if isinstance(values, dict):
        return {key: pick_entries(value, where, shape) for key, value in values.items()}
    size = int(np.prod(shape, dtype=np.int64))
    return values.reshape(size, *values.shape[len(shape) :])[where]


def part_name(names: list[str], where: np.ndarray) -> str:
    """Return a name for the outputs at flat indices `where`, such as `y[0] to y[3]`."""
    flat = where.ravel()
    if flat.size == 0:
        return "nothing"
    return names[flat[0]] if flat.size == 1 else f"{names[flat[0]]} to {names[flat[-1]]}"
