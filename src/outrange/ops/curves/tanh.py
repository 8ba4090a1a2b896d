"""Hyperbolic tangent."""

import numpy as np

from ..curve import Curve
from ..numerics.taylor import tanh_taylor
from ..registry import register


@register("tanh")
def tanh() -> Curve:
    return Curve(
        name="tanh",
        f=np.tanh,
        df=lambda x: 1.0 / np.cosh(np.clip(x, -350.0, 350.0)) ** 2,
        knots=(0.0,),
        bends=("cup", "cap"),
        beyond=(-1.0, 1.0),
        ulps=4,
        exact=lambda mp, x: mp.tanh(x),
        crossings=((0.0, 0.0),),
        saturated=lambda lo, hi: (lo > 3.0) | (hi < -3.0),
        taylor=tanh_taylor,
    )
