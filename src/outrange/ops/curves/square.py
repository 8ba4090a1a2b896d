"""Square: `y = x**2`."""

import numpy as np

from ..curve import Curve
from ..numerics.taylor import square_taylor
from ..registry import register


@register("square")
def square() -> Curve:
    return Curve(
        name="square",
        f=np.square,
        df=lambda x: 2.0 * np.asarray(x),
        bends=("cup",),
        turns=(0.0,),
        beyond=(0.0, np.inf),
        ulps=0.5,
        exact=lambda mp, x: x * x,
        taylor=square_taylor,
        slope_error=0.0,
    )
