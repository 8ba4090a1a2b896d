"""Conversion of rows to flat arrays, and tests of whether rows lie in regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...core import InputError, Region
from ...core.formula import holds
from ...graph import Slot
from .boxes import describe_value, numbers, rows_shape
from .columns import column_names, columns, is_frame, is_row, restore_shape


def members(inputs_set: Sequence[Region], flat: np.ndarray) -> np.ndarray:
    """Return which of the rows `(n, inputs)` lie in a union of regions without norm balls."""
    is_member = np.zeros(len(flat), bool)
    for region in inputs_set:
        inside = ((flat >= region.box.lo) & (flat <= region.box.hi)).all(axis=1)
        integers = flat[:, region.integer]
        inside &= (integers == np.rint(integers)).all(axis=1)
        for i in np.flatnonzero(inside & ~is_member):
            is_member[i] = holds(region.condition, flat[i], flat[i]) is True
    return is_member


def slots_of(inputs_set: Any) -> list[Slot]:
    """Return the inputs that a set describes, with their names and shapes.

    Args:
        inputs_set: A pair of arrays, a dict of pairs, or an `outrange.Mixed` whose box is one of
            these.

    Raises:
        InputError: The set does not determine the shapes, or `lo` and `hi` have different shapes.
    """
    box = inputs_set
    while hasattr(box, "is_input_set") and hasattr(box, "box"):
        box = box.box
    if isinstance(box, tuple) and len(box) == 2:
        return [Slot("x", _shape(box))]
    if isinstance(box, Mapping):
        return [Slot(str(name), _shape(part)) for name, part in box.items()]
    raise InputError(
        "The box of rows must be a pair `(lo, hi)` of arrays, a dict of such pairs, or an "
        "`outrange.Mixed` of these: see `outrange.data_box`. "
        f"Received: {describe_value(inputs_set)}."
    )


def _shape(part: Any) -> tuple[int, ...]:
    """Return the shape of one input, given its pair of bounds or its fixed value."""
    ends = part if isinstance(part, tuple) else (part,)
    shapes = [numbers(end, "the box").shape for end in ends]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise InputError(
            "The bounds `lo` and `hi` of an input must have the same shape. "
            f"Received: shapes {' and '.join(map(str, shapes))}."
        ) from None


def flat_rows(slots: Sequence[Slot], rows: Any) -> tuple[np.ndarray, bool]:
    """Convert rows, which contain a value for every input, to a flat array.

    Args:
        slots: The inputs of the model.
        rows: A DataFrame, a row of a DataFrame, a dict from name to values, or an array.

    Returns:
        An array `(n, inputs)`, and whether `rows` is a single row without a batch axis.

    Raises:
        InputError: The rows do not fit the inputs, or are not finite.
    """
    names = [slot.name for slot in slots]
    if is_frame(rows) and len(slots) == 1 and slots[0].name not in (column_names(rows) or ()):
        rows = np.stack(list(columns(rows).values()), axis=1)
    if is_frame(rows) or is_row(rows) or isinstance(rows, Mapping):
        names_given = column_names(rows) or tuple(map(str, rows))
        missing = [name for name in names if name not in names_given]
        if missing:
            raise InputError(
                f"Rows must have a value for each input; `{missing[0]}` is missing. "
                f"Received: {list(names_given[:8])}."
            )
        named = columns(rows[names]) if is_frame(rows) else rows
        parts = [_batch(slot, named[slot.name]) for slot in slots]
    else:
        whole = slots[0] if len(slots) == 1 else Slot("rows", (sum(slot.size for slot in slots),))
        parts = [_batch(whole, rows)]
    if len({(len(part), is_single) for part, is_single in parts}) > 1:
        counts = [f"`{n}` has {len(part)}" for n, (part, _) in zip(names, parts, strict=True)]
        raise InputError(
            f"All inputs must have the same number of rows. Received: {', '.join(counts[:8])}."
        )
    flat = np.concatenate([part for part, _ in parts], axis=1)
    bad = np.argwhere(~np.isfinite(flat))
    if len(bad):
        raise InputError(
            "Rows must be finite; drop or fill those that are not. "
            f"Received: {flat[tuple(bad[0])]} in row {bad[0][0]}."
        )
    return flat, parts[0][1]


def _batch(slot: Slot, values: Any) -> tuple[np.ndarray, bool]:
    """Return the rows of one input, `(n, size)`, and whether `values` has no batch axis."""
    array = restore_shape(numbers(values, f"`{slot.name}`"), slot.shape)
    if array.shape == slot.shape:
        return array.reshape(1, slot.size), True
    if array.ndim == 0 and slot.size == 1:
        return array.reshape(1, 1), True
    if slot.size == 1 and array.size == len(array):
        array = array.reshape(-1, *slot.shape)
    if array.shape[1:] != slot.shape:
        raise InputError(
            f"A row of `{slot.name}` must have shape {slot.shape}, and n rows must have shape "
            f"{rows_shape(slot.shape)}. Received: {describe_value(values)}."
        )
    return array.reshape(len(array), slot.size), False
