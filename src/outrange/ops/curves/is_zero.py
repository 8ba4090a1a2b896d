"""1 at 0, and 0 elsewhere. An equality test is expressed as this function of a difference."""

import numpy as np

from ..registry import register
from ..step import Step


@register("is_zero")
def is_zero() -> Step:
    return Step(
        name="is_zero",
        f=lambda x: np.where(np.isnan(x), x, (np.asarray(x) == 0.0).astype(np.float64)),
        df=np.zeros_like,
        knots=(0.0,),
        bends=("line", "line"),
        lines=((0.0, 0.0), (0.0, 0.0)),
        turns=(0.0,),
        jumps=(0.0,),
        exact=lambda mp, x: mp.mpf(int(x == 0)),
        beyond=(0.0, 1.0),
        slope_error=0.0,
    )
