"""Labels of the entries of inputs and outputs, and selection of entries by label or index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core import InputError, did_you_mean
from ...graph import Graph, Slot


MOST_NAMED = 12
"""Maximum number of names that a message lists."""


def entry_labels(slots: Sequence[Slot]) -> list[str]:
    """Return one label per flat entry, such as `name[i, j]`."""
    return [
        f"{slot.name}[{', '.join(map(str, index))}]" if index else slot.name
        for slot in slots
        for index in np.ndindex(*slot.shape)
    ]


def select_entries(slots: Sequence[Slot], selection: Any, what: str) -> np.ndarray:
    """Return the flat indices of the selected entries, without duplicates.

    Args:
        slots: The inputs or outputs.
        selection: None for all entries; or a flat index, the name of an input or output, an
            entry's label, or a list of these.
        what: `"inputs"` or `"outputs"`, for messages.

    Raises:
        InputError: A selected entry does not exist, or nothing is selected.
    """
    labels = entry_labels(slots)
    if selection is None:
        return np.arange(len(labels))
    indices: list[int] = []
    selection = selection.tolist() if isinstance(selection, np.ndarray) else selection
    for item in selection if isinstance(selection, list | tuple | range) else [selection]:
        if isinstance(item, str):
            start, named = 0, []
            for slot in slots:
                if slot.name == item:
                    named = list(range(start, start + slot.size))
                start += slot.size
            named = named or [i for i, label in enumerate(labels) if label == item]
            if not named:
                names = list(dict.fromkeys([*(slot.name for slot in slots), *labels]))
                more = ", ..." if len(names) > MOST_NAMED else ""
                shown = ", ".join(f"`{name}`" for name in names[:MOST_NAMED]) + more
                near = did_you_mean(item, names)
                raise InputError(
                    f"`{what}` must use these names: {shown}.{near} Received: {item!r}."
                )
            indices += named
        elif isinstance(item, int | np.integer) and not isinstance(item, bool):
            if not -len(labels) <= item < len(labels):
                raise InputError(
                    f"`{what}` must be flat indices 0 to {len(labels) - 1}. Received: {int(item)}."
                )
            indices.append(int(item) % len(labels))
        else:
            raise InputError(
                f"`{what}` must be a flat index, a name, or a list of these. Received: {item!r}."
            )
    if not indices:
        raise InputError(f"`{what}` must name at least one entry. Received: {selection!r}.")
    return np.array(list(dict.fromkeys(indices)), np.int64)


def select_pairs(graph: Graph, outputs: Any, inputs: Any) -> list[tuple[int, int]]:
    """Return all pairs of a selected output and a selected input, as flat indices."""
    rows, columns = (
        select_entries(graph.outputs, outputs, "outputs"),
        select_entries(graph.inputs, inputs, "inputs"),
    )
    return [(int(row), int(column)) for row in rows for column in columns]
