"""Helpers for a report's data: class numbers, the first rows, and widths of inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...answers.render.text import entry_names
from ...core import InputError


if TYPE_CHECKING:
    from ...graph import Slot

MOST_NAMED = 20
"""Maximum number of names in a message."""


class NotApplicableError(InputError):
    """An error for a question that does not apply to a model or its data; the message says why."""


def class_numbers(y: Any, outputs: int) -> np.ndarray:
    """Return targets as class numbers `(n,)`; each one-hot row becomes the index of its 1.

    Args:
        y: Targets of the data.
        outputs: Number of outputs of the model; a single output decides between two classes.

    Raises:
        NotApplicableError: The targets are not classes.
    """
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] > 1 and np.isin(labels, (0, 1)).all():
        labels = labels.argmax(axis=1)
    numeric = labels.dtype.kind in "biuf"
    if not numeric or labels.size != len(labels) or (labels != np.rint(labels)).any():
        raise NotApplicableError(
            "Robustness is about classes, so the targets must be integer class labels or one-hot "
            f"rows. Received: shape {labels.shape}, dtype {labels.dtype}."
        )
    labels = labels.reshape(-1).astype(np.int64)
    if labels.size and not 0 <= labels.min() <= labels.max() < max(outputs, 2):
        raise NotApplicableError(
            "Robustness is about decisions between classes, but the targets of the data are "
            "numbers."
        )
    return labels


def check_units(
    units: Mapping[str, str] | str,
    names: Sequence[str],
    slots: Sequence[Slot],
    outputs: Sequence[str] = (),
) -> None:
    """Check that all names with units are names of inputs or outputs.

    Args:
        units: As for `outrange.report`.
        names: Names of the input entries as a flat list; empty if there are none.
        slots: Inputs and outputs of the model.
        outputs: Names of the outputs.

    Raises:
        InputError: A name is unknown.
    """
    if isinstance(units, str):
        return
    slot_names = [slot.name for slot in slots]
    entries = entry_names({slot.name: slot.shape for slot in slots})
    unknown = [name for name in units if name not in {*names, *outputs, *slot_names, *entries}]
    if unknown:
        listed = [*(list(names) or slot_names), *outputs]
        few = f"{listed[:MOST_NAMED]}" + (" and others" if len(listed) > MOST_NAMED else "")
        raise InputError(
            'The keys of `units` must name inputs, outputs or entries (`"x[0]"`), or be in '
            f"`names`. Received: a unit for {unknown[0]!r}; the names are {few}."
        )


def first_rows(x: Any, count: int) -> Any:
    """Return the first `count` rows of the data."""
    if isinstance(x, Mapping):
        return {name: np.asarray(part)[:count] for name, part in x.items()}
    return np.asarray(x)[:count]


def widths(x: Any) -> Any:
    """Return the width of each input's range over the data, in the shape of one input.

    The result is None if all widths are 0.
    """
    if isinstance(x, Mapping):
        ranges = {name: np.ptp(np.asarray(part, float), axis=0) for name, part in x.items()}
        return ranges if any(np.any(part > 0) for part in ranges.values()) else None
    width = np.ptp(np.asarray(x, float), axis=0)
    return width if np.any(width > 0) else None
