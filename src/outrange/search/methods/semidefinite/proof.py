"""Proved bounds from approximate multipliers, with every rounding error accounted for.

For multipliers `lambda` in float64, and `S` as in `interior_point`, in exact arithmetic, every `y`
with `y_0 = 1`, `|y_i| <= 1` satisfies

    row . y = height - sum_k lambda_k l_k(y) r_k(y) - y^T S y.

The true products are at least 0 (or 0), and differ from the products of the float64 forms by at
most `slack_k`. Also `y^T S y >= -n e` if no eigenvalue of `S` lies below `-e`. So

    row . y <= height + sum_k |lambda_k| slack_k + n e.

For `e`: `S` is computed as `S'`, whose entries are off by at most `gamma(m + 8)` times the same
sum, taken over absolute values. A factor `L` of `S'`, however inaccurate, leaves `R = S' - L L^T`,
which is computed up to `gamma(n + 4) (|L| |L|^T + |S'|)`. As `L L^T` has no negative eigenvalue,
`e` is at most the largest row sum of `|R|` plus both error bounds. Cost: two products of an `n` by
`m` with an `m` by `n` matrix, two products of `n` by `n` matrices, and a Cholesky factorization.

Reference: S. M. Rump, *Verification of positive definiteness*, BIT 46 (2006).
"""

from __future__ import annotations

import numpy as np

from ....core import gamma, up
from .forms import GUARD, TINY
from .interior_point import Multipliers
from .products import Products


def prove_bound(products: Products, row: np.ndarray, multipliers: Multipliers) -> float:
    """Return a proved upper bound on `row . y` over all `y` that meet the product constraints.

    The result is `inf` if no bound can be proved.

    Args:
        row: Array of shape `(n,)`.
    """
    n, m = products.left.shape
    values = np.where(products.free, multipliers.values, np.maximum(multipliers.values, 0.0))
    if not (np.isfinite(values).all() and np.isfinite(multipliers.height)):
        return np.inf
    size = np.abs(values)
    half = (products.left * values) @ products.right.T
    sizes = (np.abs(products.left) * size) @ np.abs(products.right).T
    matrix, reach = -0.5 * (half + half.T), 0.5 * (sizes + sizes.T)
    for at in ((0, slice(None)), (slice(None), 0)):
        matrix[at] -= 0.5 * row
        reach[at] += 0.5 * np.abs(row)
    matrix[0, 0] += multipliers.height
    reach[0, 0] += abs(multipliers.height)
    try:
        factor = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return np.inf
    absolute = np.abs(factor)
    off = np.abs(matrix - factor @ factor.T)
    off += gamma(m + 8) * reach + gamma(n + 4) * (absolute @ absolute.T + np.abs(matrix))
    below = float(off.sum(axis=1).max()) * GUARD + TINY
    paid = (float(size @ products.slack) + n * below) * GUARD + TINY
    bound = up(multipliers.height + up(paid))
    return bound if np.isfinite(bound) else np.inf
