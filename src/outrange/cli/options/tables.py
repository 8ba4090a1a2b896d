"""The inputs in a file of data: without its targets, by the titles of its columns."""

from __future__ import annotations

import csv
import sys
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
    name: str, target: str | None, slots: Sequence[Slot], named: Sequence[str] | None = None
) -> tuple[Any, tuple[str, ...] | None]:
    """The inputs in a file, as `data_box` takes them.

    Where the titles of a table leave out its last column, `y`, unasked, a line on stderr says so.

    Args:
        name: A `.npy`, `.npz` or `.csv` file.
        target: The array or the columns (with commas) that are no inputs; None for those called
            `y`, where there are any.
        slots: The model's inputs.
        named: What the user calls the features of a model with one flat input.

    Returns:
        An array, or a dict by input name; and the titles of its columns where they name the
        features of a model with one flat input.

    Raises:
        InputError: There is no such file or target, or `y` may be an input as well as a target.
    """
    data = read_file(name, "--data")
    titles = None if isinstance(data, dict) else titles_of(name)
    if titles is None and named is not None and not isinstance(data, dict):
        titles = _numbers_as_titles(name, named)
        data = data if titles is None else data[1:]
    parts: dict[str, Any]
    if isinstance(data, dict):
        parts = dict(data)
    elif titles is not None and len(titles) == data.shape[1] and len(set(titles)) == len(titles):
        parts = dict(zip(titles, data.T, strict=True))
    else:
        titles, parts = None, {}
    inputs = [slot.name for slot in slots] if named is None else list(named)
    if titles is not None and target is None and len(inputs) > 1 and set(inputs) <= set(parts):
        parts = {one: parts[one] for one in parts if one in inputs}
    features = None if titles is None else sum(slot.size for slot in slots)
    _drop(parts, target, name, inputs, features)
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


def _drop(
    parts: dict[str, Any],
    target: str | None,
    name: str,
    inputs: Sequence[str],
    features: int | None,
) -> None:
    """Leave out the targets; an input of that name is none, unless the user says so.

    Args:
        parts: Arrays or columns by name; changed.
        target: What the user says.
        name: The file.
        inputs: Names of the inputs.
        features: How many columns the model takes; None for what are no columns.
    """
    if target is None:
        is_left_out = TARGET in parts and TARGET not in inputs and len(parts) > 1
        if is_left_out and (features is None or _is_target(list(parts), name, features)):
            del parts[TARGET]
        return
    for one in (part.strip() for part in target.split(",")):
        if one not in parts:
            raise InputError(
                f"--target names an array or column of the data. Received: {one!r}; {name} has "
                f"{list(parts)[:20]}."
            )
        del parts[one]


def _is_target(titles: list[str], name: str, features: int) -> bool:
    """Whether the column `y` is no input, unasked; where that alone makes the columns fit, say so.

    Tables end with their target. Elsewhere among the columns `y` may be a feature beside `x`, and
    another column the target: as many would be left.
    """
    if len(titles) != features + 1:
        return len(titles) != features
    if titles[-1] != TARGET:
        raise InputError(
            f"The model takes {features} features, so one of {len(titles)} columns is none, and "
            f"`{TARGET}` may be a target or a feature. Say by `--target` which column is no input, "
            f"or by `--names` which are. Received: {name} with {titles[:20]}."
        )
    print(
        f"outrange: column `{TARGET}` of {name} was taken as the target and is no input; "
        "`--target NAME` names another.",
        file=sys.stderr,
    )
    return True


def table_in(name: str, named: Sequence[str]) -> tuple[np.ndarray, np.ndarray | None] | None:
    """The columns of a `.csv` file that are called as its features, in their order.

    Args:
        name: The file.
        named: The features.

    Returns:
        The features `(n, features)`, and the column `y` where that is none of them; None where the
        titles are others.
    """
    data, titled = read_file(name, "--data"), titles_of(name)
    titles = titled or _numbers_as_titles(name, named)
    if titles is None or not named or not set(named) <= set(titles) or isinstance(data, dict):
        return None
    data = data[1:] if titled is None else data
    y = data[:, [titles.index(TARGET)]] if TARGET in titles and TARGET not in named else None
    return data[:, [titles.index(one) for one in named]], y


def titles_of(name: str) -> list[str] | None:
    """The titles of the columns of a `.csv` file, if its first line holds any."""
    if not name.lower().endswith(".csv"):
        return None
    titles = _first_line(name)
    try:
        [float(title) for title in titles]
    except ValueError:
        return titles
    return None


def _numbers_as_titles(name: str, named: Sequence[str]) -> list[str] | None:
    """A first line of numbers (years, say) that are names of features: titles, then."""
    titles = _first_line(name) if name.lower().endswith(".csv") else []
    return titles if named and set(named) <= set(titles) else None


def _first_line(name: str) -> list[str]:
    with Path(name).open(encoding="utf-8-sig", newline="") as lines:
        first = next((row for row in csv.reader(lines) if row), [])
    return [title.strip() for title in first]
