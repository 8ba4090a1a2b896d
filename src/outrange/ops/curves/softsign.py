"""Softsign: `y = x / (1 + |x|)`."""

import numpy as np

from ..curve import Curve
from ..registry import register


def _f(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, -1e30, 1e30)  # beyond, the quotient is 1 in any precision
    return x / (1.0 + np.abs(x))


@register("softsign")
def softsign() -> Curve:
    return Curve(
        name="softsign",
        f=_f,
        df=lambda x: (1.0 / (1.0 + np.abs(x))) ** 2,
        knots=(0.0,),
        bends=("cup", "cap"),
        beyond=(-1.0, 1.0),
        ulps=2,
        exact=lambda mp, x: x / (1 + abs(x)),
    )
