"""`y = x ** exponent`, for `x >= 0`, or for all `x` if the exponent is a nonnegative integer.

A negative exponent excludes 0.
"""

import numpy as np

from ...core import InputError
from ..curve import Curve
from ..registry import curve, register


@register("power")
def power(exponent: float) -> Curve:
    p = float(exponent)
    if not np.isfinite(p):
        raise InputError(f"Power needs a finite `exponent`. Received: exponent={p}.")
    if p in (0.0, 1.0):
        return (
            curve("clip", least=-np.inf, most=np.inf) if p else curve("clip", least=1.0, most=1.0)
        )
    if p == 2.0:
        return curve("square")
    whole = p.is_integer() and p > 0.0
    even, odd = whole and p % 2.0 == 0.0, whole and p % 2.0 == 1.0
    return Curve(
        name="power",
        f=lambda x: np.power(np.abs(x) if even else x, p),
        df=lambda x: p * np.power(x, p - 1.0),
        knots=(0.0,) if odd else (),
        bends=("cap", "cup") if odd else ("cap",) if 0.0 < p < 1.0 else ("cup",),
        turns=(0.0,) if even else (),
        on=(-np.inf, np.inf) if whole else (0.0, np.inf),
        ulps=4,
        exact=lambda mp, x: x ** mp.mpf(p),
        slope_error=2.0**-49,
    )
