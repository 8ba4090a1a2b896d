"""Error function."""

import numpy as np

from ..curve import Curve
from ..numerics.normal import erf as f
from ..registry import register


@register("erf")
def erf() -> Curve:
    return Curve(
        name="erf",
        f=f,
        df=lambda x: 2.0 / np.sqrt(np.pi) * np.exp(-np.square(np.clip(x, -30.0, 30.0))),
        knots=(0.0,),
        bends=("cup", "cap"),
        beyond=(-1.0, 1.0),
        ulps=4,
        exact=lambda mp, x: mp.erf(x),
        saturated=lambda lo, hi: (lo > 2.0) | (hi < -2.0),
    )
