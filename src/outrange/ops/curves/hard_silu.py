"""Hard SiLU (hard swish): `y = x * clip(x / 6 + 1/2, 0, 1)`."""

import numpy as np

from ..curve import Curve
from ..registry import register


def _f(x: np.ndarray) -> np.ndarray:
    inner = np.clip(x, -3.0, 3.0)
    return np.where(x >= 3.0, x, inner * (inner + 3.0) / 6.0)


def _df(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 3.0, np.clip(x, -3.0, 3.0) / 3.0 + 0.5, np.asarray(x) > 0)


@register("hard_silu")
def hard_silu() -> Curve:
    return Curve(
        name="hard_silu",
        f=_f,
        df=_df,
        knots=(-3.0, 3.0),
        bends=("line", "cup", "line"),
        lines=((0.0, 0.0), None, (1.0, 0.0)),
        turns=(-3.0, -1.5),
        ulps=3,
        exact=lambda mp, x: x * min(max((x + 3) / 6, mp.mpf(0)), mp.mpf(1)),
    )
