"""Affine maps of intervals without rounding, for numbers on a grid with few enough bits.

Binarized and quantized networks add integers, and their sums are often exactly 0, where a sign
function jumps. The rounding allowance of `intervals` would leave every such unit undecided.

Let inputs lie on a grid `g`, coefficients on a grid `h`, and all partial sums below `2^53 g h`.
Then each product and each sum is a multiple of `g h` that float64 represents exactly, in any order
of addition.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import Bounds
from ..ops import Affine
from ..ops.numerics.grid import grid_of


LARGEST = 2.0**51
"""Largest sum of magnitudes, in units of the common grid of all products and biases.

The remaining bits allow for the rounding of the sum that is compared with this limit.
"""


def exact_affine(op: Affine, los: Sequence[np.ndarray], his: Sequence[np.ndarray]) -> Bounds | None:
    """Return the exact bounds on `A x + b`, or None if exactness cannot be shown.

    Args:
        op: The affine op to bound.
        los: Finite lower bounds of each input, `(boxes, n_i)`.
        his: Finite upper bounds of each input, `(boxes, n_i)`.
    """
    if not op.grid or op.ulps:
        return None
    grid = min(map(grid_of, (*los, *his)))
    if not grid:
        return None
    # Centers and radii lie on half the grid of the ends.
    unit = min(0.5 * min(grid, 1.0) * min(op.grid, 1.0), grid_of(op.bias))
    if not unit:
        return None
    centers = tuple(0.5 * lo + 0.5 * hi for lo, hi in zip(los, his, strict=True))
    radii = tuple(0.5 * hi - 0.5 * lo for lo, hi in zip(los, his, strict=True))
    with np.errstate(all="ignore"):
        sizes = tuple(np.abs(c) + r for c, r in zip(centers, radii, strict=True))
        if not np.all(op.apply(sizes, True) + np.abs(op.bias) <= LARGEST * unit):
            return None
        middle, reach = op.apply(centers, False) + op.bias, op.apply(radii, True)
        return middle - reach, middle + reach
