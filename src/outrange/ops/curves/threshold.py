"""Threshold: `y = x` where `x > threshold`, else `default`."""

import numpy as np

from ...core import InputError
from ..curve import Curve
from ..registry import register


@register("threshold")
def threshold(threshold: float, default: float) -> Curve:
    t, d = float(threshold), float(default)
    if not (np.isfinite(t) and np.isfinite(d)):
        raise InputError(
            f"Threshold needs two finite numbers. Received: threshold={t}, default={d}."
        )
    return Curve(
        name="threshold",
        f=lambda x: np.where(x <= t, d, x),
        df=lambda x: (np.asarray(x) > t).astype(np.float64),
        knots=(t,),
        bends=("line", "line"),
        lines=((0.0, d), (1.0, 0.0)),
        turns=(t,),
        jumps=() if d == t else (t,),
        exact=lambda mp, x: x if x > t else mp.mpf(d),
        slope_error=0.0,
    )
