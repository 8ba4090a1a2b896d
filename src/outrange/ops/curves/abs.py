"""Absolute value: `y = |x|`."""

import numpy as np

from ..curve import Curve
from ..registry import register


@register("abs")
def absolute() -> Curve:
    return Curve(
        name="abs",
        f=np.abs,
        df=lambda x: np.where(np.asarray(x) < 0, -1.0, 1.0),
        knots=(0.0,),
        bends=("line", "line"),
        lines=((-1.0, 0.0), (1.0, 0.0)),
        turns=(0.0,),
        exact=lambda mp, x: abs(x),
        slope_error=0.0,
    )
