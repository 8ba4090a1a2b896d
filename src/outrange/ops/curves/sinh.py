"""Hyperbolic sine."""

import numpy as np

from ..curve import Curve
from ..registry import register


@register("sinh")
def sinh() -> Curve:
    return Curve(
        name="sinh",
        f=np.sinh,
        df=np.cosh,
        knots=(0.0,),
        bends=("cap", "cup"),
        ulps=4,
        exact=lambda mp, x: mp.sinh(x),
    )
