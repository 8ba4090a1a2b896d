"""Types of arrays that signatures share, and products of arrays that have a short way."""

from collections.abc import Callable

import numpy as np


Numbers = float | np.ndarray
"""One number, or an array of them."""

Elementwise = Callable[[np.ndarray], np.ndarray]
"""A function of real numbers, applied to every entry of an array of any shape."""


def linear_forms(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`values @ rows.T`, `(batch, k)`; entries are picked where no row has more than one.

    A range of thousands of outputs asks for one form each: their product would cost more than
    the network.

    Args:
        rows: `(k, outputs)`.
        values: `(batch, outputs)`.
    """
    column = np.abs(rows).argmax(axis=1)
    coefficient = rows[np.arange(len(rows)), column]
    if np.count_nonzero(rows) > np.count_nonzero(coefficient):
        return values @ rows.T
    if np.all(coefficient == 1.0) and np.array_equal(column, np.arange(values.shape[1])):
        return values
    return np.where(coefficient == 0, 0.0, values[:, column] * coefficient)


def distinct_rows(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different rows of `x` in the order they come, and which of them each row is.

    Rows are told apart by their bytes: no sorting, which long rows make slow.

    Args:
        x: `(rows, columns)`.

    Returns:
        `(different, columns)` and `(rows,)` integers.
    """
    places: dict[bytes, int] = {}
    index = np.array([places.setdefault(row.tobytes(), len(places)) for row in x], np.int64)
    _, first = np.unique(index, return_index=True)
    return x[first], index
