"""Affine maps of intervals where no rounding happens: numbers on a grid, in few enough bits.

Binarized and quantized networks add whole numbers, often to exactly 0, where a sign jumps. What
`intervals` allows for rounding would leave every such unit open.

With inputs on a grid `g`, coefficients on a grid `h` and all partial sums below `2^53 g h`, each
product and each sum is a multiple of `g h` that float64 holds, in whatever order it is added.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import Bounds
from ..ops import Affine
from ..ops.numerics.grid import grid_of


LARGEST = 2.0**51
"""Largest sum of magnitudes, in units of the grid of centers and radii: bits to spare for the sum
that is compared with it, which is rounded itself."""


def exact_affine(op: Affine, los: Sequence[np.ndarray], his: Sequence[np.ndarray]) -> Bounds | None:
    """Ends of `A x + b` without rounding; None where that is not known to be possible.

    Args:
        op: The op.
        los: Finite lower ends of each input, `(boxes, n_i)`.
        his: Upper ends.
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
