"""Soft shrink: `x` moved toward 0 by `threshold`, or 0 if `|x| <= threshold`."""

import numpy as np

from ...core import InputError
from ..curve import Curve
from ..registry import curve, register


@register("soft_shrink")
def soft_shrink(threshold: float = 0.5) -> Curve:
    t = float(threshold)
    if not 0.0 <= t < np.inf:
        raise InputError(f"Soft shrink needs a finite `threshold >= 0`. Received: threshold={t}.")
    if t == 0.0:
        return curve("clip", least=-np.inf, most=np.inf)
    return Curve(
        name="soft_shrink",
        f=lambda x: x - np.clip(x, -t, t),
        df=lambda x: (np.abs(x) > t).astype(np.float64),
        knots=(-t, t),
        bends=("line", "line", "line"),
        lines=((1.0, t), (0.0, 0.0), (1.0, -t)),
        turns=(-t, t),
        ulps=0.5,
        exact=lambda mp, x: x - min(max(x, mp.mpf(-t)), mp.mpf(t)),
        slope_error=0.0,
    )
