"""Sign: -1 below 0, 0 at 0, 1 above."""

import numpy as np

from ..registry import register
from ..step import Step


@register("sign")
def sign() -> Step:
    return Step(
        name="sign",
        f=np.sign,
        df=np.zeros_like,
        knots=(0.0,),
        bends=("line", "line"),
        lines=((0.0, -1.0), (0.0, 1.0)),
        turns=(0.0,),
        jumps=(0.0,),
        exact=lambda mp, x: mp.mpf((x > 0) - (x < 0)),
        beyond=(-1.0, 1.0),
        slope_error=0.0,
        rises=True,
    )
