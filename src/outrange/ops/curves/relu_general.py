"""ReLU with all of its arguments, as in `keras.layers.ReLU`.

`y = min(x, max_value)` above the threshold, `negative_slope * (x - threshold)` at and below it.
There is a jump at the threshold, unless `threshold` or `max_value` is 0.
"""

from fractions import Fraction

import numpy as np

from ...core import InputError
from ..curve import Curve
from ..registry import curve, register


@register("relu_general")
def relu_general(
    negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Curve:
    top = np.inf if max_value is None else float(max_value)
    s, t = float(negative_slope), float(threshold)
    if not (np.isfinite(s) and 0.0 <= t < np.inf and top >= 0.0):
        raise InputError(
            "ReLU needs a finite `negative_slope`, and a `threshold` and `max_value` >= 0. "
            f"Received: negative_slope={s}, max_value={max_value}, threshold={t}."
        )
    if s == 0.0 and (t == 0.0 or top == 0.0):
        return curve("clip", least=0.0, most=top)
    if t == 0.0 and top == np.inf:
        return curve("leaky_relu", negative_slope=s)
    shift = -s * t
    below = (s, shift + 0.0) if Fraction(shift) == -Fraction(s) * Fraction(t) else None
    knots, lines = (t,), (below, (1.0, 0.0))
    if top <= t:
        lines = (below, (0.0, top))
    elif top < np.inf:
        knots, lines = (t, top), (below, (1.0, 0.0), (0.0, top))
    jumps = (t,) if min(t, top) > 0.0 else ()
    # At the threshold the slope goes from `s` to 0 or 1, or the value jumps up.
    turns = tuple(k for k in knots if k != t or jumps or s <= 0.0 or top <= t)

    def f(x: np.ndarray) -> np.ndarray:
        fallen = np.minimum(x, t) - t
        # Without this distinction, the value at -inf would be NaN if the slope is 0.
        return np.where(x > t, np.minimum(x, top), s * fallen if s else np.maximum(fallen, 0.0))

    return Curve(
        name="relu_general",
        f=f,
        df=lambda x: np.where(np.asarray(x) > t, np.where(np.asarray(x) < top, 1.0, 0.0), s),
        knots=knots,
        bends=("line",) * len(lines),
        lines=lines,
        turns=turns,
        jumps=jumps,
        ulps=0.0 if s == 0.0 else 2.0,
        exact=lambda mp, x: min(x, mp.mpf(top)) if x > t else mp.mpf(s) * (x - t),
        slope_error=0.0,
    )
