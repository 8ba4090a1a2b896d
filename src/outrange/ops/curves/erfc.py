"""Complementary error function: `y = 1 - erf(x)`, computed without cancellation for large `x`."""

import numpy as np

from ..curve import Curve
from ..numerics.normal import erfc as f
from ..registry import register


@register("erfc")
def erfc() -> Curve:
    return Curve(
        name="erfc",
        f=f,
        df=lambda x: -2.0 / np.sqrt(np.pi) * np.exp(-np.square(np.clip(x, -30.0, 30.0))),
        knots=(0.0,),
        bends=("cap", "cup"),
        beyond=(0.0, 2.0),
        ulps=28,  # its exponential has a relative error of `x**2` units
        off=1e-21,  # more than 28 of them from 5 on, where the value is small
        exact=lambda mp, x: mp.erfc(x),
        saturated=lambda lo, hi: (lo > 2.0) | (hi < -2.0),
    )
