"""Natural logarithm, for positive `x`."""

import numpy as np

from ..curve import Curve
from ..registry import register


@register("log")
def log() -> Curve:
    return Curve(
        name="log",
        f=np.log,
        df=lambda x: 1.0 / np.asarray(x),
        bends=("cap",),
        on=(0.0, np.inf),
        ulps=2,
        exact=lambda mp, x: mp.log(x),
    )
