"""Array types for signatures, fast products with sparse rows, and distinct rows of an array."""

from collections.abc import Callable

import numpy as np


Numbers = float | np.ndarray
"""A number or an array of numbers."""

Elementwise = Callable[[np.ndarray], np.ndarray]
"""A function of real numbers, applied to every entry of an array of any shape."""


def linear_forms(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return `values @ rows.T`, `(batch, k)`, by indexing if no row has two nonzero entries.

    For example, the range of thousands of outputs has one single-entry form per output, and the
    matrix product would cost more than the network.

    Args:
        rows: Coefficients of the forms, `(k, outputs)`.
        values: Values of the outputs, `(batch, outputs)`.
    """
    column = np.abs(rows).argmax(axis=1)
    coefficient = rows[np.arange(len(rows)), column]
    if np.count_nonzero(rows) > np.count_nonzero(coefficient):
        return values @ rows.T
    if np.all(coefficient == 1.0) and np.array_equal(column, np.arange(values.shape[1])):
        return values
    return np.where(coefficient == 0, 0.0, values[:, column] * coefficient)


def distinct_rows(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct rows of `x` in order of occurrence, and each row's index among them.

    Rows are hashed by their bytes, which avoids sorting long rows.

    Args:
        x: An array of rows, `(rows, columns)`.

    Returns:
        The distinct rows, `(distinct, columns)`, and the position of each row of `x` among them,
        `(rows,)` integers.
    """
    places: dict[bytes, int] = {}
    index = np.array([places.setdefault(row.tobytes(), len(places)) for row in x], np.int64)
    _, first = np.unique(index, return_index=True)
    return x[first], index
