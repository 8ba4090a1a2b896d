"""Logistic sigmoid: `y = 1 / (1 + exp(-x))`."""

from ..curve import Curve
from ..numerics.logistic import logistic, logistic_slope
from ..numerics.taylor import logistic_taylor
from ..registry import register


@register("sigmoid")
def sigmoid() -> Curve:
    return Curve(
        name="sigmoid",
        f=logistic,
        df=logistic_slope,
        knots=(0.0,),
        bends=("cup", "cap"),
        beyond=(0.0, 1.0),
        ulps=4,
        exact=lambda mp, x: 1 / (1 + mp.exp(-x)),
        crossings=((0.0, 0.5),),
        saturated=lambda lo, hi: (lo > 6.0) | (hi < -6.0),
        taylor=logistic_taylor,
    )
