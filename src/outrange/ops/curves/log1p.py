"""Natural logarithm of `1 + x`."""

import numpy as np

from ..curve import Curve
from ..registry import register


@register("log1p")
def log1p() -> Curve:
    return Curve(
        name="log1p",
        f=np.log1p,
        df=lambda x: 1.0 / (1.0 + x),
        bends=("cap",),
        on=(-1.0, np.inf),
        ulps=2,
        exact=lambda mp, x: mp.log1p(x),
    )
