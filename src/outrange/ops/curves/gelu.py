"""GELU: `y = x * Phi(x)`, where `Phi` is the standard normal distribution function.

The second derivative is `phi(x) * (2 - x**2)`, so the inflection points are `+-sqrt(2)`. The
turning point is the root of `Phi(x) + x * phi(x)`, computed to 50 digits.
Reference: Hendrycks & Gimpel 2016, arXiv:1606.08415.
"""

import numpy as np

from ..curve import Curve
from ..numerics.normal import normal, normal_density
from ..registry import register


TURN, BEND = -0.7517915246935645, 1.4142135623730951


@register("gelu")
def gelu() -> Curve:
    return Curve(
        name="gelu",
        f=lambda x: np.maximum(x, -1e4) * normal(x),  # the limit at -inf is 0
        df=lambda x: normal(x) + np.clip(x, -50.0, 50.0) * normal_density(x),
        knots=(-BEND, BEND),
        bends=("cap", "cup", "cap"),
        turns=(TURN,),
        ulps=28,  # the argument of erfc is rounded: a relative error of `x**2` units
        off=1e-21,  # more than 28 of them from -5 on, where the value is small
        exact=lambda mp, x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    )
