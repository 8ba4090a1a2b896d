"""Squareplus: `y = (x + sqrt(x**2 + b)) / 2`.

Left of 0, the sum suffers from cancellation. There, the function is computed as `b / 4` divided by
`(|x| + sqrt(x**2 + b)) / 2`.
Reference: Barron 2021, arXiv:2112.11687.
"""

import numpy as np

from ...core import InputError
from ..curve import Curve
from ..registry import curve, register


@register("squareplus")
def squareplus(b: float = 4.0) -> Curve:
    b = float(b)
    if not 0.0 <= b < np.inf:
        raise InputError(f"Squareplus needs a finite `b >= 0`. Received: b={b}.")
    if b == 0.0:
        return curve("relu")
    width = float(np.sqrt(b))

    def f(x: np.ndarray) -> np.ndarray:
        larger = 0.5 * np.abs(x) + 0.5 * np.hypot(x, width)
        return np.where(x >= 0, larger, (0.25 * b) / larger)

    return Curve(
        name="squareplus",
        f=f,
        df=lambda x: (
            0.5 + 0.5 * (np.clip(x, -1e150, 1e150) / np.hypot(np.clip(x, -1e150, 1e150), width))
        ),
        bends=("cup",),
        beyond=(0.0, np.inf),
        ulps=6,
        exact=lambda mp, x: (x + mp.sqrt(x * x + mp.mpf(b))) / 2,
    )
