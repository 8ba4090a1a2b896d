"""Parsing of the argument `box` into a `Box` over a graph's flat input.

The type of the argument determines its meaning: a *tuple* is a pair `(lo, hi)`; an *array* is data
(or, in a dict and in the input's own shape, a fixed value); a *dict* has one of these per input
name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import Box, InputError, did_you_mean
from ...graph.graph import merge_columns
from ...graph.limits import check_within
from .boxes import array_box, axis_hint, describe_value, numbers, rows_shape
from .columns import (
    by_column,
    columns,
    frame_integers,
    in_order,
    is_frame,
    restore_shape,
    warn_relaxed,
    whole_columns,
)


if TYPE_CHECKING:
    from ...graph import Slot


FORMS = (
    "A box is `(lo, hi)` (numbers, or arrays of the model's input shape), a data array "
    "`(n, *input_shape)`, or a dict from input name to one of these"
)


def input_box(slots: Sequence[Slot], box: Any, *, respects_one_hot: bool = False) -> Box:
    """Parse `box` into a box over the concatenated inputs `slots`.

    Args:
        slots: The model's inputs (names, and shapes without the batch axis).
        box: One of the following. `(lo, hi)` with numbers or arrays in the input's shape (with or
            without a batch axis of length 1). A data array `(n, *shape)` or a DataFrame, which
            means the range of each feature. A dict from input name to any of these, or to a number
            or one array in that input's shape, which fixes the input. For several inputs, a list of
            these in order. A `Box` over the flat input. An `outrange.Mixed`, whose box is used with
            a warning.
        respects_one_hot: Whether the question respects one-hot groups, so that no warning names
            them.

    Returns:
        A finite `Box` of `sum(slot.size)` coordinates, in float64 without rounding. Only the bounds
        of integer inputs are rounded, inward to integers.

    Raises:
        InputError: `box` has an unsupported form, or a bound is inverted, NaN, infinite or
            misshaped.

    Example:
        >>> from outrange.graph import Slot
        >>> input_box([Slot("x", (2,))], (0, [1, 2])).hi
        array([1., 2.])
    """
    if box is None:
        raise InputError(f"An input set is needed: pass `box`. {FORMS}. Received: box=None.")
    total = sum(slot.size for slot in slots)
    if hasattr(box, "one_hot"):
        one_hot = len(box.one_hot) and not respects_one_hot
        warn_relaxed(bool(len(box.integers)), bool(one_hot or len(box.at_most_one)))
        return input_box(slots, box.box)
    if getattr(box, "is_input_set", False):
        raise InputError(
            "This question requires a box: pass the bounds of the smallest box that contains the "
            f"set. {FORMS}. Received: {describe_value(box)}."
        )
    if is_frame(box):
        integers, one_hot, dummies = whole_columns(columns(box), frame_integers(box))
        warn_relaxed(bool(integers), bool(dummies or (one_hot and not respects_one_hot)))
    box = in_order(slots, by_column(box))
    inputs = slots if isinstance(box, Mapping) else merge_columns(slots)
    if isinstance(box, Box):
        if box.size != total:
            raise InputError(
                f"A `Box` needs one coordinate per model input, {total} in total. "
                f"Received: {box.size} coordinates."
            )
        return _check_bounds(slots, box.lo, box.hi)
    if isinstance(box, Mapping):
        ends = [_entry(slot, box[slot.name], fixed=True) for slot in _same_names(slots, box)]
    elif len(inputs) == 1:
        ends = [_entry(inputs[0], box, fixed=False)]
    elif isinstance(box, tuple) and len(box) == 2 and all(np.ndim(end) == 0 for end in box):
        ends = [_entry(slot, box, fixed=False) for slot in slots]
    else:
        names = ", ".join(f"`{slot.name}`" for slot in slots)
        raise InputError(
            f"This model has {len(slots)} inputs ({names}); pass two numbers `(lo, hi)` for all of "
            f"them, or a dict from input name to a box. Received: {describe_value(box)}."
        )
    lo, hi = (np.concatenate([np.ravel(end[side]) for end in ends]) for side in (0, 1))
    return _check_bounds(slots, lo, hi)


def _same_names(slots: Sequence[Slot], box: Mapping) -> Sequence[Slot]:
    names = [slot.name for slot in slots]
    unknown = [name for name in box if name not in names]
    missing = [name for name in names if name not in box]
    if unknown or missing:
        if unknown:
            fault = f"has no input named `{unknown[0]}`"
            if not missing:  # a table with the targets in it, say
                few = ", ".join(f"`{name}`" for name in unknown[:8])
                fault += f" (remove names that are not inputs: {few})"
        else:
            fault = f"also has the input `{missing[0]}` (a number or one array fixes it)"
        near = did_you_mean(str(unknown[0]), missing) if unknown else ""
        single = len(slots) == 1 and slots[0].size > 1
        hint = (
            f" To name its {slots[0].size} features, pass `names=[...]` to `outrange.load`, or a "
            "DataFrame as data."
        )
        raise InputError(
            f"A dict box must name every input of the model once. The model {fault}; its inputs "
            f"are {names}.{hint if single else near} Received: {[str(name) for name in box]}."
        )
    return slots


def _entry(slot: Slot, value: Any, *, fixed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Parse the box of one input into `(lo, hi)`, two arrays of the input's shape.

    Args:
        slot: The input.
        value: A `Box`, a pair, or an array of numbers.
        fixed: Whether a number, or an array in the input's shape, is one fixed value. Otherwise, an
            array is data, whose range is the box.
    """
    if isinstance(value, Box):
        if value.size != slot.size:
            raise InputError(
                f"The `Box` for input `{slot.name}` needs {slot.size} coordinates. "
                f"Received: {value.size}."
            )
        return value.lo, value.hi
    if isinstance(value, tuple):
        return _pair(slot, value)
    if isinstance(value, list):
        raise InputError(
            f"A list for input `{slot.name}` is ambiguous (bounds or data): write a tuple "
            "`(lo, hi)` for bounds (`tuple(np.transpose(pairs))` for a pair per feature), or "
            f"`np.array(rows)` for data{_point_hint(slot, value)}. "
            f"Received: {describe_value(value)}."
        )
    array = numbers(value, f"input `{slot.name}`")
    array = restore_shape(array, slot.shape)
    if fixed and array.ndim == 0:
        array = np.broadcast_to(array, slot.shape)
    if fixed and array.shape == slot.shape:
        return array, array
    if array.ndim == 1 and slot.size == 1:
        array = array.reshape(-1, *slot.shape)
    if array.shape[1:] != slot.shape or array.ndim == 0:
        raise InputError(
            f"{FORMS}. Data for input `{slot.name}` needs shape "
            f"{rows_shape(slot.shape)}.{axis_hint(array.shape, slot.shape)} "
            f"Received: {describe_value(value)}."
        )
    return array_box(array)


