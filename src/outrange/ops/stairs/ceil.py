"""Ceil: the least integer not below `x`."""

import numpy as np

from ..registry import register_stairs
from ..step import Step


@register_stairs("ceil")
def ceil() -> Step:
    """Return the ceiling function as a `Step`."""
    return Step(
        name="ceil",
        f=np.ceil,
        df=np.zeros_like,
        bends=("cup",),
        rises=True,
        spacing=1.0,
        start=0.0,
        exact=lambda mp, x: mp.ceil(x),
        slope_error=0.0,
    )
