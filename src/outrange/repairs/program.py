"""Quadratic program: the smallest change of weights that satisfies linear constraints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import work
from ..core.clock import charge
from ..core.scipy_functions import nonnegative_least_squares


RIDGE = 1e-7
"""Weight of the change itself, relative to the mean change of the outputs."""


TOLERANCE = 1e-9
"""Largest violation of a row by a solution, in units of the largest violation at the origin."""

ITERATIONS = 50
"""Maximum number of iterations of the solver for each row; it rarely needs two."""


def least_norm(rows: np.ndarray, most: np.ndarray) -> np.ndarray | None:
    """Minimize the Euclidean norm of `x` where `rows @ x <= most`; the rows should have norm 1.

    The dual is a least-squares problem with nonnegative multipliers. It has a residual `r`, and the
    minimizer is a multiple of `r`; the residual is 0 if no `x` satisfies the rows.
    Reference: Lawson and Hanson, *Solving Least Squares Problems* (1974), chapter 23.

    Args:
        rows: Array of shape `(r, d)`.
        most: Array of shape `(r,)`.

    Returns:
        The minimizer `(d,)`, or None if the solver finds none.
    """
    unit = float(np.max(-most, initial=0.0))
    if unit <= 0.0:
        return np.zeros(rows.shape[1])
    system = np.vstack([-rows.T, -most / unit])
    target = np.zeros(len(system))
    target[-1] = 1.0
    multipliers = nonnegative_least_squares(system, target, ITERATIONS * len(most))
    charge(work.PIVOT * len(most) * sum(rows.shape))
    if multipliers is None:
        return None
    residual = system @ multipliers - target
    if residual[-1] >= 0.0:
        return None
    x = -unit / residual[-1] * residual[:-1]
    return x if (rows @ x - most).max() <= TOLERANCE * unit else None


class WeightsProgram:
    """Minimize the weighted mean square change of the logits subject to linear constraints.

    The columns of a layer's weights share one Gram matrix `G = L L^T`. With `u = L^T (w - w0)`,
    the objective is the squared norm of `u`, so the program looks for the point of a polyhedron
    that is closest to zero.

    Args:
        start: The original weights of each layer, `(rows, units)`.
        grams: One matrix `(rows, rows)` per layer.
    """

    def __init__(self, start: Sequence[np.ndarray], grams: Sequence[np.ndarray]) -> None:
        self.start = list(start)
        self._roots = []
        for gram in grams:
            mean = max(float(np.trace(gram)) / len(gram), 1e-30)
            self._roots.append(np.linalg.cholesky(gram + RIDGE * mean * np.eye(len(gram))))
        self._zero = np.concatenate([weights.ravel() for weights in start])

    def _whiten(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows `(k, all weights)` as linear forms of `u`."""
        parts, begin = [], 0
        for weights, root in zip(self.start, self._roots, strict=True):
            block = rows[:, begin : begin + weights.size].reshape(-1, *weights.shape)
            moved = np.linalg.solve(root, block.transpose(1, 0, 2).reshape(len(root), -1))
            moved = moved.reshape(len(root), len(rows), -1).transpose(1, 0, 2)
            parts.append(moved.reshape(len(rows), -1))
            begin += weights.size
        return np.concatenate(parts, axis=1)

    def solve(self, rows: np.ndarray, most: np.ndarray) -> list[np.ndarray] | None:
        """Return weights with `rows @ weights <= most` close to the original ones.

        Args:
            rows: `(k, all weights)`.
            most: `(k,)`.

        Returns:
            The weights of each layer, or None if the solver finds no solution.
        """
        forms, bound = self._whiten(rows), most - rows @ self._zero
        size = np.maximum(np.linalg.norm(forms, axis=1), 1e-300)
        u = least_norm(forms / size[:, None], bound / size)
        if u is None:
            return None
        weights, begin = [], 0
        for start, root in zip(self.start, self._roots, strict=True):
            block = u[begin : begin + start.size].reshape(start.shape)
            weights.append(start + np.linalg.solve(root.T, block))
            begin += start.size
        return weights
