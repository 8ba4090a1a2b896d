"""Unit step: 0 below 0, 1 above, `at_zero` at 0.

A comparison is expressed as the step of a difference.
"""

import numpy as np

from ..registry import register
from ..step import Step


@register("heaviside")
def heaviside(at_zero: float = 1.0) -> Step:
    v = float(at_zero)
    return Step(
        name="heaviside",
        f=lambda x: np.heaviside(x, v),
        df=np.zeros_like,
        knots=(0.0,),
        bends=("line", "line"),
        lines=((0.0, 0.0), (0.0, 1.0)),
        turns=(0.0,),
        jumps=(0.0,),
        exact=lambda mp, x: mp.mpf(v if x == 0 else int(x > 0)),
        beyond=(min(0.0, v), max(1.0, v)),
        slope_error=0.0,
        rises=0.0 <= v <= 1.0,
    )
