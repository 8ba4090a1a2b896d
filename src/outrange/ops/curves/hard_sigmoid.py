"""Hard sigmoid of Keras 3: `y = clip(x / 6 + 1/2, 0, 1)`."""

import numpy as np

from ..curve import Curve
from ..registry import register


@register("hard_sigmoid")
def hard_sigmoid() -> Curve:
    return Curve(
        name="hard_sigmoid",
        # Next to -3 the sum is exact, so the value keeps its relative accuracy.
        f=lambda x: np.clip((x + 3.0) / 6.0, 0.0, 1.0),
        df=lambda x: np.where(np.abs(x) < 3.0, 1.0 / 6.0, 0.0),
        knots=(-3.0, 3.0),
        bends=("line", "line", "line"),
        lines=((0.0, 0.0), None, (0.0, 1.0)),  # 1/6 is no float64
        turns=(-3.0, 3.0),
        beyond=(0.0, 1.0),
        ulps=2,
        exact=lambda mp, x: min(max((x + 3) / 6, mp.mpf(0)), mp.mpf(1)),
        slope_error=2.0**-55,
        saturated=lambda lo, hi: (hi <= -3.0) | (lo >= 3.0),
    )
