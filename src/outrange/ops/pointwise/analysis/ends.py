"""Checks of a function at and beyond the ends of its analyzed interval, and its values there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ....core import UnsupportedError
from ....core.arrays import Elementwise
from ..expression import Expressions
from ..intervals import enclose
from ..nodes import NONZERO, Need
from .crossings import WHOLE, Edge
from .pieces import CurvePiece, is_undefined_at_knot


def open_ends(
    t: Expressions,
    whole: int,
    restrictions: Sequence[Need],
    f: Elementwise,
    first: CurvePiece,
    last: CurvePiece,
    on: tuple[float, float],
) -> list[float]:
    """Return the finite endpoints of `on` that the description of a function must exclude.

    An endpoint is excluded if the outermost piece ends there, and the function is either undefined
    there or differs from this piece.

    Args:
        t: The table of expressions.
        whole: The expression, with its branches.
        restrictions: Conditions of the function that cannot be read from the expression.
        f: The function in float64.
        first: The leftmost piece of the function.
        last: The rightmost piece of the function.
        on: The interval on which the function is described.
    """
    ends = []
    for piece, edge in ((first, first.left), (last, last.right)):
        if np.isinf(edge.at) or edge.at not in on:
            continue
        lost = piece.is_undefined_at(t, edge)
        if edge.exact:
            with np.errstate(all="ignore"):
                # Infinity may be the value at a pole; `0 * log(0)` has none.
                lost |= bool(np.isnan(f(np.array([edge.at])))[0])
            lost |= is_undefined_at_knot(t, whole, restrictions, piece, edge)
            lost |= _jumps(t, whole, piece, edge)
        if lost:
            ends.append(edge.at + 0.0)
    return ends


def _jumps(t: Expressions, whole: int, piece: CurvePiece, edge: Edge) -> bool:
    """Return whether the function and the piece have different values at an edge."""
    try:
        at_edge = t.substitute(whole, {t.x: t.constant(edge.at)})
    except UnsupportedError:  # a pole
        return False
    low, high = enclose(t, at_edge, edge.at, edge.at)
    least, most = enclose(t, piece.expression, edge.at, edge.at)
    return bool((high < least).any() or (most < low).any())


def is_defined_outside(
    t: Expressions, conditions: Iterable[Need], looked_at: tuple[Edge, Edge]
) -> bool:
    """Return whether the conditions provably hold everywhere outside the edges `looked_at`."""
    for a, b in ((-np.inf, looked_at[0].at), (looked_at[1].at, np.inf)):
        for need in conditions if a < b else ():
            low, high = (float(end[0]) for end in enclose(t, need.argument, a, b))
            if not (low > need.limit or (high < need.limit and need.sign == NONZERO)):
                return False
    return True


def restrict_to(f: Elementwise, on: tuple[float, float], holes: Sequence[float]) -> Elementwise:
    """Return `f`, modified to return NaN outside the interval `on` and at the holes."""

    def run(x: np.ndarray) -> np.ndarray:
        inside = (on[0] <= x) & (x <= on[1])
        for hole in holes:
            inside &= x != hole
        return np.where(inside, f(x), np.nan)

    return run


def with_outside(f: Elementwise, outside: Elementwise, looked_at: tuple[Edge, Edge]) -> Elementwise:
    """Return `f`, replaced by the function `outside` beyond the edges `looked_at`."""
    if looked_at == WHOLE:
        return f
    lo, hi = (edge.at for edge in looked_at)
    return lambda x: np.where((lo <= x) & (x <= hi), f(x), outside(x))
