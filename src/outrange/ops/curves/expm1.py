"""Exponential function minus 1."""

import numpy as np

from ..curve import Curve
from ..registry import register


@register("expm1")
def expm1() -> Curve:
    return Curve(
        name="expm1",
        f=np.expm1,
        df=np.exp,
        bends=("cup",),
        beyond=(-1.0, np.inf),
        ulps=2,
        exact=lambda mp, x: mp.expm1(x),
    )
