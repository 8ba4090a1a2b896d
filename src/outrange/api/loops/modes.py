"""Modes of a closed loop: a state whose value selects one of several controllers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import InputError


def read_modes(controller: Any) -> tuple[str | int | None, dict[float, Any]]:
    """Return the mode's name or index, and a dict from each of its values to a controller.

    The mode is None if there is one controller.

    Raises:
        InputError: Several controllers are no such dict, or a value of the mode is not a number.
    """
    if not isinstance(controller, Mapping):
        return None, {0.0: controller}
    parts = list(controller.items())
    if len(parts) != 1 or not isinstance(parts[0][1], Mapping):
        raise InputError(
            "Several controllers must be a dict from the name or index of a state to a dict from "
            "its values to controllers: `controller={'phase': {0: idle, 1: climb}}`. "
            f"Received: a dict with the keys {list(controller)}."
        )
    ((mode, controllers),) = parts
    try:
        modes = {float(value): model for value, model in controllers.items()}
    except (TypeError, ValueError):
        modes = {}
    if not modes:
        raise InputError(
            f"The controllers must have numbers as keys, the values of the state {mode!r}. "
            f"Received: {list(controllers)}."
        )
    return mode, modes


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
        "The key of `controller` must be one of the states, "
        f"{', '.join(names)}, or its index. Received: {mode!r}."
    )
