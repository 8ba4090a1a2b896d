"""Sparse plus: 0 up to -1, `(x + 1)**2 / 4` up to 1, then `x`."""

import numpy as np

from ..curve import Curve
from ..registry import register


@register("sparse_plus")
def sparse_plus() -> Curve:
    return Curve(
        name="sparse_plus",
        f=lambda x: np.where(x >= 1.0, x, 0.25 * (np.clip(x, -1.0, 1.0) + 1.0) ** 2),
        df=lambda x: 0.5 * (np.clip(x, -1.0, 1.0) + 1.0),
        knots=(-1.0, 1.0),
        bends=("line", "cup", "line"),
        lines=((0.0, 0.0), None, (1.0, 0.0)),
        turns=(-1.0,),
        ulps=3,
        exact=lambda mp, x: x if x >= 1 else (max(x, mp.mpf(-1)) + 1) ** 2 / 4,
    )
