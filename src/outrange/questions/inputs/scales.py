"""Factor of the radius for each input: numbers, or standard deviations of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import InputError
from ...graph.graph import merge_columns
from .boxes import describe_value, numbers
from .columns import by_column, columns, is_frame


if TYPE_CHECKING:
    from ...graph import Slot


STD = "std"


def flat_scale(slots: Sequence[Slot], scale: Any, data: Any = None) -> np.ndarray | None:
    """Return the maximum change of each input at a radius of 1.

    Args:
        slots: The inputs of the model.
        scale: A number for all inputs; an array for the only input; a mapping from input name to a
            number or an array, such as a Series; or `"std"`. None means 1 for every input.
        data: Rows for `"std"`: `(n, ...)`, a dict of such arrays, or a DataFrame.

    Returns:
        An array `(inputs,)` of finite numbers >= 0, not all 0; None if `scale` is None.

    Raises:
        InputError: `scale` does not fit the model, or it is `"std"` and there is no data.
    """
    if scale is None:
        return None
    if isinstance(scale, str):
        scale = deviations(scale, data)
    named = by_column(scale)
    if isinstance(named, Mapping):
        parts, whole = named, slots
        if set(parts) != {slot.name for slot in slots}:
            raise InputError(
                f"A mapping of scales must name every input once (0 fixes an input): "
                f"{[slot.name for slot in slots]}. Received: {[str(name) for name in parts]}."
            )
    else:
        whole = merge_columns(slots)
        parts = {slot.name: named for slot in whole}
    factors = []
    for slot in whole:
        array = numbers(parts[slot.name], "`scale`")
        fits = array.ndim == 0 or array.shape == slot.shape or array.shape == (slot.size,)
        if not fits or (array.ndim and len(whole) > 1 and not isinstance(named, Mapping)):
            raise InputError(
                f"`scale` must be a number or have the shape {slot.shape} of input `{slot.name}`; "
                f"for several inputs, pass a mapping by name. Received: {describe_value(scale)}."
            )
        factors.append(np.broadcast_to(array.ravel() if array.ndim else array, (slot.size,)))
    flat = np.concatenate(factors)
    if not np.isfinite(flat).all() or (flat < 0).any() or not flat.any():
        raise InputError(
            "`scale` must contain finite numbers >= 0, not all 0, that state how far each input "
            f"moves at a radius of 1 (0 fixes an input). Received: {describe_value(scale)}."
        )
    return flat


def deviations(scale: str, data: Any) -> Any:
    """Return the standard deviation of each feature of data, as an array or a dict by input name.

    The number of rows is the divisor, as in `numpy.std`.

    Raises:
        InputError: `scale` is not `"std"`, or there is no data.
    """
    if scale != STD or data is None:
        raise InputError(
            "`scale` must be a number, an array, or a mapping by name. In `robust_accuracy`, it "
            'may also be "std" for the standard deviations of the inputs. '
            f"Received: scale={scale!r}."
        )
    parts = columns(data) if is_frame(data) else data
    if isinstance(parts, Mapping):
        return {name: _deviation(part) for name, part in parts.items()}
    return _deviation(parts)


def _deviation(part: Any) -> np.ndarray:
    array = numbers(part, "the data")
    if not array.ndim or len(array) < 2 or not np.isfinite(array).all():
        raise InputError(
            "A standard deviation needs at least two rows of finite numbers. "
            f"Received: {describe_value(part)}."
        )
    return array.std(axis=0)
