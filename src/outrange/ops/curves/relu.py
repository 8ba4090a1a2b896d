"""Rectified linear unit: `y = max(x, 0)`."""

import numpy as np

from ..curve import Curve
from ..registry import register


@register("relu")
def relu() -> Curve:
    return Curve(
        name="relu",
        f=lambda x: np.maximum(x, 0.0),
        df=lambda x: (np.asarray(x) > 0).astype(np.float64),
        knots=(0.0,),
        bends=("line", "line"),
        lines=((0.0, 0.0), (1.0, 0.0)),
        turns=(0.0,),
        exact=lambda mp, x: max(x, mp.mpf(0)),
        slope_error=0.0,
    )
