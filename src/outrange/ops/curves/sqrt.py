"""Square root."""

import numpy as np

from ..curve import Curve
from ..numerics.taylor import root_taylor
from ..registry import register


@register("sqrt")
def sqrt() -> Curve:
    return Curve(
        name="sqrt",
        f=np.sqrt,
        df=lambda x: 0.5 / np.sqrt(x),
        bends=("cap",),
        on=(0.0, np.inf),
        ulps=0.5,
        exact=lambda mp, x: mp.sqrt(x),
        taylor=root_taylor,
    )
