"""Changes of inputs and targets that findings propose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class DataChange:
    """One change of the data.

    Args:
        of: `"x"`, `"y"`, or `"rows"` for both.
        make: From an array to another, rows first; of `"rows"`, from an array to which are kept.
        unit: By what a distance between targets is divided, where it only is scaled; None where
            losses before and after have nothing to do with each other.
        same_labels: Whether targets are the same labels after it, by other numbers.
    """

    of: str
    make: Callable[[np.ndarray], np.ndarray]
    unit: Callable[[np.ndarray], float] | None = None
    same_labels: bool = False

    def applied(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The data after it."""
        if self.of == "rows":
            kept = np.ones(len(leaves(x)[0]), bool)
            for array in (*leaves(x), *leaves(y)):
                kept &= self.make(array)
            return _each(x, lambda a: a[kept]), _each(y, lambda a: a[kept])
        if self.of == "x":
            return _each(x, self.make), y
        return x, _each(y, self.make)


def leaves(data: Any) -> list[np.ndarray]:
    """The arrays in a structure, those of a dict in the order of their names."""
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


def standardized(array: np.ndarray) -> np.ndarray:
    """Each column of mean 0 and deviation 1."""
    wide = array.astype(np.float64)
    spread = wide.std(axis=0)
    return ((wide - wide.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).astype(np.float32)


def whitened(array: np.ndarray) -> np.ndarray:
    """`(y - y.mean()) / y.std()`."""
    wide = array.astype(np.float64)
    return ((wide - wide.mean()) / (wide.std() or 1.0)).astype(np.float32)


def into(lo: float, hi: float) -> DataChange:
    """Targets scaled into an interval."""

    def make(array: np.ndarray) -> np.ndarray:
        wide = array.astype(np.float64)
        return ((wide - wide.min()) / (np.ptp(wide) or 1.0) * (hi - lo) + lo).astype(np.float32)

    return DataChange("y", make, lambda array: float(np.ptp(array)) / (hi - lo))


def shifted(by: float) -> DataChange:
    """`y - by`: labels that count from another number."""
    return DataChange("y", lambda array: array - array.dtype.type(by))


def halved() -> DataChange:
    """Labels -1 and 1 to 0 and 1."""
    return DataChange("y", lambda array: (array + 1) / 2, same_labels=True)


def scaled_targets() -> DataChange:
    """Targets of mean 0 and deviation 1."""
    return DataChange("y", whitened, lambda array: float(array.astype(np.float64).std()) or 1.0)


def scaled_inputs() -> DataChange:
    """Inputs of mean 0 and deviation 1, column by column."""
    return DataChange("x", standardized)


def finite_rows() -> DataChange:
    """The rows all of whose entries are finite."""
    return DataChange(
        "rows",
        lambda array: np.all(np.isfinite(array.astype(np.float64)).reshape(len(array), -1), axis=1),
    )


def in_columns() -> DataChange:
    """Targets of shape `(n,)` as `(n, 1)`."""
    return DataChange("y", lambda array: array[:, None] if array.ndim == 1 else array)


def whole_again(scale: float) -> DataChange:
    """Class numbers that were divided by something."""
    return DataChange("y", lambda array: np.rint(array * scale).astype(np.float32))


def labels_0_and_1() -> DataChange:
    """Two labels as 0 and 1: a loss before says nothing of one after."""
    return replace(into(0.0, 1.0), unit=None)
