"""Round: the nearest integer; ties go to the even one."""

import numpy as np

from ..registry import register_stairs
from ..step import Step


@register_stairs("round")
def round_half_even(slack: float = 0.0) -> Step:
    """Return the rounding function as a `Step`, with the stated slack in its argument."""
    return Step(
        name="round",
        f=np.rint,
        df=np.zeros_like,
        bends=("cup",),
        rises=True,
        slack=slack,
        spacing=1.0,
        start=0.5,
        # With slack, a ball of arguments has no single value; its range is used.
        exact=None if slack else (lambda mp, x: mp.nint(x)),
        slope_error=0.0,
    )
