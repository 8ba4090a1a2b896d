"""Exponential function."""

import numpy as np

from ..curve import Curve
from ..numerics.taylor import exp_taylor
from ..registry import register


@register("exp")
def exp() -> Curve:
    return Curve(
        name="exp",
        f=np.exp,
        df=np.exp,
        bends=("cup",),
        beyond=(0.0, np.inf),
        ulps=2,
        exact=lambda mp, x: mp.exp(x),
        taylor=exp_taylor,
    )
