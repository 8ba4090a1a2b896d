"""Modes of a closed loop: a state whose value selects one of several controllers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import InputError


def read_modes(controller: Any, mode: str | int | None) -> dict[float, Any]:
    """Return a dict from the value of each mode to its controller.

    Raises:
        InputError: Several controllers have no mode, one controller has a mode, or a mode is not a
            number.
    """
    if isinstance(controller, Mapping) != (mode is not None):
        raise InputError(
            "Controllers for several modes must be a dict from values of a state to models, and "
            "`mode=` must name that state: `controller={0: idle, 1: climb}, mode='phase'`. "
            f"Received: {type(controller).__name__}, mode={mode!r}."
        )
    if not isinstance(controller, Mapping):
        return {0.0: controller}
    try:
        modes = {float(value): model for value, model in controller.items()}
    except (TypeError, ValueError):
        modes = {}
    if not modes:
        raise InputError(
            "The keys of `controller` must be numbers, the values of the state that `mode` names. "
            f"Received: {list(controller)}."
        )
    return modes


def mode_index(mode: str | int, names: Sequence[str]) -> int:
    """Return the index of the state that contains the mode.

    Raises:
        InputError: There is no such state.
    """
    if isinstance(mode, str) and mode in names:
        return names.index(mode)
    if isinstance(mode, int) and not isinstance(mode, bool) and 0 <= mode < len(names):
        return mode
    raise InputError(
        f"`mode` must be one of the states, {', '.join(names)}, or its index. Received: {mode!r}."
    )
