"""Detection of integer columns and categories in the data of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...questions.inputs.columns import (
    columns,
    frame_integers,
    integer_columns,
    is_frame,
    whole_columns,
)
from ...questions.inputs.data import data_box
from ...questions.inputs.sets import Mixed
from ...questions.inputs.sets.table import integers_and_groups
from ...reports.plain.reader import Category


if TYPE_CHECKING:
    from ...graph import Slot


def whole_and_groups(
    x: Any, names: Sequence[str] | None, box: Any, slots: Sequence[Slot]
) -> tuple[list[int], list[Category], list[list[int]]]:
    """Return the integer inputs, the one-hot groups and the dummy groups of a report's input set.

    Inputs are flat indices. At most one input of a dummy group is 1, and all inputs of the group
    are integer inputs. The result is read from the box if it is an `outrange.Mixed`, and otherwise
    detected in the data.

    Args:
        x: Inputs of the data; None if there are no data.
        names: Names of the input entries as a flat list.
        box: The input set; None for the range of the data.
        slots: Inputs with the names that the box uses.
    """
    if isinstance(box, Mixed):
        mask, members, partial = integers_and_groups(slots, box)
        labels = list(names) if names else [f"input {i}" for i in range(mask.size)]
        groups = [
            Category.of([labels[i] for i in g], tuple(g.tolist()), may_be_none)
            for kind, may_be_none in ((members, False), (partial, True))
            for g in kind
        ]
        return np.flatnonzero(mask).tolist(), groups, [group.tolist() for group in partial]
    parts = _columns(x, names)
    if names is None or set(parts) != set(names):
        return [], [], []
    integers = (
        frame_integers(x) if is_frame(x) else integer_columns(parts, _names_of_integers(x, names))
    )
    whole, one_hot, dummies = whole_columns(parts, integers)
    at = {name: i for i, name in enumerate(names)}
    categories = [
        Category.of(group, tuple(at[name] for name in group), may_be_none)
        for kind, may_be_none in ((one_hot, False), (dummies, True))
        for group in kind
    ]
    partial = [[at[name] for name in group] for group in dummies]
    integer = [*(at[name] for name in whole), *(i for group in partial for i in group)]
    return integer, categories, partial


def _columns(x: Any, names: Sequence[str] | None) -> dict[str, np.ndarray]:
    """Return the columns of the data by name; an empty dict if the data are not a table."""
    if is_frame(x):
        return columns(x)
    if x is None or isinstance(x, dict) or names is None:
        return {}
    rows = np.asarray(x, float)
    if rows.ndim != 2 or rows.shape[1] != len(names) or not len(rows):
        return {}
    return dict(zip(names, rows.T, strict=True))


def _names_of_integers(x: Any, names: Sequence[str]) -> Sequence[str]:
    """Return the names of the columns of an array that are stored as integers: all or none."""
    return names if np.asarray(x).dtype.kind in "biu" else ()


def table_box(
    x: Any, whole: Sequence[int], groups: Sequence[Category], partial: Sequence[list[int]]
) -> Any:
    """Return the input set of the data: its range, with integer inputs and groups.

    Args:
        x: Inputs of the data.
        whole: Flat indices of the integer inputs.
        groups: One-hot groups.
        partial: Flat indices of each group of inputs, at most one of which is 1.
    """
    if not whole and not groups:
        return data_box(x)
    box = data_box(x, whole=False) if is_frame(x) else data_box(x)
    one_hot = [list(group.members) for group in groups if not group.may_be_none]
    alone = [i for i in whole if not any(i in group for group in partial)]
    return Mixed(box, integers=alone, one_hot=one_hot, at_most_one=list(partial))
