"""The data of a report: class numbers, the first rows, a radius."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...core import InputError


class NotAskedError(InputError):
    """A question does not fit this model or this data; the message says why."""


def class_numbers(y: Any) -> np.ndarray:
    """Targets as `(n,)` class numbers; one-hot rows by their place.

    Raises:
        NotAskedError: They are no classes.
    """
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] > 1 and np.isin(labels, (0, 1)).all():
        labels = labels.argmax(axis=1)
    numeric = labels.dtype.kind in "biuf"
    if not numeric or labels.size != len(labels) or (labels != np.rint(labels)).any():
        raise NotAskedError(
            "The targets are no class numbers. What small changes do to other outputs is asked as "
            "a property, or by `outrange.robustness(..., property=)`."
        )
    return labels.reshape(-1).astype(np.int64)


def first_rows(x: Any, count: int) -> Any:
    """The first rows of the data."""
    if isinstance(x, Mapping):
        return {name: np.asarray(part)[:count] for name, part in x.items()}
    return np.asarray(x)[:count]


def default_radius(x: Any) -> float:
    """1 % of the median width of the data, over the inputs that vary; 0.01 where none does."""
    parts = x.values() if isinstance(x, Mapping) else [x]
    widths = np.concatenate([np.ptp(np.asarray(part, float), axis=0).ravel() for part in parts])
    widths = widths[widths > 0]
    return 0.01 * float(np.median(widths)) if widths.size else 0.01
