"""Reads the numbers of layers that enforce a rule, and rounds them to the layer's dtype."""

from __future__ import annotations

import warnings
from math import isnan
from typing import Any

import numpy as np

from ....core import InputError
from ...framework import keras


def number_dtype(layer: Any) -> str:
    """Return the dtype in which a layer's numbers are computed.

    This is the layer's compute dtype, or float32 for float64 on JAX without 64-bit numbers.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return keras.backend.standardize_dtype(keras.ops.zeros((), layer.compute_dtype).dtype)


def read_limits(value: Any, name: str, where: str, missing: float) -> np.ndarray:
    """Convert a limit, or one limit per output, to a float64 array of shape () or (outputs,).

    Args:
        value: A number, None for no limit, or a list of numbers and None.
        name: Name of the argument in messages.
        where: Description of the caller, for messages.
        missing: The number that replaces None: infinity or minus infinity.

    Raises:
        InputError: `value` is none of these, is an empty list, or contains NaN or an infinite
            number of the opposite sign to `missing`.
    """
    listed = value.tolist() if hasattr(value, "tolist") else value
    entries = list(listed) if isinstance(listed, list | tuple) else [listed]
    if not entries or not all(_is_limit(e, missing) for e in entries):
        raise InputError(
            f"{where}: `{name}` must be a number, None for no limit, or a list with one of them "
            f"per output. Received: {name}={value!r}."
        )
    numbers = np.array([missing if e is None else float(e) for e in entries])
    return numbers if isinstance(listed, list | tuple) else numbers[0]


def _is_limit(entry: Any, missing: float) -> bool:
    if entry is None:
        return True
    is_number = isinstance(entry, int | float | np.number) and not isinstance(entry, bool)
    return is_number and not isnan(entry) and entry != -missing


def limits_as_json(limits: np.ndarray) -> Any:
    """Convert a result of `read_limits` to numbers and None."""
    entries = [float(e) if np.isfinite(e) else None for e in np.atleast_1d(limits)]
    return entries if limits.ndim else entries[0]


def read_matrix(value: Any, name: str, where: str) -> np.ndarray:
    """Convert a vector or matrix of finite numbers to a float64 matrix with at least one entry.

    Raises:
        InputError: `value` is something else.
    """
    rule = f"{where}: `{name}` must be a list of finite numbers, or a matrix with one row per rule."
    try:
        matrix = np.asarray(value)
    except ValueError:
        raise InputError(f"{rule} Received: rows of different lengths.") from None
    if matrix.dtype.kind not in "iuf" or matrix.ndim not in (1, 2) or not matrix.size:
        raise InputError(f"{rule} Received: {name}={value!r}.")
    if not np.isfinite(matrix).all():
        raise InputError(f"{rule} Received: NaN or infinity in `{name}`.")
    return np.atleast_2d(matrix.astype(float))


def round_down(values: np.ndarray, dtype: str) -> np.ndarray:
    """Round numbers to the largest numbers of a dtype that are not above them.

    Example:
        >>> float(round_down(np.array(0.1), "float32")) <= 0.1
        True
    """
    rounded = np.asarray(values).astype(dtype)
    lower = np.nextafter(rounded, np.array(-np.inf).astype(dtype))
    return np.where(rounded.astype(float) > values, lower, rounded)


def round_up(values: np.ndarray, dtype: str) -> np.ndarray:
    """Round numbers to the smallest numbers of a dtype that are not below them."""
    return -round_down(-np.asarray(values), dtype)
