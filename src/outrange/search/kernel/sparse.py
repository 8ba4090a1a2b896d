"""Matrices of few numbers that are not zero, as far as layer programs need them."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ...ops import Affine
from ...ops.numerics.scatter import Scatter


SPARSE_FROM = 1 << 16
"""Entries of a matrix from which on its zeros are left out where the op names the others."""


class SparseMatrix:
    """Rows, columns and values of the entries that are not zero, by row, then by column.

    Stands for an array in `x @ M`, `M @ x`, `c * M`, `abs(M)`, `M + N` and `M.T`.

    Args:
        row: Integers, shape `(n,)`.
        column: Integers, shape `(n,)`.
        value: `(n,)`; entries of one place are added up.
    """

    __array_ufunc__ = None  # `array @ matrix` asks the matrix

    def __init__(
        self, row: np.ndarray, column: np.ndarray, value: np.ndarray, shape: tuple[int, int]
    ) -> None:
        self.shape = shape
        place, same = np.unique(row * shape[1] + column, return_inverse=True)
        scatter = Scatter(same.ravel(), place.size)
        self.most = scatter.most
        """The most entries that were added up to one."""
        self.value = scatter.sums(np.take(value, scatter.order))
        self.row, self.column = place // shape[1], place % shape[1]

    @property
    def size(self) -> int:
        """How many numbers are not zero, or were sums that came out as zero."""
        return self.value.size

    @cached_property
    def T(self) -> SparseMatrix:
        """Its transpose."""
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
        """As an array."""
        found = np.zeros(self.shape)
        found[self.row, self.column] = self.value
        return found


Matrix = np.ndarray | SparseMatrix
"""A matrix of a layer program."""


def as_array(matrix: Matrix) -> np.ndarray:
    """The matrix with its zeros."""
    return matrix.dense() if isinstance(matrix, SparseMatrix) else matrix


def share_of(matrix: Matrix) -> float:
    """Which share of its entries is not zero."""
    return len(entries_of(matrix)[2]) / max(1, np.prod(matrix.shape))


def entries_of(matrix: Matrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and values of the entries that are not zero, by row."""
    if isinstance(matrix, SparseMatrix):
        return matrix.row, matrix.column, matrix.value
    row, column = np.nonzero(matrix)
    return row, column, matrix[row, column]


def identity(size: int) -> Matrix:
    """The identity, sparse where it is large."""
    if size * size < SPARSE_FROM:
        return np.eye(size)
    return SparseMatrix(np.arange(size), np.arange(size), np.ones(size), (size, size))


def matrices(op: Affine) -> tuple[Matrix, ...]:
    """The coefficients of an op, `(results, entries)` of each input."""
    if op.entries is None or op.size * sum(op.sizes) < SPARSE_FROM:
        return op.adjoint(np.eye(op.size))
    pairs = zip(op.entries(), op.sizes, strict=True)
    return tuple(SparseMatrix(*entries, (op.size, size)) for entries, size in pairs)


def placed(
    part: Matrix, size: Matrix, here: np.ndarray, unit: np.ndarray, width: int
) -> tuple[Matrix, Matrix, int]:
    """A matrix by the units that entries are, its sizes, and how many entries a unit is at most.

    Args:
        part: Array of shape `(n, entries)`.
        here: `(entries,)` which of them are units of the layer.
        unit: Array of shape `(entries,)`.
        width: How many units the layer has.
    """
    if isinstance(part, SparseMatrix) and isinstance(size, SparseMatrix):
        some = here[part.column]
        places = part.row[some], unit[part.column[some]]
        found, total = (
            SparseMatrix(*places, matrix.value[some], (part.shape[0], width))
            for matrix in (part, size)
        )
        return found, total, found.most
    scatter = Scatter(unit[here], width)
    columns = np.flatnonzero(here)[scatter.order]
    found, total = (scatter.sums(as_array(m)[:, columns]) for m in (part, size))
    return found, total, scatter.most
