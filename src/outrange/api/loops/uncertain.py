"""What is not known of a plant: disturbance, parameters, choices; and that nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import Box, InputError


if TYPE_CHECKING:
    from ...frontends.functions.parts import StepParts


def pair(given: Any, what: str) -> Box:
    """`(lo, hi)`, or one value, as a box; empty without one."""
    if given is None:
        return Box(np.zeros(0), np.zeros(0))
    # A list would be a vector without any uncertainty: hardly what is meant.
    ends = given if isinstance(given, tuple) and len(given) == 2 else (1.0, 0.0)
    try:
        lo, hi = (np.atleast_1d(np.asarray(end, np.float64)).ravel() for end in ends)
        lo, hi = (end.copy() for end in np.broadcast_arrays(lo, hi))
    except (TypeError, ValueError):
        lo, hi = np.ones(1), np.zeros(1)
    if not (np.isfinite([lo, hi]).all() and (lo <= hi).all()):
        raise InputError(
            f"`{what}` is a pair `(lo, hi)`: finite numbers or arrays with `lo <= hi`. "
            f"Received: {given!r:.80}."
        )
    return Box(lo, hi)


def choices_of(given: Any) -> list[np.ndarray]:
    """The values of every choice, rising."""
    if given is None:
        return []
    try:
        lists = list(given) if np.ndim(next(iter(given), 0)) else [given]
        found = [np.unique(np.asarray(list(values), np.float64)) for values in lists]
    except (TypeError, ValueError):
        found = []
    if not found or not all(values.size and np.isfinite(values).all() for values in found):
        raise InputError(
            "A choice is a list of finite numbers, `[-1, 0, 1]` say; several are a list of lists. "
            f"Received: {given!r:.80}."
        )
    return found


def check_repeatable(parts: StepParts) -> None:
    """Refuse a plant that returns something else every time it is called."""
    from ...frontends.functions.step import plain_after

    traced = [plain_after(parts) for _ in range(2)]
    points = np.random.default_rng(0).uniform(-1, 1, (8, traced[0].size))
    with np.errstate(all="ignore"):
        found = [graph.run(points) for graph in traced]
    if not np.array_equal(*found, equal_nan=True):
        raise InputError(
            "A plant returns the same next state whenever it is called with the same numbers. What "
            "is random is a disturbance: `disturbance=(lo, hi), varying=True`, `w` in the plant. "
            "Received: one that returned two different results (`np.random`, or a counter?)."
        )
