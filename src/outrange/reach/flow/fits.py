"""Surfaces near values of a network: guesses, which need no proof.

Lawson's iteration solves least squares again and again, with weights that grow where the error is
large; it tends to the surface whose largest error is least.

Reference: C. Lawson, *Contributions to the theory of linear least maximum approximations*, 1961.
"""

from __future__ import annotations

import numpy as np


POINTS = 128
"""Values of the network that a slope is fitted to."""

ROUNDS = 12
"""Of Lawson's iteration."""

RIDGE = 1e-10
"""Keeps coefficients of directions small in which the states hardly vary."""


def fitted(
    points: np.ndarray, products: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes `(B, m, n)` and bends `(B, m, P)` near those of the narrowest bands around `values`.

    Args:
        points: `(B, N, n)`.
        products: `(N, P)` of the initial variables.
        values: `(B, N, m)`.
    """
    away = points - points.mean(axis=1, keepdims=True)
    size = np.abs(away).max(axis=1, keepdims=True)
    size = np.where(size > 0, size, 1.0)
    more = np.broadcast_to(products, (len(points), *products.shape))
    base = np.concatenate([away / size, more, np.ones((*away.shape[:2], 1))], axis=-1)
    found = np.stack([_lawson(base, values[..., j]) for j in range(values.shape[-1])], axis=1)
    found = np.where(np.isfinite(found), found, 0.0)
    n = points.shape[-1]
    return found[..., :n] / size, found[..., n:-1]


def _lawson(base: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Coefficients `(B, k)` of which the largest error `|base @ c - target|` is small."""
    k = base.shape[-1]
    weight = np.full(target.shape, 1.0 / target.shape[1])
    best, least = np.zeros((len(base), k)), np.full(len(base), np.inf)
    for _ in range(ROUNDS):
        left = np.matmul((base * weight[..., None]).transpose(0, 2, 1), base)
        right = np.einsum("bpk,bp,bp->bk", base, weight, target)
        found = np.linalg.solve(left + RIDGE * np.eye(k), right[..., None])[..., 0]
        off = np.abs(np.matmul(base, found[..., None])[..., 0] - target)
        worst = off.max(axis=1)
        best = np.where((worst < least)[:, None], found, best)
        least = np.minimum(worst, least)
        weight = weight * (off + 1e-3 * worst[:, None])
        weight = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
    return best
