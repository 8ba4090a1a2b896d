"""Cosine, described over 32 periods on either side of 0, and bounded by [-1, 1] beyond them."""

import numpy as np

from ..curve import Curve
from ..numerics.taylor import sine_taylor
from ..numerics.waves import quarters
from ..registry import register


@register("cos")
def cos() -> Curve:
    turns, knots = quarters(64)
    return Curve(
        name="cos",
        f=np.cos,
        df=lambda x: -np.sin(x),
        knots=knots,
        bends=("cap", "cup") * (len(knots) // 2) + ("cap",),
        turns=turns[1:-1],
        on=(turns[0], turns[-1]),
        beyond=(-1.0, 1.0),
        ulps=4,
        exact=lambda mp, x: mp.cos(x),
        taylor=lambda lo, hi, order: sine_taylor(lo, hi, order, ahead=1),
    )
