"""Leaky ReLU: `y = x` above 0, `negative_slope * x` below."""

import numpy as np

from ...core import InputError
from ..curve import Curve
from ..registry import curve, register


@register("leaky_relu")
def leaky_relu(negative_slope: float = 0.2) -> Curve:
    if not np.isfinite(negative_slope):
        raise InputError(
            "Leaky ReLU needs a finite `negative_slope`. "
            f"Received: negative_slope={negative_slope}."
        )
    s = float(negative_slope)
    if s in (0.0, 1.0):
        return curve("clip", least=-np.inf, most=np.inf) if s else curve("relu")
    return Curve(
        name="leaky_relu",
        f=lambda x: np.where(x > 0, x, s * x),
        df=lambda x: np.where(np.asarray(x) > 0, 1.0, s),
        knots=(0.0,),
        bends=("line", "line"),
        lines=((s, 0.0), (1.0, 0.0)),
        turns=(0.0,) if s < 0 else (),
        ulps=0.0 if s == -1.0 else 0.5,
        exact=lambda mp, x: x if x > 0 else mp.mpf(s) * x,
        slope_error=0.0,
    )
