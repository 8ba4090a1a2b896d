"""For which inputs a model is what its graph says: no type overflows, no table is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core import InputError, UnsupportedError
from ..domains.intervals import RULES
from ..graph import Builder, Slot
from ..graph.composites.pointwise import COMPARISONS
from ..graph.whole import limited
from ..ops.pointwise.op import Pointwise


_FAR = 2**24

_REAL = float(np.finfo(np.float32).max)

_OCTAVES = 120
"""Limits of real numbers are sought from 2^-120 to 2^120."""

_CENTERS = (0.0, 0.5, 1.0, -0.5, -1.0, 10.0, -10.0, 100.0, -100.0)
"""Where limits of real numbers are sought, in turn: what a table or a type holds is near."""


@dataclass(frozen=True)
class Within:
    """`least <= value <= most`, or the graph is not the model.

    Args:
        value: Of the graph being built.
        least: Lower limit.
        most: Upper limit.
        why: For the message: what breaks otherwise.
    """

    value: int
    least: float
    most: float
    why: str


def limited_inputs(b: Builder, wanted: Sequence[Within]) -> list[Slot]:
    """The inputs, limited so far that everything stays within its limits.

    The limits are the widest of the form `first <= x <= last` around 0 (or around what is nearest
    to 0) for all inputs alike; found by halving, each try an interval pass. Inputs of real numbers
    are limited only where there are none of whole numbers, and may lie around another center.

    Raises:
        UnsupportedError: Not even one input is known to keep within them.
    """
    slots = list(limited(b))
    wanted = [*wanted] + [
        Within(value, least, most, "a table has no more rows") for value, least, most in b.bounded
    ]
    if not wanted:
        return slots
    slots = [s if s.whole else replace(s, limits=(-_REAL, _REAL)) for s in slots]
    if _broken(b, slots, wanted) is None:
        return slots
    if not any(slot.whole for slot in slots):
        return _limited_reals(b, slots, wanted)

    def cut(first: int, last: int) -> list[Slot]:
        return [
            replace(s, limits=(float(np.clip(first, *s.limits)), float(np.clip(last, *s.limits))))
            if s.whole
            else s
            for s in slots
        ]

    why = _broken(b, cut(0, 0), wanted)
    if why is not None:
        raise UnsupportedError(
            f"No whole numbers are known for which the model does what its layers say: {why}."
        )
    last = _farthest(lambda k: _broken(b, cut(0, k), wanted) is None)
    first = -_farthest(lambda k: _broken(b, cut(-k, last), wanted) is None)
    return cut(first, last)


def _limited_reals(b: Builder, slots: list[Slot], wanted: Sequence[Within]) -> list[Slot]:
    """Limits of inputs of real numbers, all alike."""

    def cut(first: float, last: float) -> list[Slot]:
        return [replace(s, limits=(first, last)) for s in slots]

    def keeps(first: float, last: float) -> bool:
        return _broken(b, cut(first, last), wanted) is None

    center = next((c for c in _CENTERS if keeps(c, c)), None)
    if center is None:
        raise UnsupportedError(
            "No numbers are known for which the model does what its layers say: "
            f"{_broken(b, cut(0.0, 0.0), wanted)}."
        )
    last = center + _reach(lambda r: keeps(center, center + r))
    first = center - _reach(lambda r: keeps(center - r, last))
    return cut(first, last)


def _farthest(holds: Callable[[int], bool]) -> int:
    """The largest `k` up to `_FAR` for which it holds, if it holds up to there and not beyond."""
    low, high = 0, _FAR + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _reach(holds: Callable[[float], bool]) -> float:
    """A length that holds, within 0.1 % of the longest."""
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


def _broken(b: Builder, slots: Sequence[Slot], wanted: Sequence[Within]) -> str | None:
    """Why a limit is not known to be kept; None if all are."""
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
    """Interval bounds of one node; infinite where nothing is known."""
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
    """What is easily known of the functions that become parts of curves later."""
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
