"""`y = 1 / x`, for positive `x`, negative `x`, or both; a range that contains 0 is an error."""

import numpy as np

from ...core import InputError
from ..curve import Curve
from ..numerics.taylor import reciprocal_taylor
from ..registry import register


@register("reciprocal")
def reciprocal(side: str | None = None) -> Curve:
    if side not in (None, "positive", "negative"):
        raise InputError(f"`side` must be 'positive', 'negative' or None. Received: side={side!r}.")
    # A signed zero at the end of a range lies on the same side as the rest of the range.
    zero = {None: lambda x: x, "positive": lambda x: x + 0.0, "negative": lambda x: -(0.0 - x)}[
        side
    ]
    return Curve(
        name="reciprocal",
        f=lambda x: 1.0 / zero(np.asarray(x)),
        df=lambda x: -1.0 / np.square(x),
        knots=() if side else (0.0,),
        bends={None: ("cap", "cup"), "positive": ("cup",), "negative": ("cap",)}[side],
        on={None: (-np.inf, np.inf), "positive": (0.0, np.inf), "negative": (-np.inf, 0.0)}[side],
        holes=() if side else (0.0,),
        ulps=0.5,
        exact=lambda mp, x: 1 / x,
        taylor=reciprocal_taylor,
    )
