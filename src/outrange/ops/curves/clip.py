"""Clip: `y = min(max(x, least), most)`; ReLU6 and hard tanh are special cases."""

import numpy as np

from ...core import InputError
from ..curve import Curve
from ..registry import register


@register("clip")
def clip(least: float, most: float) -> Curve:
    least, most = float(least), float(most)
    if not (least <= most and least < np.inf and most > -np.inf):
        raise InputError(f"Clip needs `least <= most`. Received: least={least}, most={most}.")
    if least == most:
        knots, lines = (), [(0.0, least)]
    else:
        ends = {k: (0.0, k) for k in (least, most) if np.isfinite(k)}
        knots, lines = tuple(ends), [(1.0, 0.0)]
        lines = [ends[least]] + lines if least in ends else lines
        lines = lines + [ends[most]] if most in ends else lines
    return Curve(
        name="clip",
        f=lambda x: np.minimum(np.maximum(x, least), most),
        df=lambda x: ((np.asarray(x) > least) & (np.asarray(x) < most)).astype(np.float64),
        knots=knots,
        bends=("line",) * len(lines),
        lines=tuple(lines),
        turns=knots,
        exact=lambda mp, x: min(max(x, mp.mpf(least)), mp.mpf(most)),
        slope_error=0.0,
        saturated=(lambda lo, hi: (hi <= least) | (lo >= most)) if knots else None,
    )
