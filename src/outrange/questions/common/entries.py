"""Selection of inputs and outputs for questions about pairs of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core import InputError, did_you_mean
from ...graph import Graph, Slot


MOST_NAMED = 12
"""Names that a message lists."""


def entry_labels(slots: Sequence[Slot]) -> list[str]:
    """A name per flat entry: `name[i, j]`."""
    return [
        f"{slot.name}[{', '.join(map(str, index))}]" if index else slot.name
        for slot in slots
        for index in np.ndindex(*slot.shape)
    ]


def chosen(slots: Sequence[Slot], given: Any, what: str) -> np.ndarray:
    """Flat indices of the entries that `given` names.

    Args:
        slots: The inputs or outputs.
        given: None for all; a flat index, the name of an input or output, an entry's label, or a
            list of these.
        what: `"inputs"` or `"outputs"`, for messages.

    Raises:
        InputError: There is no such entry.
    """
    labels = entry_labels(slots)
    if given is None:
        return np.arange(len(labels))
    found: list[int] = []
    given = given.tolist() if isinstance(given, np.ndarray) else given
    for one in given if isinstance(given, list | tuple | range) else [given]:
        if isinstance(one, str):
            start, named = 0, []
            for slot in slots:
                if slot.name == one:
                    named = list(range(start, start + slot.size))
                start += slot.size
            named = named or [i for i, label in enumerate(labels) if label == one]
            if not named:
                names = list(dict.fromkeys([*(slot.name for slot in slots), *labels]))
                more = ", ..." if len(names) > MOST_NAMED else ""
                known = ", ".join(f"`{name}`" for name in names[:MOST_NAMED]) + more
                near = did_you_mean(one, names)
                raise InputError(f"`{what}` are named {known}.{near} Received: {one!r}.")
            found += named
        elif isinstance(one, int | np.integer) and not isinstance(one, bool):
            if not -len(labels) <= one < len(labels):
                raise InputError(
                    f"`{what}` are flat indices 0 to {len(labels) - 1}. Received: {int(one)}."
                )
            found.append(int(one) % len(labels))
        else:
            raise InputError(
                f"`{what}` is a flat index, a name, or a list of these. Received: {one!r}."
            )
    if not found:
        raise InputError(f"`{what}` must name at least one entry. Received: {given!r}.")
    return np.array(list(dict.fromkeys(found)), np.int64)


def chosen_pairs(graph: Graph, outputs: Any, inputs: Any) -> list[tuple[int, int]]:
    """Every chosen output with every chosen input, as flat indices.

    Args:
        graph: Whose.
        outputs: See `chosen`.
        inputs: See `chosen`.
    """
    rows, columns = (
        chosen(graph.outputs, outputs, "outputs"),
        chosen(graph.inputs, inputs, "inputs"),
    )
    return [(int(row), int(column)) for row in rows for column in columns]
