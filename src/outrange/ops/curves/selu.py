"""Scaled exponential linear unit: `y = scale * x` above 0, `scale * alpha * (exp(x) - 1)` below.

Reference: Klambauer et al. 2017, arXiv:1706.02515.
"""

import numpy as np

from ..curve import Curve
from ..registry import register


SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772


@register("selu")
def selu() -> Curve:
    both = SCALE * ALPHA
    return Curve(
        name="selu",
        f=lambda x: np.where(x > 0, SCALE * x, both * np.expm1(np.minimum(x, 0.0))),
        df=lambda x: np.where(np.asarray(x) > 0, SCALE, both * np.exp(np.minimum(x, 0.0))),
        knots=(0.0,),
        bends=("cup", "line"),
        lines=(None, (SCALE, 0.0)),
        beyond=(float(np.nextafter(-both, -np.inf)), np.inf),
        ulps=4,
        exact=lambda mp, x: SCALE * (x if x > 0 else ALPHA * mp.expm1(x)),
    )