def _point_hint(slot: Slot, value: list) -> str:
    """Return words on fixing an input if a list has as many numbers as the input; else `""`."""
    return f" (`np.array({value})` fixes the input)" if len(value) == slot.size > 1 else ""


def _pair(slot: Slot, value: tuple) -> tuple[np.ndarray, np.ndarray]:
    if len(value) != 2:
        raise InputError(
            f"A tuple must be a pair `(lo, hi)`; the one for `{slot.name}` has {len(value)} "
            f"entries. {FORMS}. Received: {describe_value(value)}."
        )
    if any(isinstance(end, tuple) for end in value):
        raise InputError(
            f"A tuple of tuples for input `{slot.name}` is ambiguous ((lo, hi) or a pair per "
            "feature): write `(lo, hi)` with two arrays, for example `tuple(np.transpose(pairs))`. "
            f"Received: {describe_value(value)}."
        )
    ends, wrong = [], {}
    for side, end in zip(("lo", "hi"), value, strict=True):
        array = numbers(end, f"`{side}` of input `{slot.name}`")
        array = restore_shape(array, slot.shape)
        if array.shape == (1, *slot.shape):
            array = array[0]
        if array.ndim and array.shape != slot.shape:
            wrong[f"`{side}`"] = array.shape
        ends.append(array)
    if wrong:
        shape = f", or an array of shape {slot.shape} (a batch axis of 1 may precede it)"
        shapes = dict.fromkeys(wrong.values())
        raise InputError(
            f"{' and '.join(wrong)} of input `{slot.name}` need{'s' * (len(wrong) == 1)} one number"
            f"{shape if slot.shape else ''}.{axis_hint(next(iter(shapes)), slot.shape)} "
            f"Received: shape {', '.join(map(str, shapes))}."
        )
    return np.broadcast_to(ends[0], slot.shape), np.broadcast_to(ends[1], slot.shape)


