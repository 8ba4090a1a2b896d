"""Continuously differentiable ELU: `y = x` above 0, `alpha * (exp(x / alpha) - 1)` below."""

import numpy as np

from ...core import InputError
from ..curve import Curve
from ..registry import register


@register("celu")
def celu(alpha: float = 1.0) -> Curve:
    a = float(alpha)
    if not 0.0 < a < np.inf:
        raise InputError(f"CELU needs a finite `alpha > 0`. Received: alpha={a}.")
    return Curve(
        name="celu",
        f=lambda x: np.where(x > 0, x, a * np.expm1(np.minimum(x, 0.0) / a)),
        df=lambda x: np.exp(np.minimum(x, 0.0) / a),
        knots=(0.0,),
        bends=("cup", "line"),
        lines=(None, (1.0, 0.0)),
        beyond=(-a, np.inf),
        ulps=4,
        exact=lambda mp, x: x if x > 0 else mp.mpf(a) * mp.expm1(x / mp.mpf(a)),
    )
