"""Exponential linear unit: `y = x` above 0, `alpha * (exp(x) - 1)` below."""

import numpy as np

from ...core import InputError
from ..curve import Curve
from ..registry import curve, register


@register("elu")
def elu(alpha: float = 1.0) -> Curve:
    a = float(alpha)
    if not np.isfinite(a):
        raise InputError(f"ELU needs a finite `alpha`. Received: alpha={a}.")
    if a == 0.0:
        return curve("relu")
    return Curve(
        name="elu",
        f=lambda x: np.where(x > 0, x, a * np.expm1(np.minimum(x, 0.0))),
        df=lambda x: np.where(np.asarray(x) > 0, 1.0, a * np.exp(np.minimum(x, 0.0))),
        knots=(0.0,),
        bends=("cup" if a > 0 else "cap", "line"),
        lines=(None, (1.0, 0.0)),
        turns=(0.0,) if a < 0 else (),
        beyond=(min(-a, 0.0), np.inf),
        ulps=3,
        exact=lambda mp, x: x if x > 0 else mp.mpf(a) * mp.expm1(x),
    )
