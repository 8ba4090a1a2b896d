"""Checks of the arguments of layers and losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import numpy as np

from ..core import InputError
from .framework import keras


def positive_integer(value: Any, name: str, where: str) -> int:
    """Check that a value is a positive integer and return it as an `int`.

    Args:
        value: The value to check.
        name: Name of the argument in messages.
        where: Description of the caller, for messages.

    Raises:
        InputError: The value is not a positive integer.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{where}: `{name}` must be an integer >= 1. Received: {name}={value!r}.")
    return int(value)


def finite_number(value: Any, name: str, where: str, least: float = -np.inf) -> float:
    """Check that a value is a finite number, at least `least`, and return it as a `float`.

    Args:
        value: The value to check.
        name: Name of the argument in messages.
        where: Description of the caller, for messages.
        least: The smallest permitted value.

    Raises:
        InputError: The value is not a finite number of at least `least`.
    """
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not isfinite(value) or value < least:
        bound = "" if least == -np.inf else f" >= {least:g}"
        raise InputError(
            f"{where}: `{name}` must be a finite number{bound}. Received: {name}={value!r}."
        )
    return float(value)


def activation_of(value: Any, where: str) -> Any:
    """Return the Keras activation with the given name, or the given function itself.

    Raises:
        InputError: Keras has no such activation.
    """
    rule = f"{where}: an activation must be a name that Keras knows, a function or a layer."
    return _lookup(keras.activations.get, value, f"{rule} Received: {value!r}.")


def loss_of(value: Any, where: str) -> Any:
    """Return the Keras loss with the given name, or the given loss itself.

    Raises:
        InputError: Keras has no such loss.
    """
    rule = f"{where}: `loss` must be a name that Keras knows, a loss or a function."
    return _lookup(keras.losses.get, value, f"{rule} Received: loss={value!r}.")


def data_arrays(value: Any, name: str) -> Any:
    """Convert training data to a nested structure of numeric NumPy arrays.

    Args:
        value: Data as `fit` accepts them: an array with one entry per row along its first axis,
            or a list, tuple or dict of such arrays.
        name: Name of the argument in messages.

    Raises:
        InputError: A part of the data is not a numeric array, the arrays differ in length, or they
            have no rows.
    """
    data, flat = _with_arrays(value, name)
    lengths = {len(array) if array.ndim else 0 for array in flat}
    if len(lengths) != 1 or 0 in lengths:
        raise InputError(
            f"`{name}` must have at least one row, and the same number of rows in each array. "
            f"Received: arrays of shapes {[array.shape for array in flat]}."
        )
    return data


def _with_arrays(value: Any, name: str) -> tuple[Any, list[np.ndarray]]:
    if isinstance(value, Mapping):
        parts = {key: _with_arrays(part, name) for key, part in value.items()}
        return {key: part[0] for key, part in parts.items()}, [
            a for p in parts.values() for a in p[1]
        ]
    several = isinstance(value, list | tuple) and any(hasattr(part, "shape") for part in value)
    if several and any(np.ndim(part) for part in value):
        parts = [_with_arrays(part, name) for part in value]
        return [part[0] for part in parts], [a for part in parts for a in part[1]]
    array = _array(value)
    if array is None or array.dtype.kind not in "biuf":
        raise InputError(
            f"`{name}` must consist of numeric arrays; collect the batches of a data set or "
            "generator into arrays first. "
            f"Received: {type(value).__module__}.{type(value).__qualname__}"
            f"{'' if array is None else f' of dtype {array.dtype}'}."
        )
    return array, [array]


def _array(value: Any) -> np.ndarray | None:
    """Convert an array-like object to a NumPy array, or return None if that is not possible."""
    if hasattr(value, "to_numpy"):
        return value.to_numpy()
    try:
        if keras.ops.is_tensor(value):
            return keras.ops.convert_to_numpy(value)
        return np.asarray(value)
    except (ValueError, TypeError):
        return None


def _lookup(find: Callable[[Any], Any], value: Any, message: str) -> Any:
    try:
        return find(value)
    except (ValueError, TypeError) as error:
        raise InputError(message) from error
