"""The user's description of a planned or finished training run, and functions that select rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import InputError


BATCH = 32
"""Default number of rows per batch in Keras's `fit`."""


@dataclass(frozen=True)
class Plan:
    """The planned length of training.

    Args:
        epochs: Number of passes over the data.
        batch_size: Number of rows per batch.
    """

    epochs: int
    batch_size: int = BATCH

    def steps(self, rows: int) -> int:
        """Return the number of optimizer steps that all epochs on `rows` rows take."""
        return self.epochs * -(-rows // self.batch_size)


def plan_of(epochs: Any, batch_size: Any) -> Plan | None:
    """Build the plan from the arguments of `diagnose`; return None if `epochs` is None.

    Raises:
        InputError: An argument is not a positive integer, or only `batch_size` is given.
    """
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if value is not None and not (whole and value >= 1):
            raise InputError(f"`{name}` must be a positive integer. Received: {name}={value!r}.")
    if epochs is None:
        if batch_size is not None:
            raise InputError(
                "`batch_size` has an effect only if `epochs` is given too. "
                f"Received: batch_size={batch_size!r} without `epochs`. Pass `epochs` too."
            )
        return None
    return Plan(int(epochs), BATCH if batch_size is None else int(batch_size))


def training_of(train: Any) -> tuple[int | None, bool]:
    """Return the argument `train` of `diagnose` as a number of steps and whether to try fixes.

    Raises:
        InputError: It is neither a number of steps nor `"fixes"` nor None.
    """
    if train is None or (isinstance(train, str) and train == "fixes"):
        return None, train is not None
    if not isinstance(train, int | np.integer) or isinstance(train, bool) or train < 0:
        raise InputError(
            '`train` must be a non-negative integer (a number of steps), "fixes" or None. '
            f"Received: train={train!r}."
        )
    return int(train), False


def history_of(history: Any) -> dict[str, np.ndarray] | None:
    """Return a dict from each logged name to its values, one per epoch; None if `history` is None.

    Args:
        history: The result of `fit`, or its attribute `history`, which maps names to lists of
            numbers.

    Raises:
        InputError: `history` is neither of these or is empty, or one of its lists is empty or not
            numeric.
    """
    if history is None:
        return None
    logged = getattr(history, "history", history)
    if not isinstance(logged, Mapping) or not logged:
        raise InputError(
            "`history` must be the result of `fit`, or a dict of lists with one number per epoch. "
            f"Received: {type(history).__name__}{' without entries' if logged == {} else ''}."
        )
    return {str(name): _numbers(str(name), values) for name, values in logged.items()}


def _numbers(name: str, values: Sequence[Any]) -> np.ndarray:
    try:
        numbers = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        numbers = np.zeros((0, 0))
    if numbers.ndim != 1 or not len(numbers):
        raise InputError(
            f"`history[{name!r}]` must be a list with one number per epoch. Received: {values!r}."[
                :300
            ]
        )
    return numbers


def split_rows(rows: int, fraction: Any) -> int:
    """Return the number of rows that `fit` trains on when it holds out the last rows.

    Args:
        rows: The total number of rows.
        fraction: The fraction of the rows that `fit` holds out for validation.

    Raises:
        InputError: The fraction is not in [0, 1), or it is positive and leaves no rows for training
            or validation.
    """
    number = isinstance(fraction, int | float | np.number) and not isinstance(fraction, bool)
    if not number or not 0.0 <= fraction < 1.0:
        raise InputError(
            "`validation_split` must be a fraction in [0, 1). "
            f"Received: validation_split={fraction!r}."
        )
    fitted = int(np.floor(rows * (1.0 - float(fraction))))
    if fraction and not 0 < fitted < rows:
        raise InputError(
            "`validation_split` must leave rows for both training and validation. "
            f"Received: validation_split={fraction!r} for {rows} rows."
        )
    return fitted if fraction else rows


def cut_rows(data: Any, count: int) -> Any:
    """Return the first `count` rows of every array in a nested structure."""
    if isinstance(data, dict):
        return {key: cut_rows(part, count) for key, part in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(cut_rows(part, count) for part in data)
    return None if data is None else data[:count]


def cut(data: Any, rows: np.ndarray) -> Any:
    """Return the rows with the given indices of every array in a nested structure."""
    if isinstance(data, dict):
        return {key: cut(part, rows) for key, part in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(cut(part, rows) for part in data)
    return None if data is None else data[rows]
