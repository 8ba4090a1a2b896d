"""Positive definite linear systems, factorized once and solved for several right-hand sides."""

from __future__ import annotations

import numpy as np


BLOCK = 64
"""Number of rows in a block; inverting such blocks is cheap compared with the factorization."""


class Cholesky:
    """A positive definite matrix, factorized as `L L^T` in a sixth of the time of inverting it.

    Args:
        matrix: `(m, m)`; only its lower triangle is read.

    Raises:
        numpy.linalg.LinAlgError: The matrix is not positive definite, up to rounding.
    """

    def __init__(self, matrix: np.ndarray) -> None:
        self._lower = np.linalg.cholesky(matrix)
        m = len(matrix)
        self._blocks = [slice(k, min(k + BLOCK, m)) for k in range(0, m, BLOCK)]
        self._inner = [np.linalg.inv(self._lower[b, b]) for b in self._blocks]

    def solve(self, right: np.ndarray) -> np.ndarray:
        """Solve `matrix @ x = right` for `x` `(m,)` by blockwise forward and back substitution."""
        lower, x = self._lower, right.copy()
        blocks = list(zip(self._blocks, self._inner, strict=True))
        for b, inverse in blocks:
            x[b] = inverse @ (x[b] - lower[b, : b.start] @ x[: b.start])
        for b, inverse in blocks[::-1]:
            x[b] = inverse.T @ (x[b] - x[b.stop :] @ lower[b.stop :, b])
        return x
