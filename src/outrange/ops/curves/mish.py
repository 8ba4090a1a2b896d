"""Mish: `y = x * tanh(softplus(x))`.

With `e = exp(-|x|)`, `tanh(softplus(x))` is `(1 + 2e) / (1 + 2e + 2e**2)` right of 0 and
`(e**2 + 2e) / (e**2 + 2e + 2)` left of it; nothing cancels in these forms. The turning point and
the inflection points are roots of the first and second derivatives, computed to 50 digits.
Reference: Misra 2019, arXiv:1908.08681.
"""

import numpy as np

from ..curve import Curve
from ..numerics.logistic import logistic
from ..registry import register


TURN, LEFT, RIGHT = -1.1924312145154952, -2.256376396360793, 1.4905711794854284


def _gate(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return `tanh(softplus(x))` and `1 - tanh(softplus(x))`."""
    e = np.exp(-np.abs(x))
    right = np.asarray(x) >= 0
    top = np.where(right, 1.0 + 2.0 * e, e * (e + 2.0))
    rest = np.where(right, 2.0 * e * e, 2.0)
    return top / (top + rest), rest / (top + rest)


def _df(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, -800.0, 800.0)
    gate, rest = _gate(x)
    return gate + x * rest * (1.0 + gate) * logistic(x)


@register("mish")
def mish() -> Curve:
    return Curve(
        name="mish",
        f=lambda x: np.maximum(x, -1e4) * _gate(x)[0],  # the limit at -inf is 0
        df=_df,
        knots=(LEFT, RIGHT),
        bends=("cap", "cup", "cap"),
        turns=(TURN,),
        ulps=6,
        off=1e-300,  # where the exponential underflows
        exact=lambda mp, x: x * mp.tanh(mp.log1p(mp.exp(x))),
    )
