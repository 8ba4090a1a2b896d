"""Softplus: `y = log(1 + exp(x))`."""

import numpy as np

from ..curve import Curve
from ..numerics.logistic import logistic
from ..registry import register


@register("softplus")
def softplus() -> Curve:
    return Curve(
        name="softplus",
        f=lambda x: np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))),
        df=logistic,
        bends=("cup",),
        beyond=(0.0, np.inf),
        ulps=4,
        exact=lambda mp, x: mp.log1p(mp.exp(x)),
    )
