"""Sine, described over 32 periods on either side of 0, and bounded by [-1, 1] beyond them."""

import numpy as np

from ..curve import Curve
from ..numerics.taylor import sine_taylor
from ..numerics.waves import quarters
from ..registry import register


@register("sin")
def sin() -> Curve:
    knots, turns = quarters(64)
    return Curve(
        name="sin",
        f=np.sin,
        df=np.cos,
        knots=knots[1:-1],
        bends=("cap", "cup") * (len(knots) // 2),
        turns=turns,
        on=(knots[0], knots[-1]),
        beyond=(-1.0, 1.0),
        ulps=4,
        exact=lambda mp, x: mp.sin(x),
        taylor=sine_taylor,
    )
