"""Arc tangent."""

import numpy as np

from ..curve import Curve
from ..registry import register


@register("atan")
def atan() -> Curve:
    most = float(np.nextafter(np.pi / 2, np.inf))
    return Curve(
        name="atan",
        f=np.arctan,
        df=lambda x: 1.0 / (1.0 + np.square(np.clip(x, -1e150, 1e150))),
        knots=(0.0,),
        bends=("cup", "cap"),
        beyond=(-most, most),
        ulps=2,
        exact=lambda mp, x: mp.atan(x),
    )
