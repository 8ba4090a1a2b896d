"""Input limits within which a graph matches its model: no overflow of a type, no invalid index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core import InputError, UnsupportedError
from ..domains.intervals import RULES
from ..graph import Builder, Slot
from ..graph.composites.pointwise import COMPARISONS
from ..graph.integer_inference import limit_inputs
from ..ops.pointwise.op import Pointwise


_FAR = 2**24

_REAL = float(np.finfo(np.float32).max)

_OCTAVES = 120
"""Limits of real-valued inputs are searched for at distances of 2^-120 to 2^120 from a center."""

_CENTERS = (0.0, 0.5, 1.0, -0.5, -1.0, 10.0, -10.0, 100.0, -100.0)
"""Centers to try, in this order, for the range of real-valued inputs.

Inputs that are valid for a lookup table usually lie close to one of them.
"""


@dataclass(frozen=True)
class ValueLimit:
    """Limits `least <= value <= most` outside of which the graph may not match the model.

    Args:
        value: Index of a value of the graph being built.
        why: Consequence of violating the limits, for the error message.
    """

    value: int
    least: float
    most: float
    why: str


def limited_inputs(b: Builder, wanted: Sequence[ValueLimit]) -> list[Slot]:
    """Return the input slots, narrowed if needed so that every limited value stays in its limits.

    Interval bounds prove that the values stay in their limits. All narrowed inputs share one range
    `first <= x <= last` around a center. Bisection extends the range upward as far as the limits
    are proved to hold, and then downward. If any input is restricted to integers, only the integer
    inputs are narrowed; the center is 0, and the range is clipped to the limits of each input.
    Otherwise, the real-valued inputs are narrowed around the first of several centers at which the
    limits hold. If there are any limits to prove, real-valued inputs that are not narrowed are
    still limited to the range of float32.

    Args:
        b: Builder of the graph.
        wanted: Limits to prove, besides those that the builder itself recorded in `b.bounded`.

    Raises:
        UnsupportedError: The limits are not proved to hold at any center.
    """
    slots = list(limit_inputs(b))
    wanted = [*wanted] + [
        ValueLimit(value, least, most, "a table has no more rows")
        for value, least, most in b.bounded
    ]
    if not wanted:
        return slots
    slots = [s if s.whole else replace(s, limits=(-_REAL, _REAL)) for s in slots]
    if _first_broken(b, slots, wanted) is None:
        return slots
    if not any(slot.whole for slot in slots):
        return _limited_reals(b, slots, wanted)

    def narrow(first: int, last: int) -> list[Slot]:
        return [
            replace(s, limits=(float(np.clip(first, *s.limits)), float(np.clip(last, *s.limits))))
            if s.whole
            else s
            for s in slots
        ]

    why = _first_broken(b, narrow(0, 0), wanted)
    if why is not None:
        raise UnsupportedError(
            "There must be integer inputs for which interval bounds prove that every layer stays "
            f"within its limits, but no such inputs were found: {why}."
        )
    last = _farthest(lambda k: _first_broken(b, narrow(0, k), wanted) is None)
    first = -_farthest(lambda k: _first_broken(b, narrow(-k, last), wanted) is None)
    return narrow(first, last)


def _limited_reals(b: Builder, slots: list[Slot], wanted: Sequence[ValueLimit]) -> list[Slot]:
    """Return the slots, limited to one common range for which all `wanted` limits hold.

    Raises:
        UnsupportedError: The limits are not proved to hold at any of `_CENTERS`.
    """

    def narrow(first: float, last: float) -> list[Slot]:
        return [replace(s, limits=(first, last)) for s in slots]

    def keeps(first: float, last: float) -> bool:
        return _first_broken(b, narrow(first, last), wanted) is None

    center = next((c for c in _CENTERS if keeps(c, c)), None)
    if center is None:
        raise UnsupportedError(
            "There must be inputs for which interval bounds prove that every layer stays within "
            "its limits, but no such inputs were found: "
            f"{_first_broken(b, narrow(0.0, 0.0), wanted)}."
        )
    last = center + _reach(lambda r: keeps(center, center + r))
    first = center - _reach(lambda r: keeps(center - r, last))
    return narrow(first, last)


def _farthest(holds: Callable[[int], bool]) -> int:
    """Return the largest `k <= _FAR` that satisfies `holds`, by bisection (`holds` is monotone)."""
    low, high = 0, _FAR + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _reach(holds: Callable[[float], bool]) -> float:
    """Return a length that satisfies `holds`, found by bisection; 0 if even `2**-120` fails."""
    if holds(_REAL):
        return _REAL
    low, high = -_OCTAVES, _OCTAVES
    if not holds(2.0**low):
        return 0.0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(2.0**middle) else (low, middle)
    length = step = 2.0**low
    for _ in range(10):
        step *= 0.5
        length = length + step if holds(length + step) else length
    return length


def _first_broken(b: Builder, slots: Sequence[Slot], wanted: Sequence[ValueLimit]) -> str | None:
    """Return the `why` of the first limit that is not proved to hold; None if all are proved."""
    ends = [
        np.concatenate(
            [
                np.full(
                    s.size, float(s.limits[k] if s.whole else np.clip(s.limits[k], -_REAL, _REAL))
                )
                for s in slots
            ]
        )[None]
        for k in (0, 1)
    ]
    values = [(ends[0], ends[1])]
    for node in b.nodes[: max(w.value for w in wanted)]:
        before = [values[j] for j in node.inputs]
        values.append(_ends(node, [e[0] for e in before], [e[1] for e in before]))
    for w in wanted:
        least, most = values[w.value]
        if not (least.min(initial=np.inf) >= w.least and most.max(initial=-np.inf) <= w.most):
            return w.why
    return None


def _ends(node: Any, lo: list, hi: list) -> tuple[np.ndarray, np.ndarray]:
    """Compute lower and upper bounds of one node; they are infinite where none are known."""
    op = node.op
    unknown = np.full((1, node.size), -np.inf), np.full((1, node.size), np.inf)
    with np.errstate(all="ignore"):
        if isinstance(op, Pointwise):
            return _pointwise(op.name, lo, hi, unknown)
        try:
            least, most = RULES[type(op)](op, tuple(lo), tuple(hi))
        except InputError:  # The function is not defined on all of it.
            return unknown
    return np.where(np.isnan(least), -np.inf, least), np.where(np.isnan(most), np.inf, most)


def _pointwise(
    name: str, lo: list, hi: list, unknown: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Compute interval bounds of a simple pointwise function; return `unknown` for all others."""
    if name == "multiply":
        corners = [x * y for x in (lo[0], hi[0]) for y in (lo[1], hi[1])]
        return np.minimum.reduce(corners), np.maximum.reduce(corners)
    if name == "where":
        return np.minimum(lo[1], lo[2]), np.maximum(hi[1], hi[2])
    if name == "sign":
        return np.full_like(lo[0], -1.0), np.ones_like(lo[0])
    if name in (*COMPARISONS, "not", "bool"):
        return np.zeros_like(lo[0]), np.ones_like(lo[0])
    return unknown
