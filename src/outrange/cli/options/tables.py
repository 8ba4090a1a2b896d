"""Reading of inputs from a data file: targets are dropped, and columns are matched by title."""

from __future__ import annotations

import csv
import re
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
"""Default name of the array or column of targets, as for `outrange diagnose`."""

INTEGER = re.compile(r"\s*([+-]?\d+|true|false)\s*", re.IGNORECASE)
"""A word of a `.csv` file that stands for an integer or a Boolean."""


def inputs_in(
    name: str, target: str | None, slots: Sequence[Slot], named: Sequence[str] | None = None
) -> tuple[Any, tuple[str, ...] | None]:
    """Read the inputs from a file in the form that `data_box` accepts.

    If the last column is treated as the target only because its title is `y`, a line on stderr says
    so.

    Args:
        name: A `.npy`, `.npz` or `.csv` file.
        target: Name of the array or columns (comma-separated) that are not inputs. None for an
            array or column named `y`, if there is one.
        slots: Inputs of the model.
        named: Feature names from the user, for a model with one flat input.

    Returns:
        An array, or a dict by input name; and the column titles if they name the features of a
        model with one flat input.

    Raises:
        InputError: The file or target does not exist, or it is unclear whether `y` is the target.
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
    _drop_index(parts, name)
    inputs = [slot.name for slot in slots] if named is None else list(named)
    if titles is not None and target is None and len(inputs) > 1 and set(inputs) <= set(parts):
        parts = {title: parts[title] for title in parts if title in inputs}
    features = None if titles is None else sum(slot.size for slot in slots)
    _drop(parts, target, name, inputs, features)
    if titles is None:
        remaining = next(iter(parts.values())) if len(parts) == 1 else parts
        return (data if not isinstance(data, dict) else remaining), None
    if {slot.name for slot in slots} == set(parts) and all(slot.size == 1 for slot in slots):
        return {slot.name: parts[slot.name].reshape(-1, *slot.shape) for slot in slots}, None
    table = np.stack(list(parts.values()), axis=1) if parts else np.zeros((0, 0))
    if len(slots) == 1 and len(slots[0].shape) == 1 and len(parts) > slots[0].size:
        raise InputError(
            f"The model takes {slots[0].size} features, but the data has {len(parts)} columns. "
            f"Name the extra columns with `--target`. Received: {name} with {list(parts)[:20]}."
        )
    is_flat = len(slots) == 1 and slots[0].shape == (len(parts),)
    return table, tuple(parts) if is_flat else None


def _drop_index(parts: dict[str, Any], name: str) -> None:
    """Remove a first column without a title that counts the rows, as pandas writes it.

    A line on stderr says so.
    """
    if next(iter(parts), None) == "" and np.array_equal(parts[""], np.arange(len(parts[""]))):
        del parts[""]
        print(
            f"outrange: the first column of {name} has no title and counts the rows; it was left "
            "out.",
            file=sys.stderr,
        )


def _drop(
    parts: dict[str, Any],
    target: str | None,
    name: str,
    inputs: Sequence[str],
    features: int | None,
) -> None:
    """Remove the targets from `parts` in place.

    Without `target`, an array or column named `y` may be the target; see `_is_target`.

    Args:
        parts: Arrays or columns by name.
        target: Value of `--target`, or None.
        name: File name, for messages.
        inputs: Names of the inputs.
        features: Number of feature columns of the model; None if `parts` are not columns.
    """
    if target is None:
        is_left_out = TARGET in parts and TARGET not in inputs and len(parts) > 1
        if is_left_out and (features is None or _is_target(list(parts), name, features)):
            del parts[TARGET]
        return
    for column in (part.strip() for part in target.split(",")):
        if column not in parts:
            raise InputError(
                f"--target must name an array or column of the data. Received: {column!r}; {name} "
                f"has {list(parts)[:20]}."
            )
        del parts[column]


def _is_target(titles: list[str], name: str, features: int) -> bool:
    """Return whether the column `y` is the target by default, and report this if it is a guess.

    If the table has as many columns as the model has features, `y` is a feature. If it has one
    column more, `y` must be the last column. Elsewhere, `y` might be a feature next to `x`, and
    another column the target. For any other number of columns, `y` is the target, and a later check
    reports the wrong number.

    Raises:
        InputError: The table has one column more than the model has features, and its last column
            is not `y`.
    """
    if len(titles) != features + 1:
        return len(titles) != features
    if titles[-1] != TARGET:
        raise InputError(
            f"The model takes {features} features, so one of the {len(titles)} columns is not "
            f"an input, and `{TARGET}` may be a target or a feature. Name the target with "
            f"`--target`, or the features with `--names`. Received: {name} with {titles[:20]}."
        )
    print(
        f"outrange: column `{TARGET}` of {name} was taken as the target, not as an input; "
        "choose another with `--target NAME`.",
        file=sys.stderr,
    )
    return True


def table_in(name: str, named: Sequence[str]) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Read the feature columns of a `.csv` file by their titles, in the order of `named`.

    Args:
        name: Path of a data file; only `.csv` files have titles.
        named: Names of the features.

    Returns:
        The features `(n, features)`, and the column `y` if it is not a feature; None if the titles
        do not include all features.
    """
    data, titled = read_file(name, "--data"), titles_of(name)
    titles = titled or _numbers_as_titles(name, named)
    if titles is None or not named or not set(named) <= set(titles) or isinstance(data, dict):
        return None
    data = data[1:] if titled is None else data
    y = data[:, [titles.index(TARGET)]] if TARGET in titles and TARGET not in named else None
    return data[:, [titles.index(feature) for feature in named]], y


def titles_of(name: str) -> list[str] | None:
    """Return the column titles of a `.csv` file, or None.

    The result is None for other files, and if the first line consists of numbers.
    """
    if not name.lower().endswith(".csv"):
        return None
    titles = _first_line(name)
    try:
        [float(title) for title in titles]
    except ValueError:
        return titles
    return None


def stored_integers(name: str) -> list[str]:
    """Return the titles of the columns of a `.csv` file that are written as integers or Booleans.

    A number with a decimal point, such as 2.0, is not written as an integer; pandas reads files in
    the same way.
    """
    with Path(name).open(encoding="utf-8-sig", newline="") as lines:
        titles, *rows = [row for row in csv.reader(lines) if row]
    return [
        title.strip()
        for title, *words in zip(titles, *rows, strict=False)
        if all(map(INTEGER.fullmatch, words))
    ]


def _numbers_as_titles(name: str, named: Sequence[str]) -> list[str] | None:
    """Return the entries of the first line as titles if they include all features, or None.

    This is for titles that are numbers, such as years.
    """
    titles = _first_line(name) if name.lower().endswith(".csv") else []
    return titles if named and set(named) <= set(titles) else None


def _first_line(name: str) -> list[str]:
    with Path(name).open(encoding="utf-8-sig", newline="") as lines:
        first = next((row for row in csv.reader(lines) if row), [])
    return [title.strip() for title in first]
