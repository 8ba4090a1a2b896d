"""Arguments of layers and losses, checked with one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import numpy as np

from ..core import InputError
from .framework import keras


def whole_number(given: Any, name: str, where: str) -> int:
    """An integer >= 1.

    Raises:
        InputError: It is none.
    """
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or given < 1:
        raise InputError(f"{where}: `{name}` is a whole number >= 1. Received: {name}={given!r}.")
    return int(given)


def finite_number(given: Any, name: str, where: str, least: float = -np.inf) -> float:
    """A finite number, not below `least`.

    Raises:
        InputError: It is none.
    """
    number = isinstance(given, int | float | np.number) and not isinstance(given, bool)
    if not number or not isfinite(given) or given < least:
        bound = "" if least == -np.inf else f" >= {least:g}"
        raise InputError(f"{where}: `{name}` is a number{bound}. Received: {name}={given!r}.")
    return float(given)


def activation_of(given: Any, where: str) -> Any:
    """The activation that Keras knows by this name, or the function itself.

    Raises:
        InputError: Keras knows none.
    """
    rule = f"{where}: an activation is a name that Keras knows, a function or a layer."
    return _known(keras.activations.get, given, f"{rule} Received: {given!r}.")


def loss_of(given: Any, where: str) -> Any:
    """The loss that Keras knows by this name, or the loss itself.

    Raises:
        InputError: Keras knows none.
    """
    rule = f"{where}: `loss` is a name that Keras knows, a loss or a function."
    return _known(keras.losses.get, given, f"{rule} Received: loss={given!r}.")


def data_arrays(given: Any, name: str) -> Any:
    """Training data with NumPy arrays of numbers at its leaves.

    Args:
        given: As a fit takes it: an array, rows first, or a list, tuple or dict of such.
        name: What the user calls it.

    Raises:
        InputError: It holds something else, or arrays of different lengths or of no rows.
    """
    data, flat = _with_arrays(given, name)
    lengths = {len(array) if array.ndim else 0 for array in flat}
    if len(lengths) != 1 or 0 in lengths:
        raise InputError(
            f"`{name}` needs rows, as many in each of its arrays, at least one. "
            f"Received: arrays of shapes {[array.shape for array in flat]}."
        )
    return data


def _with_arrays(given: Any, name: str) -> tuple[Any, list[np.ndarray]]:
    if isinstance(given, Mapping):
        parts = {key: _with_arrays(part, name) for key, part in given.items()}
        return {key: part[0] for key, part in parts.items()}, [
            a for p in parts.values() for a in p[1]
        ]
    several = isinstance(given, list | tuple) and any(hasattr(part, "shape") for part in given)
    if several and any(np.ndim(part) for part in given):
        parts = [_with_arrays(part, name) for part in given]
        return [part[0] for part in parts], [a for part in parts for a in part[1]]
    array = _array(given)
    if array is None or array.dtype.kind not in "biuf":
        raise InputError(
            f"`{name}` holds numbers in arrays; collect what a data set or generator yields into "
            f"arrays first. Received: {type(given).__module__}.{type(given).__qualname__}"
            f"{'' if array is None else f' of dtype {array.dtype}'}."
        )
    return array, [array]


def _array(given: Any) -> np.ndarray | None:
    """Anything that is one array, as NumPy's."""
    if hasattr(given, "to_numpy"):
        return given.to_numpy()
    try:
        if keras.ops.is_tensor(given):
            return keras.ops.convert_to_numpy(given)
        return np.asarray(given)
    except (ValueError, TypeError):
        return None


def _known(find: Callable[[Any], Any], given: Any, message: str) -> Any:
    try:
        return find(given)
    except (ValueError, TypeError) as error:
        raise InputError(message) from error
