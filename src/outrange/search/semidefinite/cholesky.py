"""Equations of a positive definite matrix, factorized once and solved for several right sides."""

from __future__ import annotations

import numpy as np


BLOCK = 64
"""Rows that are substituted at once: an inverse of so many costs little beside the factor."""


class Cholesky:
    """A positive definite matrix as `L L^T`, in a sixth of the time that its inverse takes.

    Args:
        matrix: `(m, m)`; its lower triangle is read.

    Raises:
        numpy.linalg.LinAlgError: It is not positive definite, up to rounding.
    """

    def __init__(self, matrix: np.ndarray) -> None:
        self._lower = np.linalg.cholesky(matrix)
        m = len(matrix)
        self._blocks = [slice(k, min(k + BLOCK, m)) for k in range(0, m, BLOCK)]
        self._inner = [np.linalg.inv(self._lower[b, b]) for b in self._blocks]

    def solve(self, right: np.ndarray) -> np.ndarray:
        """`(m,)` what the matrix takes to `right`, by blocks forward and then backward."""
        lower, found = self._lower, right.copy()
        blocks = list(zip(self._blocks, self._inner, strict=True))
        for b, inverse in blocks:
            found[b] = inverse @ (found[b] - lower[b, : b.start] @ found[: b.start])
        for b, inverse in blocks[::-1]:
            found[b] = inverse.T @ (found[b] - found[b.stop :] @ lower[b.stop :, b])
        return found
