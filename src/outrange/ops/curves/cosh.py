"""Hyperbolic cosine."""

import numpy as np

from ..curve import Curve
from ..registry import register


@register("cosh")
def cosh() -> Curve:
    return Curve(
        name="cosh",
        f=np.cosh,
        df=np.sinh,
        bends=("cup",),
        turns=(0.0,),
        beyond=(1.0, np.inf),
        ulps=4,
        exact=lambda mp, x: mp.cosh(x),
    )
