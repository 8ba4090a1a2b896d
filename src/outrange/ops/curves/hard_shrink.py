"""Hard shrink: `y = x` outside `[-threshold, threshold]` and 0 inside, with a jump at each end."""

import numpy as np

from ...core import InputError
from ..curve import Curve
from ..registry import curve, register


@register("hard_shrink")
def hard_shrink(threshold: float = 0.5) -> Curve:
    t = float(threshold)
    if not 0.0 <= t < np.inf:
        raise InputError(f"Hard shrink needs a finite `threshold >= 0`. Received: threshold={t}.")
    if t == 0.0:
        return curve("clip", least=-np.inf, most=np.inf)
    return Curve(
        name="hard_shrink",
        f=lambda x: np.where(np.abs(x) <= t, 0.0, x),
        df=lambda x: (np.abs(x) > t).astype(np.float64),
        knots=(-t, t),
        bends=("line", "line", "line"),
        lines=((1.0, 0.0), (0.0, 0.0), (1.0, 0.0)),
        turns=(-t, t),
        jumps=(-t, t),
        exact=lambda mp, x: x if abs(x) > t else mp.mpf(0),
        slope_error=0.0,
    )
