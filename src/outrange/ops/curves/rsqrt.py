"""Reciprocal square root, for positive `x`."""

import numpy as np

from ..curve import Curve
from ..registry import register


@register("rsqrt")
def rsqrt() -> Curve:
    return Curve(
        name="rsqrt",
        f=lambda x: 1.0 / np.abs(np.sqrt(x)),  # of -0.0 as of 0.0
        df=lambda x: -0.5 / (np.asarray(x) * np.sqrt(x)),
        bends=("cup",),
        on=(0.0, np.inf),
        ulps=2,
        exact=lambda mp, x: 1 / mp.sqrt(x),
    )
