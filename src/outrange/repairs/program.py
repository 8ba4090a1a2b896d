"""The quadratic program for the smallest change of weights that satisfies linear constraints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import work
from ..core.clock import charge


RIDGE = 1e-7
"""Ridge term of a Gram matrix, as a fraction of its mean diagonal entry."""

TOLERANCE = 1e-11
"""Gradient above which a column enters the active set, for columns and targets of norm about 1."""

FEASIBLE = 1e-7
"""Largest permitted violation of a row by a solution, as a fraction of the largest violation at the
origin."""


class WeightsProgram:
    """A quadratic program: the least weighted mean square change of logits under constraints.

    The columns of a layer's weights share the Gram matrix `G = L L^T` of the features. With
    `u = L^T (w - w0)`, the objective is the squared norm of `u`. So the solution is the point of a
    polyhedron closest to zero.

    Args:
        start: The original weights of each layer, `(rows, units)`.
        grams: Gram matrix of the weighted features of each layer, `(rows, rows)`.
    """

    def __init__(self, start: Sequence[np.ndarray], grams: Sequence[np.ndarray]) -> None:
        self.start = list(start)
        self._roots = []
        for gram in grams:
            mean = max(float(np.trace(gram)) / len(gram), 1e-30)
            self._roots.append(np.linalg.cholesky(gram + RIDGE * mean * np.eye(len(gram))))
        self._zero = np.concatenate([weights.ravel() for weights in start])

    def _whiten(self, rows: np.ndarray) -> np.ndarray:
        """Return the constraints' rows `(k, all weights)` as linear forms of `u`."""
        parts, begin = [], 0
        for weights, root in zip(self.start, self._roots, strict=True):
            block = rows[:, begin : begin + weights.size].reshape(-1, *weights.shape)
            moved = np.linalg.solve(root, block.transpose(1, 0, 2).reshape(len(root), -1))
            moved = moved.reshape(len(root), len(rows), -1).transpose(1, 0, 2)
            parts.append(moved.reshape(len(rows), -1))
            begin += weights.size
        return np.concatenate(parts, axis=1)

    def solve(self, rows: np.ndarray, most: np.ndarray) -> list[np.ndarray] | None:
        """Return the weights that minimize the objective under `rows @ weights <= most`.

        Args:
            rows: Coefficients of the constraints for all flattened weights, `(k, all weights)`;
                any array of length 0 if there are no constraints.
            most: Right-hand side of each constraint, `(k,)`.

        Returns:
            The weights of each layer, or None if the solver finds no solution.
        """
        if not len(rows):
            return [weights.copy() for weights in self.start]
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


def least_norm(rows: np.ndarray, most: np.ndarray) -> np.ndarray | None:
    """Minimize the Euclidean norm of `x` where `rows @ x <= most`.

    Lawson and Hanson (*Solving least squares problems*, 1974) reduce this to non-negative least
    squares: with `E = -[rows, most]^T` and `f = (0, ..., 0, 1)`, the residual `r = E l - f` of the
    best `l >= 0` gives `x = -r[:-1] / r[-1]`, and it is zero if no `x` exists.

    Args:
        rows: Coefficients of the constraints, `(r, d)`, each row of norm about 1.
        most: Right-hand side of each constraint, `(r,)`.

    Returns:
        The minimizer `(d,)`, or None if the solver finds no feasible point. Rounding may be the
        cause, so None does not prove that there is no such point.
    """
    unit = float(np.max(-most, initial=0.0))
    if unit <= 0.0:
        return np.zeros(rows.shape[1])
    matrix = -np.concatenate([rows, most[:, None] / unit], axis=1).T
    target = np.zeros(len(matrix))
    target[-1] = 1.0
    residual = matrix @ nonnegative_least_squares(matrix, target) - target
    if residual[-1] >= 0:
        return None
    # Where the residual is zero up to rounding, `x` is arbitrary, and the check rejects it.
    x = unit * (-residual[:-1] / residual[-1])
    return x if (rows @ x - most).max() <= FEASIBLE * unit else None


def nonnegative_least_squares(matrix: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Minimize `|matrix @ v - target|` over `v >= 0`.

    Args:
        matrix: Coefficients, `(m, n)`, one column per unknown.
        target: Vector to approximate, `(m,)`.

    Returns:
        The minimizer `(n,)`, up to rounding.

    Example:
        >>> nonnegative_least_squares(np.eye(2), np.array([2.0, -1.0])).tolist()
        [2.0, 0.0]
    """
    count = matrix.shape[1]
    v, active = np.zeros(count), np.zeros(count, bool)
    blocked = np.zeros(count, bool)
    for _ in range(3 * count + 10):
        gradient = matrix.T @ (target - matrix @ v)
        gradient[active | blocked] = -np.inf
        best = int(gradient.argmax())
        if gradient[best] <= TOLERANCE:
            break
        active[best] = True
        before = v.copy()
        v = _solve_active(matrix, target, v, active)
        charge(work.ARRAY + matrix.size + int(active.sum()) ** 2 * len(matrix))
        # Without the block, a column that rounding expels at once would enter again forever.
        if not active[best] or np.array_equal(v, before):
            blocked[best] = True
        else:
            blocked[:] = False
    return v


def _solve_active(
    matrix: np.ndarray, target: np.ndarray, v: np.ndarray, active: np.ndarray
) -> np.ndarray:
    """Solve least squares on the active columns, with a solution that has no negative entries.

    Columns that would get a negative entry are removed from the mask `active` in place.
    """
    while active.any():
        trial = np.zeros_like(v)
        trial[active] = np.linalg.lstsq(matrix[:, active], target, rcond=1e-13)[0]
        negative = active & (trial <= 0)
        if not negative.any():
            return trial
        ratio = v[negative] / np.maximum(v[negative] - trial[negative], 1e-300)
        v = v + float(ratio.min()) * (trial - v)
        leaving = negative & (v <= 1e-15 * np.abs(v).max(initial=0.0))
        if not leaving.any():
            leaving = negative & (np.arange(len(v)) == np.flatnonzero(negative)[ratio.argmin()])
        v[leaving] = 0.0
        active[leaving] = False
    return v
