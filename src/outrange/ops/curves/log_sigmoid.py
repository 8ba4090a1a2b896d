"""Logarithm of the logistic sigmoid: `y = -log(1 + exp(-x))`."""

import numpy as np

from ..curve import Curve
from ..numerics.logistic import logistic
from ..registry import register


@register("log_sigmoid")
def log_sigmoid() -> Curve:
    return Curve(
        name="log_sigmoid",
        f=lambda x: np.minimum(x, 0.0) - np.log1p(np.exp(-np.abs(x))),
        df=lambda x: logistic(-x),
        bends=("cap",),
        beyond=(-np.inf, 0.0),
        ulps=4,
        exact=lambda mp, x: -mp.log1p(mp.exp(-x)),
    )
