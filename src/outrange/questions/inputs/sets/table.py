"""Input sets of tables: ranges of the columns, with integer columns and one-hot groups."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..columns import (
    ColumnBox,
    caller_level,
    column_box,
    columns,
    frame_integers,
    is_frame,
    whole_columns,
    whole_sentence,
)
from ..data_boxes import TableBox
from .features import flat_features
from .mixed import Mixed


if TYPE_CHECKING:
    from ....graph import Slot


def frame_set(
    frame: Any, margin: Any = 0.0, *, relative: bool = False, whole: bool | None = None
) -> ColumnBox | Mixed:
    """Return the input set of a DataFrame; see `outrange.data_box` for the arguments."""
    parts = columns(frame)
    box = TableBox(column_box(parts, margin, relative=relative))
    if whole is False:
        return box
    restricted = table_set(box, parts, frame_integers(frame))
    if whole is None and isinstance(restricted, Mixed):
        warnings.warn(
            f"{whole_sentence(restricted)}. With `outrange.data_box(frame, whole=False)`, these "
            "columns may take any value between their minimum and maximum.",
            stacklevel=caller_level(),
        )
    return restricted


def integers_and_groups(
    slots: Sequence[Slot], box: Any
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Return a mask of a set's integer inputs, and the flat indices of its two kinds of groups.

    The groups come from the fields `one_hot` and `at_most_one` of a `Mixed`. A set that is neither
    a `Mixed` nor a DataFrame has no integer inputs and no groups. The mask includes the inputs of
    `at_most_one` groups, but not the inputs of `one_hot` groups.

    Raises:
        InputError: The bounds of a `Mixed` exclude every category of a group, or every integer.
    """
    input_set = frame_set(box, whole=True) if is_frame(box) else box
    integer = np.zeros(sum(slot.size for slot in slots), bool)
    if not isinstance(input_set, Mixed):
        return integer, [], []
    input_set.regions(slots)  # An empty set is refused there.
    groups = [flat_features(slots, group, "one_hot") for group in input_set.one_hot]
    partial = [flat_features(slots, group, "at_most_one") for group in input_set.at_most_one]
    integer[flat_features(slots, input_set.integers, "integers")] = True
    integer[np.concatenate([np.zeros(0, int), *partial])] = True
    return integer, groups, partial


def table_set(
    box: ColumnBox, parts: Mapping[str, np.ndarray], integers: Sequence[str]
) -> ColumnBox | Mixed:
    """Restrict a box by column to the integers and one-hot groups of its table.

    Args:
        box: The box, by column.
        parts: Values of the table, by column.
        integers: Names of the columns that contain integers.

    Returns:
        A `Mixed` set; the box itself if no varying column is restricted.
    """
    varies = {name for name, (lo, hi) in box.items() if lo < hi}
    whole, *kinds = whole_columns(parts, integers)
    whole = [name for name in whole if name in varies]
    groups, dummies = ([list(group) for group in kind if varies & set(group)] for kind in kinds)
    if not whole and not groups and not dummies:
        return box
    return Mixed(box, integers=whole, one_hot=groups, at_most_one=dummies)
