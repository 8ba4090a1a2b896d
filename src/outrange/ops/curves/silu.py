"""SiLU (swish): `y = x * sigmoid(x)`. Not monotone: one turn, two changes of bend.

With `s` the logistic sigmoid, the turn solves `1 + x (1 - s(x)) = 0`, the bend changes where
`2 + x (1 - 2 s(x)) = 0`; both roots found with 50 digits.
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
