"""Conversion of the arguments for a plant's disturbance, parameters and choices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import Box, InputError


if TYPE_CHECKING:
    from ...frontends.functions.parts import StepParts


KINDS = {"w": "disturbance", "p": "parameters", "c": "choices"}
"""Dict from the plant's arguments for unknown values to what they are."""


def read_unknown(unknown: Any) -> tuple[Box, Box, list[np.ndarray]]:
    """Return the box of the disturbance, the box of the parameters, and the values of each choice.

    Raises:
        InputError: `unknown` is no dict with keys among `"w"`, `"p"` and `"c"`, or a value is
            invalid.
    """
    if unknown is not None and not isinstance(unknown, Mapping):
        raise InputError(
            "`unknown` must be a dict from arguments of the plant to their values, such as "
            f'{{"w": (-0.1, 0.1)}}. Received: {unknown!r:.80}.'
        )
    values = dict(unknown or {})
    for key in values:
        if key not in KINDS:
            raise InputError(
                '`unknown` may have the keys "w" (a disturbance), "p" (constant parameters) and '
                f'"c" (a choice). Received: {key!r}.'
            )
    noise, fixed = (interval_box(values.get(key), key) for key in "wp")
    return noise, fixed, choices_of(values.get("c"))


def interval_box(value: Any, what: str) -> Box:
    """Return the box between the numbers or arrays `(lo, hi)`; for None, a box without entries.

    Args:
        value: The pair, or None.
        what: Key of `unknown`, for messages.

    Raises:
        InputError: `value` is not a pair of finite bounds with `lo <= hi`.
    """
    if value is None:
        return Box(np.zeros(0), np.zeros(0))
    # A list would mean a vector without uncertainty, which the user hardly intends.
    ends = value if isinstance(value, tuple) and len(value) == 2 else (1.0, 0.0)
    try:
        lo, hi = (np.atleast_1d(np.asarray(end, np.float64)).ravel() for end in ends)
        lo, hi = (end.copy() for end in np.broadcast_arrays(lo, hi))
    except (TypeError, ValueError):
        lo, hi = np.ones(1), np.zeros(1)
    if not (np.isfinite([lo, hi]).all() and (lo <= hi).all()):
        raise InputError(
            f'`unknown["{what}"]` must be a pair `(lo, hi)`: finite numbers or arrays with '
            f"`lo <= hi`. "
            f"Received: {value!r:.80}."
        )
    return Box(lo, hi)


def choices_of(value: Any) -> list[np.ndarray]:
    """Return one array of sorted values per choice; for None, an empty list.

    Raises:
        InputError: `value` is neither a list of finite numbers nor a list of such lists.
    """
    if value is None:
        return []
    try:
        lists = list(value) if np.ndim(next(iter(value), 0)) else [value]
        choices = [np.unique(np.asarray(list(values), np.float64)) for values in lists]
    except (TypeError, ValueError):
        choices = []
    if not choices or not all(values.size and np.isfinite(values).all() for values in choices):
        raise InputError(
            "A choice must be a list of finite numbers such as `[-1, 0, 1]`; several choices must "
            f"be a list of such lists. Received: {value!r:.80}."
        )
    return choices


def check_repeatable(parts: StepParts) -> None:
    """Check that a plant returns the same result for the same arguments.

    Raises:
        InputError: Two runs of the plant returned different results.
    """
    from ...frontends.functions.step import plain_after

    traced = [plain_after(parts) for _ in range(2)]
    points = np.random.default_rng(0).uniform(-1, 1, (8, traced[0].size))
    with np.errstate(all="ignore"):
        results = [graph.run(points) for graph in traced]
    if not np.array_equal(*results, equal_nan=True):
        raise InputError(
            "A plant must return the same next state for the same arguments. Model randomness as a "
            'disturbance: pass `unknown={"w": (lo, hi)}`, and use `w` in the plant. '
            "Received: a plant that returned two different results (does it use `np.random` or a "
            "counter?)."
        )
