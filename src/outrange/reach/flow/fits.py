"""Surfaces fitted to values of a network, without a proof of their errors.

Lawson's iteration repeats least squares with weights that grow where the error is large. It
converges to the surface with the least maximal error.

Reference: C. Lawson, *Contributions to the theory of linear least maximum approximations*, 1961.
"""

from __future__ import annotations

import numpy as np


POINTS = 128
"""Number of points at which the network is evaluated to fit a surface."""

ROUNDS = 12
"""Number of iterations of Lawson's method."""

RIDGE = 1e-10
"""Number added to the diagonal of each Gram matrix. It keeps coefficients small in directions in
which the states hardly vary."""


def fit_surface(
    points: np.ndarray, products: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fit surfaces to `values` such that the largest error is nearly minimal.

    Returns slopes `(B, m, n)`, and coefficients `(B, m, P)` of the products.

    Args:
        points: States, `(B, N, n)`.
        products: Products of the initial variables, `(N, P)`.
        values: Values of the network, `(B, N, m)`.
    """
    away = points - points.mean(axis=1, keepdims=True)
    size = np.abs(away).max(axis=1, keepdims=True)
    size = np.where(size > 0, size, 1.0)
    more = np.broadcast_to(products, (len(points), *products.shape))
    base = np.concatenate([away / size, more, np.ones((*away.shape[:2], 1))], axis=-1)
    coefficients = np.stack(
        [_lawson(base, values[..., j]) for j in range(values.shape[-1])], axis=1
    )
    coefficients = np.where(np.isfinite(coefficients), coefficients, 0.0)
    n = points.shape[-1]
    return coefficients[..., :n] / size, coefficients[..., n:-1]


def _lawson(base: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return `c`, `(B, k)`, for which the largest error `|base @ c - target|` is nearly minimal."""
    k = base.shape[-1]
    weight = np.full(target.shape, 1.0 / target.shape[1])
    best, least = np.zeros((len(base), k)), np.full(len(base), np.inf)
    for _ in range(ROUNDS):
        left = np.matmul((base * weight[..., None]).transpose(0, 2, 1), base)
        right = np.einsum("bpk,bp,bp->bk", base, weight, target)
        coefficients = np.linalg.solve(left + RIDGE * np.eye(k), right[..., None])[..., 0]
        off = np.abs(np.matmul(base, coefficients[..., None])[..., 0] - target)
        worst = off.max(axis=1)
        best = np.where((worst < least)[:, None], coefficients, best)
        least = np.minimum(worst, least)
        weight = weight * (off + 1e-3 * worst[:, None])
        weight = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
    return best
