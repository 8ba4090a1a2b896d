"""SiLU (swish): `y = x * sigmoid(x)`, with one turning point and two inflection points.

Let `s` be the logistic sigmoid. The turning point solves `1 + x (1 - s(x)) = 0`, and the inflection
points solve `2 + x (1 - 2 s(x)) = 0`. `TURN` and `BEND` are the roots, computed to 50 digits and
rounded to float64.
"""

import numpy as np

from ..curve import Curve
from ..numerics.logistic import logistic
from ..registry import register


TURN, BEND = -1.2784645427610737, 2.3993572805154675


def _df(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, -800.0, 800.0)
    return logistic(x) * (1.0 + x * logistic(-x))


@register("silu")
def silu() -> Curve:
    return Curve(
        name="silu",
        f=lambda x: np.maximum(x, -1e4) * logistic(x),  # the limit at -inf is 0
        df=_df,
        knots=(-BEND, BEND),
        bends=("cap", "cup", "cap"),
        turns=(TURN,),
        ulps=5,
        off=1e-300,  # where the exponential underflows
        exact=lambda mp, x: x / (1 + mp.exp(-x)),
    )
