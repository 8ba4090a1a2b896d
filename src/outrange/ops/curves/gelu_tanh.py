"""The usual GELU approximation: `y = x / 2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x**3)))`.

This equals `x * sigmoid(2 w)`, where `w` is the argument of tanh. The sigmoid form remains accurate
in the left tail. The turning point and the inflection points are the roots of the first and second
derivatives, computed to 50 digits.
"""

import numpy as np

from ..curve import Curve
from ..numerics.logistic import logistic, logistic_slope
from ..registry import register


TURN, BEND = -0.7524614220710163, 1.4185040087908283
RATE, CUBIC = 1.5957691216057308, 0.044715  # 2 sqrt(2/pi)


def _argument(x: np.ndarray) -> np.ndarray:
    return RATE * x * (1.0 + CUBIC * np.square(x))


def _df(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, -60.0, 60.0)
    w = _argument(x)
    return logistic(w) + x * logistic_slope(w) * RATE * (1.0 + 3.0 * CUBIC * np.square(x))


def _f(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, -60.0) * logistic(_argument(np.clip(x, -60.0, 60.0)))


@register("gelu_tanh")
def gelu_tanh() -> Curve:
    return Curve(
        name="gelu_tanh",
        f=_f,
        df=_df,
        knots=(-BEND, BEND),
        bends=("cap", "cup", "cap"),
        turns=(TURN,),
        ulps=16,
        off=1e-19,  # the far left tail loses relative accuracy
        exact=lambda mp, x: (
            x / (1 + mp.exp(-2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)))
        ),
    )
