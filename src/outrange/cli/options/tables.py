"""The inputs in a file of data: without its targets, by the titles of its columns."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import InputError
from .arrays import read_file


if TYPE_CHECKING:
    from ...graph import Slot


TARGET = "y"
"""The array or column of targets where nothing else is said, as for `outrange diagnose`."""


def inputs_in(
    name: str, target: str | None, slots: Sequence[Slot]
) -> tuple[Any, tuple[str, ...] | None]:
    """The inputs in a file, as `data_box` takes them.

    Args:
        name: A `.npy`, `.npz` or `.csv` file.
        target: The array or the columns (with commas) that are no inputs; None for those called
            `y`, where there are any.
        slots: The model's inputs.

    Returns:
        An array, or a dict by input name; and the titles of its columns where they name the
        features of a model with one flat input.

    Raises:
        InputError: There is no such file or target.
    """
    data = read_file(name, "--data")
    titles = None if isinstance(data, dict) else titles_of(name)
    parts: dict[str, Any]
    if isinstance(data, dict):
        parts = dict(data)
    elif titles is not None and len(titles) == data.shape[1] and len(set(titles)) == len(titles):
        parts = dict(zip(titles, data.T, strict=True))
    else:
        titles, parts = None, {}
    _drop(parts, target, name, [slot.name for slot in slots])
    if titles is None:
        left = next(iter(parts.values())) if len(parts) == 1 else parts
        return (data if not isinstance(data, dict) else left), None
    if {slot.name for slot in slots} == set(parts) and all(slot.size == 1 for slot in slots):
        return {slot.name: parts[slot.name].reshape(-1, *slot.shape) for slot in slots}, None
    table = np.stack(list(parts.values()), axis=1) if parts else np.zeros((0, 0))
    if len(slots) == 1 and len(slots[0].shape) == 1 and len(parts) > slots[0].size:
        raise InputError(
            f"The model takes {slots[0].size} features, and the data has {len(parts)} columns; "
            f"say by `--target` which are none. Received: {name} with {list(parts)[:20]}."
        )
    is_flat = len(slots) == 1 and slots[0].shape == (len(parts),)
    return table, tuple(parts) if is_flat else None


def _drop(parts: dict[str, Any], target: str | None, name: str, inputs: Sequence[str]) -> None:
    """Leave out the targets; an input of that name is none, unless the user says so."""
    if target is None:
        if TARGET not in inputs and len(parts) > 1:
            parts.pop(TARGET, None)
        return
    for one in (part.strip() for part in target.split(",")):
        if one not in parts:
            raise InputError(
                f"--target names an array or column of the data. Received: {one!r}; {name} has "
                f"{list(parts)[:20]}."
            )
        del parts[one]


def titles_of(name: str) -> list[str] | None:
    """The titles of the columns of a `.csv` file, if its first line holds any."""
    if not name.lower().endswith(".csv"):
        return None
    with Path(name).open(encoding="utf-8-sig", newline="") as lines:
        first = next((row for row in csv.reader(lines) if row), [])
    titles = [title.strip() for title in first]
    try:
        [float(title) for title in titles]
    except ValueError:
        return titles
    return None
