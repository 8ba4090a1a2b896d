"""A proved bound from approximate multipliers: every rounding is paid for.

With multipliers `lambda` in float64, and `S` as in `interior_point`, in exact arithmetic, every `y`
with `y_0 = 1`, `|y_i| <= 1` has

    row . y = height - sum_k lambda_k l_k(y) r_k(y) - y^T S y.

The true products are at least 0 (or 0), and off those of the float64 forms by `slack_k` at most;
and `y^T S y >= -n e` if no eigenvalue of `S` lies below `-e`. So

    row . y <= height + sum_k |lambda_k| slack_k + n e.

For `e`: `S` is computed as `S'`, entry by entry off by `gamma(m + 8)` times the same sum of sizes;
a factor `L` of it, whatever its quality, leaves `R = S' - L L^T`, computed up to
`gamma(n + 4) (|L| |L|^T + |S'|)`; as `L L^T` has no negative eigenvalue, `e` is at most the largest
absolute row sum of all these together. Cost: three products of `n` by `n` matrices.

Reference: S. M. Rump, *Verification of positive definiteness*, BIT 46 (2006).
"""

from __future__ import annotations

import numpy as np

from ...core import gamma, up
from .forms import GUARD, TINY
from .interior_point import Multipliers
from .products import Products


def proved(products: Products, row: np.ndarray, found: Multipliers) -> float:
    """A bound on `row . y` for all `y` of which the products are true; infinite if none is shown.

    Args:
        row: Array of shape `(n,)`.
    """
    n, m = products.left.shape
    values = np.where(products.free, found.values, np.maximum(found.values, 0.0))
    if not (np.isfinite(values).all() and np.isfinite(found.height)):
        return np.inf
    size = np.abs(values)
    half = (products.left * values) @ products.right.T
    sizes = (np.abs(products.left) * size) @ np.abs(products.right).T
    matrix, reach = -0.5 * (half + half.T), 0.5 * (sizes + sizes.T)
    for at in ((0, slice(None)), (slice(None), 0)):
        matrix[at] -= 0.5 * row
        reach[at] += 0.5 * np.abs(row)
    matrix[0, 0] += found.height
    reach[0, 0] += abs(found.height)
    try:
        factor = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return np.inf
    absolute = np.abs(factor)
    off = np.abs(matrix - factor @ factor.T)
    off += gamma(m + 8) * reach + gamma(n + 4) * (absolute @ absolute.T + np.abs(matrix))
    below = float(off.sum(axis=1).max()) * GUARD + TINY
    paid = (float(size @ products.slack) + n * below) * GUARD + TINY
    bound = up(found.height + up(paid))
    return bound if np.isfinite(bound) else np.inf
