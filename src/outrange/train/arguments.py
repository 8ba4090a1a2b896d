"""Arguments of layers and losses, checked with one sentence."""

from __future__ import annotations

from collections.abc import Callable
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


def _known(find: Callable[[Any], Any], given: Any, message: str) -> Any:
    try:
        return find(given)
    except (ValueError, TypeError) as error:
        raise InputError(message) from error