def _check_bounds(slots: Sequence[Slot], lo: np.ndarray, hi: np.ndarray) -> Box:
    for bad, rule in (
        (~np.isfinite(lo), "have a finite `lo`"),
        (~np.isfinite(hi), "have a finite `hi`"),
        (~(lo <= hi), "satisfy lo <= hi"),
    ):
        at = np.flatnonzero(bad)
        if at.size:
            i = int(at[0])
            raise InputError(
                f"Every input must {rule}; {place(slots, i)} does not"
                f"{_others(at.size - 1)}. "
                f"Received: lo={lo[i]:g}, hi={hi[i]:g}."
            )
    check_within(slots, lo, hi)
    return _shrink_to_integers(slots, lo, hi) if any(slot.whole for slot in slots) else Box(lo, hi)


def whole_entries(slots: Sequence[Slot]) -> np.ndarray:
    """Return whether each flat input is an integer, `(inputs,)`."""
    return np.concatenate([np.full(slot.size, slot.whole) for slot in slots])


def _others(count: int) -> str:
    """Return a parenthesized clause stating how many other entries break the rule; empty for 0."""
    return f" (nor do{'es' * (count == 1)} {count} other{'s' * (count > 1)})" if count else ""


def _shrink_to_integers(slots: Sequence[Slot], lo: np.ndarray, hi: np.ndarray) -> Box:
    """Round the bounds of integer inputs inward to integers."""
    integer = whole_entries(slots)
    first, last = (
        np.where(integer, np.ceil(lo), lo) + 0.0,
        np.where(integer, np.floor(hi), hi) + 0.0,
    )
    empty = np.flatnonzero(first > last)
    if empty.size:
        i = int(empty[0])
        raise InputError(
            f"The bounds of {place(slots, i)} must include an integer, because this input takes "
            "only integers. "
            f"Received: lo={lo[i]:g}, hi={hi[i]:g}."
        )
    return Box(first, last)


def slope_box(slots: Sequence[Slot], box: Any) -> Box:
    """Parse a box for a question about slopes: integer inputs must be fixed.

    Raises:
        InputError: An integer input is not fixed.
    """
    bounds = input_box(slots, box)
    moving = np.flatnonzero(whole_entries(slots) & (bounds.lo < bounds.hi))
    if moving.size:
        i = int(moving[0])
        raise InputError(
            f"A slope needs inputs that vary continuously; {place(slots, i)} takes integers only. "
            "Fix it (with a number or array in a dict box), or decide directions with "
            f"`outrange.monotone`. Received: lo={bounds.lo[i]:g}, hi={bounds.hi[i]:g}."
        )
    return bounds


def place(slots: Sequence[Slot], i: int) -> str:
    """Return the input name of flat coordinate `i` and its index, as in `` `x`[0, 1] ``, if any."""
    for slot in slots:
        if i < slot.size:
            index = [int(k) for k in np.unravel_index(i, slot.shape)] if slot.shape else ""
            return f"`{slot.name}`{index}"
        i -= slot.size
    raise IndexError(i)
