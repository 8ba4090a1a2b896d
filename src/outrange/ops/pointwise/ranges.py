"""Ranges of expressions, from the ranges of their curves, and removal of redundant curves.

For example, `relu(sigmoid(x))` is `sigmoid(x)`, and a second identical clip has no effect. A curve
that is the line `y = x` on all values of its argument is replaced by this argument. The properties
in its `Curve` record show whether the curve is that line.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ...core import Bounds, InputError
from ..curve import Curve
from .definitions import of_curve
from .domain import needs, restrict
from .expression import Expressions
from .intervals import sum_ends
from .nodes import Sum


Range = tuple[float, float]

_ALL: Range = (-np.inf, np.inf)


def apply_curve(t: Expressions, c: Curve, u: int) -> int:
    """Apply a curve to the expression `u`.

    If the curve is the line `y = x` on the range of `u`, return `u` itself.

    Raises:
        UnsupportedError: The curve has no expression.

    Example:
        >>> from outrange.ops import curve
        >>> t = Expressions()
        >>> once = apply_curve(t, curve("relu"), t.x)
        >>> apply_curve(t, curve("relu"), once) == once
        True
    """
    least, most = values(t, u)
    if _is_identity(c, least, most):
        return u
    e = of_curve(t, c, u)
    if restrict(t, e, needs(t, u)) != e:
        return e  # it has values where `u` has none
    try:
        low, high = c.range(np.array([least]), np.array([most]))
    except InputError:  # not defined on all of them
        return e
    before = t.ranges.get(e, _ALL)
    t.ranges[e] = max(float(low[0]), before[0]), min(float(high[0]), before[1])
    return e


def values(t: Expressions, e: int) -> Range:
    """Return lower and upper bounds on `e` over all `x`, and record them."""
    node = t.nodes[e]
    if e in t.ranges or not isinstance(node, Sum):
        return t.ranges.get(e, _ALL)
    bounds: dict[int, Bounds] = {
        b: (np.array([lo]), np.array([hi]))
        for b in t.children(e)
        for lo, hi in [t.ranges.get(b, _ALL)]
    }
    low, high = sum_ends(node, bounds, (1,))
    t.ranges[e] = float(low[0]), float(high[0])
    return t.ranges[e]


def _is_identity(c: Curve, least: float, most: float) -> bool:
    """Return whether a curve is the line `y = x` on all of `[least, most]`."""
    if c.lines is None or not (c.on[0] <= least and most <= c.on[1]):
        return False
    if any(least <= at <= most for at in (*c.jumps, *c.holes)):
        return False
    ends = [-np.inf, *c.knots, np.inf]
    met = [
        line
        for (a, b), line in zip(pairwise(ends), c.lines, strict=True)
        if max(a, least) < min(b, most) or a <= least == most <= b
    ]
    return bool(met) and all(line == (1.0, 0.0) for line in met)
