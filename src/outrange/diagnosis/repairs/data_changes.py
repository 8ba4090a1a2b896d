"""Changes of inputs and targets that findings propose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class DataChange:
    """One change to the data.

    Args:
        of: The changed data: `"x"`, `"y"`, or `"rows"`, which drops rows from both.
        make: Function from an array, `(rows, ...)`, to the changed array; for `"rows"`, to the mask
            of the rows to keep.
        unit: Function from the original targets to the factor by which the change divides distances
            between targets. None if losses before and after the change are not comparable.
        same_labels: Whether the change only renumbers the labels.
    """

    of: str
    make: Callable[[np.ndarray], np.ndarray]
    unit: Callable[[np.ndarray], float] | None = None
    same_labels: bool = False

    def apply(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return the changed inputs and targets."""
        if self.of == "rows":
            keep = np.ones(len(leaves(x)[0]), bool)
            for array in (*leaves(x), *leaves(y)):
                keep &= self.make(array)
            return _each(x, lambda a: a[keep]), _each(y, lambda a: a[keep])
        if self.of == "x":
            return _each(x, self.make), y
        return x, _each(y, self.make)


def leaves(data: Any) -> list[np.ndarray]:
    """Return a list of the arrays in a nested structure; those of a dict are ordered by key."""
    if isinstance(data, dict):
        return [leaf for key in sorted(data) for leaf in leaves(data[key])]
    if isinstance(data, list | tuple):
        return [leaf for part in data for leaf in leaves(part)]
    return [] if data is None else [data]


def _each(data: Any, make: Callable[[np.ndarray], np.ndarray]) -> Any:
    if isinstance(data, dict):
        return {key: _each(part, make) for key, part in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(_each(part, make) for part in data)
    return None if data is None else make(data)


def standardize(array: np.ndarray) -> np.ndarray:
    """Scale each column to mean 0 and standard deviation 1; a constant column becomes 0."""
    wide = array.astype(np.float64)
    spread = wide.std(axis=0)
    return ((wide - wide.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).astype(np.float32)


def standardize_jointly(array: np.ndarray) -> np.ndarray:
    """Scale an array to mean 0 and standard deviation 1 over all entries; a constant becomes 0."""
    wide = array.astype(np.float64)
    return ((wide - wide.mean()) / (wide.std() or 1.0)).astype(np.float32)


def scale_into(lo: float, hi: float) -> DataChange:
    """Return the change that maps the range of the targets linearly onto `[lo, hi]`."""

    def make(array: np.ndarray) -> np.ndarray:
        wide = array.astype(np.float64)
        return ((wide - wide.min()) / (np.ptp(wide) or 1.0) * (hi - lo) + lo).astype(np.float32)

    return DataChange("y", make, lambda array: float(np.ptp(array)) / (hi - lo))


def shift_labels(by: float) -> DataChange:
    """Return the change that subtracts `by` from the labels."""
    return DataChange("y", lambda array: array - array.dtype.type(by))


def map_signs_to_labels() -> DataChange:
    """Return the change that maps the labels -1 and 1 to 0 and 1."""
    return DataChange("y", lambda array: (array + 1) / 2, same_labels=True)


def scale_targets() -> DataChange:
    """Return the change that scales the targets to mean 0 and standard deviation 1.

    Mean and standard deviation are computed over all entries.
    """
    return DataChange(
        "y", standardize_jointly, lambda array: float(array.astype(np.float64).std()) or 1.0
    )


def scale_inputs() -> DataChange:
    """Return the change that scales each input column to mean 0 and standard deviation 1."""
    return DataChange("x", standardize)


def keep_finite_rows() -> DataChange:
    """Return the change that keeps only the rows whose inputs and targets are all finite."""
    return DataChange(
        "rows",
        lambda array: np.all(np.isfinite(array.astype(np.float64)).reshape(len(array), -1), axis=1),
    )


def add_column_axis() -> DataChange:
    """Return the change that reshapes targets from `(n,)` to `(n, 1)`."""
    return DataChange("y", lambda array: array[:, None] if array.ndim == 1 else array)


def restore_classes(scale: float) -> DataChange:
    """Return the change that multiplies the targets by `scale` and rounds them to integers.

    It restores class numbers that were divided by `scale`.
    """
    return DataChange("y", lambda array: np.rint(array * scale).astype(np.float32))


def map_labels_to_0_and_1() -> DataChange:
    """Return the change that maps the lower of two labels to 0 and the higher one to 1.

    Losses before and after this change are not comparable.
    """
    return replace(scale_into(0.0, 1.0), unit=None)
