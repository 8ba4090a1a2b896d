"""What one unit of a radius is for each input: real units, or standard deviations of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import InputError
from ...graph.graph import vectors
from .boxes import numbers, what_came
from .columns import by_column, columns, is_frame


if TYPE_CHECKING:
    from ...graph import Slot


STD = "std"


def flat_scale(slots: Sequence[Slot], scale: Any, data: Any = None) -> np.ndarray | None:
    """How far each input moves at a radius of 1.

    Args:
        slots: The model's inputs.
        scale: One number or array for the only input, a mapping from name to these (a Series), or
            `"std"`; None for 1 everywhere.
        data: Of `"std"`: rows `(n, ...)`, a dict of such arrays, or a DataFrame.

    Returns:
        `(inputs,)`, finite and >= 0, somewhere > 0; None where nothing is scaled.

    Raises:
        InputError: It does not fit the model, or `"std"` has no data.
    """
    if scale is None:
        return None
    if isinstance(scale, str):
        scale = deviations(scale, data)
    given = by_column(scale)
    if isinstance(given, Mapping):
        parts, whole = given, slots
        if set(parts) != {slot.name for slot in slots}:
            raise InputError(
                f"A scale by name names every input once (0 fixes it): "
                f"{[slot.name for slot in slots]}. Received: {[str(name) for name in parts]}."
            )
    else:
        whole = vectors(slots)
        parts = {slot.name: given for slot in whole}
    found = []
    for slot in whole:
        array = numbers(parts[slot.name], "`scale`")
        fits = array.ndim == 0 or array.shape == slot.shape or array.shape == (slot.size,)
        if not fits or (array.ndim and len(whole) > 1 and not isinstance(given, Mapping)):
            raise InputError(
                f"`scale` is a number or of the shape {slot.shape} of input `{slot.name}`; of "
                f"several inputs, a mapping by name. Received: {what_came(scale)}."
            )
        found.append(np.broadcast_to(array.ravel() if array.ndim else array, (slot.size,)))
    flat = np.concatenate(found)
    if not np.isfinite(flat).all() or (flat < 0).any() or not flat.any():
        raise InputError(
            "`scale` says how far each input moves at a radius of 1: finite, >= 0 (0 fixes it), "
            f"and somewhere more. Received: {what_came(scale)}."
        )
    return flat


def deviations(scale: str, data: Any) -> Any:
    """The standard deviation of each feature of data, constant ones 0.

    Raises:
        InputError: `scale` is another word, or there is no data.
    """
    if scale != STD or data is None:
        raise InputError(
            '`scale` is a number, an array, a mapping by name, or "std" with `data`: standard '
            f"deviations. Received: scale={scale!r}, data={'none' if data is None else 'given'}."
        )
    parts = columns(data) if is_frame(data) else data
    if isinstance(parts, Mapping):
        return {name: _deviation(part) for name, part in parts.items()}
    return _deviation(parts)


def _deviation(part: Any) -> np.ndarray:
    array = numbers(part, "the data")
    if not array.ndim or len(array) < 2 or not np.isfinite(array).all():
        raise InputError(
            "A standard deviation needs two rows of finite numbers at least. "
            f"Received: {what_came(part)}."
        )
    return array.std(axis=0)
