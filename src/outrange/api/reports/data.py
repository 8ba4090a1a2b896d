"""The data of a report: class numbers, the first rows, a radius."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...answers.render.text import entry_names
from ...core import InputError


if TYPE_CHECKING:
    from ...graph import Slot

MOST_NAMED = 20
"""Names that a message lists."""


class NotAskedError(InputError):
    """A question does not fit this model or this data; the message says why."""


def class_numbers(y: Any) -> np.ndarray:
    """Targets as `(n,)` class numbers; one-hot rows by their place.

    Raises:
        NotAskedError: They are no classes.
    """
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] > 1 and np.isin(labels, (0, 1)).all():
        labels = labels.argmax(axis=1)
    numeric = labels.dtype.kind in "biuf"
    if not numeric or labels.size != len(labels) or (labels != np.rint(labels)).any():
        raise NotAskedError(
            "The targets are not class numbers, so there is no decision that a small change could "
            "turn."
        )
    return labels.reshape(-1).astype(np.int64)


def check_units(
    units: Mapping[str, str] | str,
    names: Sequence[str],
    slots: Sequence[Slot],
    outputs: Sequence[str] = (),
) -> None:
    """Refuse a unit of what is neither an input nor an output.

    Args:
        units: As for `outrange.report`.
        names: What each entry of the inputs stands for, flat; empty if nothing is said.
        slots: The model's inputs and outputs.
        outputs: What each output is called.

    Raises:
        InputError: There is one.
    """
    if isinstance(units, str):
        return
    own = [slot.name for slot in slots]
    known = {*names, *outputs, *own, *entry_names({slot.name: slot.shape for slot in slots})}
    unknown = [one for one in units if one not in known]
    if unknown:
        told = [*(list(names) or own), *outputs]
        few = f"{told[:MOST_NAMED]}" + (" and others" if len(told) > MOST_NAMED else "")
        raise InputError(
            '`units` are those of inputs, of outputs, of entries (`"x[0]"`) or of `names`. '
            f"Received: a unit of {unknown[0]!r}; the names are {few}."
        )


def first_rows(x: Any, count: int) -> Any:
    """The first rows of the data."""
    if isinstance(x, Mapping):
        return {name: np.asarray(part)[:count] for name, part in x.items()}
    return np.asarray(x)[:count]


def widths(x: Any) -> Any:
    """The width of every input in the data, in its own shape; None where no input varies."""
    if isinstance(x, Mapping):
        found = {name: np.ptp(np.asarray(part, float), axis=0) for name, part in x.items()}
        return found if any(np.any(part > 0) for part in found.values()) else None
    width = np.ptp(np.asarray(x, float), axis=0)
    return width if np.any(width > 0) else None
