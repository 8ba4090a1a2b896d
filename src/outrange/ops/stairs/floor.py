"""Floor: the largest integer not above `x`."""

import numpy as np

from ..registry import register_stairs
from ..step import Step


@register_stairs("floor")
def floor() -> Step:
    """Return the floor function as a `Step`."""
    return Step(
        name="floor",
        f=np.floor,
        df=np.zeros_like,
        bends=("cup",),
        rises=True,
        spacing=1.0,
        start=0.0,
        exact=lambda mp, x: mp.floor(x),
        slope_error=0.0,
    )
