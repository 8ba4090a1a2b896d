"""What the user says of the training that is planned, or that has been."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import InputError


BATCH = 32
"""Rows of a batch where `fit` is told none."""


@dataclass(frozen=True)
class Plan:
    """How long training goes on.

    Args:
        epochs: Passes over the data.
        batch_size: Rows of a batch.
    """

    epochs: int
    batch_size: int = BATCH

    def steps(self, rows: int) -> int:
        """Steps of the optimizer, at most, over this many rows."""
        return self.epochs * -(-rows // self.batch_size)


def plan_of(epochs: Any, batch_size: Any) -> Plan | None:
    """The plan that the arguments of `diagnose` state; None if they state none.

    Raises:
        InputError: They are not whole numbers from 1 on, or a batch size comes without epochs.
    """
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if value is not None and not (whole and value >= 1):
            raise InputError(f"`{name}` is a whole number from 1 on. Received: {name}={value!r}.")
    if epochs is None:
        if batch_size is not None:
            raise InputError(
                "`batch_size` counts the steps of an epoch, so it needs `epochs` beside it. "
                f"Received: batch_size={batch_size!r} alone."
            )
        return None
    return Plan(int(epochs), BATCH if batch_size is None else int(batch_size))


def history_of(history: Any) -> dict[str, np.ndarray] | None:
    """What was logged after each epoch, by its name; None if nothing is given.

    Args:
        history: What `fit` returned, or its `history`: names to lists of numbers.

    Raises:
        InputError: It is neither, or its lists hold no numbers.
    """
    if history is None:
        return None
    given = getattr(history, "history", history)
    if not isinstance(given, Mapping) or not given:
        raise InputError(
            "`history` is what `fit` returned, or a dict of lists, one number an epoch. "
            f"Received: {type(history).__name__}{' without entries' if given == {} else ''}."
        )
    return {str(name): _numbers(str(name), values) for name, values in given.items()}


def _numbers(name: str, values: Sequence[Any]) -> np.ndarray:
    try:
        found = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        found = np.zeros((0, 0))
    if found.ndim != 1 or not len(found):
        raise InputError(
            f"`history[{name!r}]` is a list of numbers, one an epoch. Received: {values!r}."[:300]
        )
    return found


def split_rows(rows: int, share: Any) -> int:
    """How many rows `fit` trains on if it keeps a share of them, the last ones, for validation.

    Raises:
        InputError: The share is not in [0, 1), or leaves no row on a side.
    """
    number = isinstance(share, int | float | np.number) and not isinstance(share, bool)
    if not number or not 0.0 <= share < 1.0:
        raise InputError(
            f"`validation_split` is a share in [0, 1). Received: validation_split={share!r}."
        )
    kept = int(np.floor(rows * (1.0 - float(share))))
    if share and not 0 < kept < rows:
        raise InputError(
            "`validation_split` must leave rows on both sides. "
            f"Received: validation_split={share!r} of {rows} rows."
        )
    return kept if share else rows


def cut_rows(data: Any, kept: int) -> Any:
    """The first rows of arrays in a structure."""
    if isinstance(data, dict):
        return {key: cut_rows(part, kept) for key, part in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(cut_rows(part, kept) for part in data)
    return None if data is None else data[:kept]


def cut(data: Any, rows: np.ndarray) -> Any:
    """Some rows of arrays in a structure."""
    if isinstance(data, dict):
        return {key: cut(part, rows) for key, part in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(cut(part, rows) for part in data)
    return None if data is None else data[rows]
