"""Sparse matrices, with the operations that layer programs need."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ...ops import Affine
from ...ops.numerics.scatter import Scatter


SPARSE_FROM = 1 << 16
"""Number of entries at or above which a matrix is stored as sparse, if its op lists the nonzero
entries."""


class SparseMatrix:
    """Sparse matrix, stored as rows, columns and values of some of its entries, row by row.

    Supports `x @ M`, `M @ x`, `c * M`, `abs(M)`, `M + N` and `M.T`, like an array.

    Args:
        row: Integer indices, shape `(n,)`.
        column: Integer indices, shape `(n,)`.
        value: `(n,)` values; values with the same row and column are added up.
        shape: Numbers of rows and columns.
    """

    __array_ufunc__ = None  # So `array @ matrix` calls `__rmatmul__`.

    def __init__(
        self, row: np.ndarray, column: np.ndarray, value: np.ndarray, shape: tuple[int, int]
    ) -> None:
        self.shape = shape
        place, same = np.unique(row * shape[1] + column, return_inverse=True)
        scatter = Scatter(same.ravel(), place.size)
        self.most = scatter.most
        """The largest number of values that were added up for one entry."""
        self.value = scatter.sums(np.take(value, scatter.order))
        self.row, self.column = place // shape[1], place % shape[1]

    @property
    def size(self) -> int:
        """Number of stored entries, including sums that happen to be 0."""
        return self.value.size

    @cached_property
    def T(self) -> SparseMatrix:
        """The transpose."""
        return SparseMatrix(self.column, self.row, self.value, (self.shape[1], self.shape[0]))

    @cached_property
    def _by_column(self) -> Scatter:
        return Scatter(self.column, self.shape[1])

    @cached_property
    def _ordered(self) -> tuple[np.ndarray, np.ndarray]:
        order = self._by_column.order
        return self.row[order], self.value[order]

    def __rmatmul__(self, x: np.ndarray) -> np.ndarray:
        if not self.size:
            return np.zeros((*x.shape[:-1], self.shape[1]))
        row, value = self._ordered
        return self._by_column.sums(x[..., row] * value)

    def __matmul__(self, x: np.ndarray) -> np.ndarray:
        return (x.T @ self.T).T

    def __rmul__(self, factor: float) -> SparseMatrix:
        return SparseMatrix(self.row, self.column, factor * self.value, self.shape)

    def __abs__(self) -> SparseMatrix:
        return SparseMatrix(self.row, self.column, np.abs(self.value), self.shape)

    def __add__(self, other: SparseMatrix | np.ndarray) -> SparseMatrix | np.ndarray:
        if not isinstance(other, SparseMatrix):
            return self.dense() + other
        row = np.concatenate([self.row, other.row])
        column = np.concatenate([self.column, other.column])
        return SparseMatrix(row, column, np.concatenate([self.value, other.value]), self.shape)

    __radd__ = __add__

    def dense(self) -> np.ndarray:
        """Return the matrix as an array."""
        array = np.zeros(self.shape)
        array[self.row, self.column] = self.value
        return array


Matrix = np.ndarray | SparseMatrix
"""A matrix of a layer program: a dense array, or a sparse matrix."""


def as_array(matrix: Matrix) -> np.ndarray:
    """Return a matrix as an array."""
    return matrix.dense() if isinstance(matrix, SparseMatrix) else matrix


def share_of(matrix: Matrix) -> float:
    """Return the fraction of a matrix's entries that `entries_of` returns."""
    return len(entries_of(matrix)[2]) / max(1, np.prod(matrix.shape))


def entries_of(matrix: Matrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows, columns and values of a matrix's nonzero or stored entries, row by row."""
    if isinstance(matrix, SparseMatrix):
        return matrix.row, matrix.column, matrix.value
    row, column = np.nonzero(matrix)
    return row, column, matrix[row, column]


def identity(size: int) -> Matrix:
    """Return the identity matrix, sparse if it is large."""
    if size * size < SPARSE_FROM:
        return np.eye(size)
    return SparseMatrix(np.arange(size), np.arange(size), np.ones(size), (size, size))


def matrices(op: Affine) -> tuple[Matrix, ...]:
    """Return the matrix of coefficients `(results, entries)` of each input of an affine op."""
    if op.entries is None or op.size * sum(op.sizes) < SPARSE_FROM:
        return op.adjoint(np.eye(op.size))
    pairs = zip(op.entries(), op.sizes, strict=True)
    return tuple(SparseMatrix(*entries, (op.size, size)) for entries, size in pairs)


def regroup_by_units(
    part: Matrix, size: Matrix, here: np.ndarray, unit: np.ndarray, width: int
) -> tuple[Matrix, Matrix, int]:
    """Rewrite a matrix over the entries of a value as a matrix over the units of a layer.

    Args:
        part: Array of shape `(n, entries)`.
        size: Sum of the absolute values of the terms of each coefficient, of the same shape.
        here: `(entries,)` mask of the entries that are units of the layer.
        unit: `(entries,)` for each entry in the mask, the index of its unit.
        width: Number of units of the layer.

    Returns:
        The matrix and the sizes over units, and the largest number of entries added up for one
        unit.
    """
    if isinstance(part, SparseMatrix) and isinstance(size, SparseMatrix):
        some = here[part.column]
        places = part.row[some], unit[part.column[some]]
        by_units, total = (
            SparseMatrix(*places, matrix.value[some], (part.shape[0], width))
            for matrix in (part, size)
        )
        return by_units, total, by_units.most
    scatter = Scatter(unit[here], width)
    columns = np.flatnonzero(here)[scatter.order]
    by_units, total = (scatter.sums(as_array(m)[:, columns]) for m in (part, size))
    return by_units, total, scatter.most
