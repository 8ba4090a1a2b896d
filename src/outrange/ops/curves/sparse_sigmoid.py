"""Sparse sigmoid: `y = clip((x + 1) / 2, 0, 1)`."""

import numpy as np

from ..curve import Curve
from ..registry import register


@register("sparse_sigmoid")
def sparse_sigmoid() -> Curve:
    return Curve(
        name="sparse_sigmoid",
        f=lambda x: np.clip(0.5 * (x + 1.0), 0.0, 1.0),
        df=lambda x: np.where(np.abs(x) < 1.0, 0.5, 0.0),
        knots=(-1.0, 1.0),
        bends=("line", "line", "line"),
        lines=((0.0, 0.0), (0.5, 0.5), (0.0, 1.0)),
        turns=(-1.0, 1.0),
        beyond=(0.0, 1.0),
        ulps=0.5,
        exact=lambda mp, x: min(max((x + 1) / 2, mp.mpf(0)), mp.mpf(1)),
        slope_error=0.0,
        saturated=lambda lo, hi: (hi <= -1.0) | (lo >= 1.0),
    )
