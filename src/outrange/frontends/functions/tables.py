"""NumPy's table and branching functions, as operations of the builder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ...graph import Builder, Operand, Value
from ...graph.composites import logic


Reader = Callable[[Builder, Any], Operand]
"""Function that converts an argument of a NumPy function to an operand."""


def interpolate(
    b: Builder, of: Reader, x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None,
    period: Any = None,
) -> Operand:  # fmt: skip
    """Lower `np.interp`: a constant plus, for each piece, its slope times `x` clipped to the piece.

    The slopes are rounded to float64.

    Raises:
        UnsupportedError: The table is not constant, `xp` is not increasing, or `left`, `right` or
            `period` is given.
    """
    at, places, values = of(b, x), _constant(b, of, xp), _constant(b, of, fp)
    if places.size < 2 or places.size != values.size or not (np.diff(places) > 0).all():
        raise UnsupportedError(
            "`np.interp` needs at least two increasing points, and one value for each; the points "
            f"are {places.tolist()}, and the values are {values.tolist()}"
        )
    if period is not None or any(end is not None for end in (left, right)):
        raise UnsupportedError(
            "Beyond its ends, `np.interp` must return the first or the last value: leave out "
            "`left`, `right` and `period`, and use `np.where` for other values beyond the ends"
        )
    if not isinstance(at, Value):
        return np.interp(at, places, values)
    slopes, parts = [], []
    level = Fraction(values[0])
    for (a, c), (low, high) in zip(pairwise(places), pairwise(values), strict=True):
        slope = float((high - low) / (c - a))
        level -= Fraction(slope) * Fraction(a)
        slopes.append(slope)
        parts.append(b.clip(at, float(a), float(c)))
    return b.affine_map(b.combine(slopes, parts), 1.0, float(level))


def select(
    b: Builder, of: Reader, condlist: Sequence, choicelist: Sequence, default: Any = 0
) -> Operand:
    """Lower `np.select`: the first choice whose condition holds."""
    result: Operand = of(b, default)
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = logic.select(b, of(b, condition), of(b, choice), result)
    return result


def piecewise(b: Builder, of: Reader, x: Any, condlist: Any, funclist: Sequence) -> Operand:
    """Lower `np.piecewise`: the last function whose condition holds; an extra one is the default.

    Raises:
        UnsupportedError: The number of functions does not match the number of conditions.
    """
    conditions = list(condlist) if isinstance(condlist, list | tuple) else [condlist]
    if len(funclist) not in (len(conditions), len(conditions) + 1):
        raise UnsupportedError(
            "`np.piecewise` needs a function for each condition, and optionally one for the "
            f"default; this call has {len(funclist)} functions and {len(conditions)} conditions"
        )
    each = [of(b, function(x) if callable(function) else function) for function in funclist]
    result: Operand = each[-1] if len(each) > len(conditions) else np.zeros(())
    for condition, choice in zip(conditions, each, strict=False):
        result = logic.select(b, of(b, condition), choice, result)
    return result


def digitize(b: Builder, of: Reader, x: Any, bins: Any, right: bool = False) -> Operand:
    """Lower `np.digitize`: the number of `bins` at or below `x`; with `right`, only below `x`.

    Raises:
        UnsupportedError: `bins` depends on the state, or does not increase.
    """
    return _count(b, of(b, x), _constant(b, of, bins), "greater" if right else "greater_equal")


def search_sorted(b: Builder, of: Reader, a: Any, v: Any, side: str = "left") -> Operand:
    """Lower `np.searchsorted`: the number of entries below `v`; with "right", at or below `v`.

    Raises:
        UnsupportedError: The table `a` depends on the state, or does not increase.
    """
    how = "greater" if side == "left" else "greater_equal"
    return _count(b, of(b, v), _constant(b, of, a), how)


def choose(b: Builder, of: Reader, a: Any, choices: Sequence) -> Operand:
    """Lower `np.choose`: the entry of `choices` at the index `a`, which may depend on the state.

    An index outside the table selects the nearest entry.
    """
    index, table = of(b, a), list(choices)
    result = of(b, table[0])
    for place, entry in enumerate(table[1:], 1):
        here = logic.compare(b, "greater_equal", index, place - 0.5)
        result = logic.select(b, here, of(b, entry), result)
    return result


def _count(b: Builder, x: Operand, places: np.ndarray, how: str) -> Operand:
    if not (np.diff(places) > 0).all():
        raise UnsupportedError(
            "The bins of `np.digitize`, and the array of `np.searchsorted`, "
            f"must be in increasing order; they are {places.tolist()}"
        )
    comparisons = [logic.compare(b, how, x, float(place)) for place in places]
    return b.combine([1.0] * len(comparisons), comparisons)


def _constant(b: Builder, of: Reader, argument: Any) -> np.ndarray:
    operand = of(b, argument)
    if isinstance(operand, Value):
        raise UnsupportedError("A table must consist of numbers that do not depend on the state")
    return np.asarray(operand, np.float64)
