"""Input sets from tables: boxes by column, and the column names of a DataFrame.

A DataFrame from any library is recognized by its attributes (`columns`, `dtypes`, `to_numpy`), so
no DataFrame library is imported.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import InputError
from ...core.errors import RelaxedSetWarning
from .boxes import array_box, describe_value


if TYPE_CHECKING:
    from ...graph import Slot


EVIDENCE = 5.0
"""Minimum expected number of pairs of 1s in the same row, if the columns were independent.

If columns with at least this expectation have no such pair, they are taken to exclude each other.
The probability that independent columns have no such pair is below 1 %.
"""

FLAG_ROWS = 2
"""Minimum number of rows with 0, and with 1, in a column of floats that counts as a flag.

Columns that are scaled to [0, 1] contain 0 and 1 too, usually once each.
"""


class ColumnBox(dict[str, Any]):
    """Box by column, `{name: (lo, hi)}`, in the order of the columns of a table.

    Its keys name the features of a model with one flat input. Questions accept it as `box`.
    """


def is_frame(x: Any) -> bool:
    """Return whether `x` is a DataFrame (from pandas, polars, ...)."""
    return hasattr(x, "columns") and hasattr(x, "to_numpy") and hasattr(x, "dtypes")


def is_row(x: Any) -> bool:
    """Return whether `x` is one row of a pandas DataFrame: a Series indexed by column names."""
    is_series = hasattr(x, "index") and hasattr(x, "to_numpy") and getattr(x, "ndim", 0) == 1
    return is_series and all(isinstance(name, str) for name in x.index)


def column_names(given: Any) -> tuple[str, ...] | None:
    """Return the column names of an input set, a point, or data; None if there are none."""
    if is_frame(given):
        return tuple(map(str, given.columns))
    if is_row(given):
        return tuple(given.index)
    if isinstance(given, ColumnBox):
        return tuple(given)
    for part in ("box", "whole", "center"):
        if getattr(given, "is_input_set", False) and hasattr(given, part):
            return column_names(getattr(given, part))
    sets = getattr(given, "sets", ()) if getattr(given, "is_input_set", False) else ()
    return next((names for member in sets if (names := column_names(member))), None)


def by_column(given: Any) -> Any:
    """Convert a DataFrame to its box by column, and a row to a point by column.

    Any other value is returned unchanged.
    """
    if is_frame(given):
        return column_box(columns(given))
    if is_row(given):
        return {name: given[name] for name in given.index}
    return given


def point_by_column(given: Any) -> Any:
    """Convert a row or a DataFrame of one row to a point by column.

    Any other value is returned unchanged.
    """
    if not is_frame(given):
        return by_column(given)
    parts = columns(given)
    rows = {len(part) for part in parts.values()}
    if rows != {1}:
        raise InputError(
            "A single input must be a row, `frame.iloc[0]`, or a DataFrame of one row. "
            f"Received: {describe_value(given)}."
        )
    return {name: part[0] for name, part in parts.items()}


def columns(frame: Any) -> dict[str, np.ndarray]:
    """Convert a DataFrame to a dict from column name to float64 array.

    Raises:
        InputError: A name occurs twice, or a column does not contain numbers.
    """
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"Column names must be unique. Received: `{twice}` twice.")
    numbers_of = {}
    for place, name in enumerate(names):
        column = frame[frame.columns[place]]
        array = np.asarray(column.to_numpy())
        if array.dtype.kind == "O" and "cat" not in str(column.dtype).lower():
            array = _as_numbers(array)
        if array.dtype.kind not in "biuf" or "cat" in str(column.dtype).lower():
            raise InputError(
                f"Columns must contain numbers; `{name}` contains {column.dtype}. Encode it as "
                "in training (with `pandas.get_dummies` or codes), and pass the columns that the "
                f"model takes. Received: {describe_value(frame)}."
            )
        numbers_of[name] = array.astype(np.float64)
    return numbers_of


def _as_numbers(array: np.ndarray) -> np.ndarray:
    """Convert an object array of numbers to float64.

    The array is returned unchanged if an entry is not a number.
    """
    kinds = (int, float, bool, np.number, np.bool_)
    return array.astype(np.float64) if all(isinstance(v, kinds) for v in array) else array


def column_box(
    parts: Mapping[str, np.ndarray], margin: Any = 0.0, *, relative: bool = False
) -> ColumnBox:
    """Return the range of each column; see `outrange.data_box`."""
    box = ColumnBox()
    for name, part in parts.items():
        if not part.size or not np.isfinite(part).all():
            rule = (
                "at least one row" if not part.size else "finite numbers; drop or fill all others"
            )
            raise InputError(f"A column needs {rule}. Received: column `{name}`.")
        lo, hi = array_box(part, margin, relative=relative)
        box[name] = (float(lo[0]), float(hi[0]))
    return box


def frame_integers(frame: Any) -> list[str]:
    """Return the names of the integer columns of a DataFrame; see `integer_columns`."""
    kinds = {str(name): np.asarray(frame[name].to_numpy()).dtype.kind for name in frame.columns}
    stored = [name for name, kind in kinds.items() if kind in "biu"]
    return integer_columns(columns(frame), stored)


def integer_columns(parts: Mapping[str, np.ndarray], stored: Collection[str]) -> list[str]:
    """Return the names of the integer columns of a table.

    Columns that are stored as integers or Booleans are integer columns. So are columns of floats
    whose values are 0 and 1, each in at least `FLAG_ROWS` rows: such flags are often stored as
    floats. Other floats, such as 30.0 and 60.0, may be rounded measurements. A set without the
    values between them could exclude valid inputs.

    Args:
        parts: Columns as numbers, by name.
        stored: Names of the columns that are stored as integers or Booleans.
    """
    return [name for name, part in parts.items() if name in stored or _is_flag(part)]


def _is_flag(part: np.ndarray) -> bool:
    counts = [int((part == value).sum()) for value in (0.0, 1.0)]
    return sum(counts) == part.size and min(counts) >= FLAG_ROWS


def whole_columns(
    parts: Mapping[str, np.ndarray], integers: Sequence[str]
) -> tuple[list[str], list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Return the integer columns of a table that are in no group, and two kinds of groups.

    Args:
        parts: Columns as numbers, by name.
        integers: Names of the columns that contain integers.

    Returns:
        Names of the integer columns in no group, one-hot groups, and groups of dummy columns. The
        columns of a group contain only 0 and 1, and their names share a prefix. In every row,
        exactly one column of a one-hot group is 1, and at most one column of a dummy group is 1
        (see `EVIDENCE`).
    """
    stems: dict[str, list[str]] = {}
    for name in parts:
        if np.isin(parts[name], (0.0, 1.0)).all():
            for separator in re.finditer(r"(?<=.)[_=:.\s\-/](?=.)", name):
                stems.setdefault(name[: separator.start()], []).append(name)
    groups = _disjoint_groups(stems, lambda names: _is_one_hot(_rows(parts, names)))
    grouped = {name for group in groups for name in group}
    rest = {stem: [name for name in names if name not in grouped] for stem, names in stems.items()}
    dummies = _disjoint_groups(rest, lambda names: _are_exclusive(_rows(parts, names)))
    grouped.update(name for group in dummies for name in group)
    return [name for name in integers if name not in grouped], groups, dummies


def _disjoint_groups(
    stems: Mapping[str, Sequence[str]], fits: Callable[[tuple[str, ...]], bool]
) -> list[tuple[str, ...]]:
    """Return the groups of columns that fit; a group takes all columns that share a prefix.

    Shorter prefixes come first, since a category may contain a separator ("heat pump"). The columns
    of a group are then ignored, so the rest of a prefix may fit later.

    Args:
        stems: Names of the columns by prefix; a column occurs once for each of its prefixes.
        fits: Whether columns form a group.
    """
    groups: list[tuple[str, ...]] = []
    is_group = cache(fits)  # The columns of most prefixes stay the same when a group is found.
    while True:
        grouped = {name for group in groups for name in group}
        rest = (
            tuple(name for name in stems[stem] if name not in grouped)
            for stem in sorted(stems, key=len)
        )
        group = next((names for names in rest if len(names) > 1 and is_group(names)), None)
        if group is None:
            return groups
        groups.append(group)


def _rows(parts: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    return np.array([parts[name] for name in names])


def _is_one_hot(table: np.ndarray) -> bool:
    """Return whether every column of `table`, `(columns, rows)` of 0 and 1, has exactly one 1."""
    return bool((table.sum(axis=0) == 1.0).all())


def _are_exclusive(table: np.ndarray) -> bool:
    """Return whether the data are evidence that at most one column is 1 (see `EVIDENCE`)."""
    at_most_one = bool((table.sum(axis=0) <= 1.0).all())
    return at_most_one and _expected_pairs(table) >= EVIDENCE


def _expected_pairs(table: np.ndarray) -> float:
    """Return how many pairs of 1s in the same row to expect if the columns are independent.

    Args:
        table: `(columns, rows)` of 0 and 1.
    """
    shares = table.mean(axis=1)
    return table.shape[1] * float(shares.sum() ** 2 - (shares**2).sum()) / 2


def caller_level() -> int:
    """Return the stack level of the code that called outrange, so that warnings point to it."""
    package, level, frame = __name__.partition(".")[0], 1, sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        level, frame = level + 1, frame.f_back
    return level


def split_category(names: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    """Split the names of a group's columns into the category's name and the categories.

    For example, the columns `city_A` and `city_B` are the categories `A` and `B` of `city`.

    Returns:
        The common prefix and the rest of each name; None without a common prefix.
    """
    first = names[0]
    ends = [match.end() for match in re.finditer(r"(?<=.)[_=:.\s\-/\[](?=.)", first)]
    end = max((i for i in ends if all(n.startswith(first[:i]) for n in names)), default=0)
    rest = tuple(name[end:].rstrip("]") for name in names)
    return (first[: end - 1], rest) if end and all(rest) else None


def whole_sentence(restricted: Any) -> str:
    """Return sentences about the integer columns and the groups of an `outrange.Mixed`.

    The last sentence has no period.
    """
    integers = restricted.integers
    groups = [_describe_group(group) for group in restricted.one_hot]
    groups += [
        _describe_group(group, "; one more category has no column")
        for group in restricted.at_most_one
    ]
    lists = [f"Integer columns: {quote_names(integers)}."] if integers else []
    lists += [f"Categories: {_join_first(groups)}."] if groups else []
    rules = ["integers in integer columns"] if integers else []
    rules += ["one value per category"] if groups else []
    return f"{' '.join(lists)} The input set contains only rows with {' and '.join(rules)}"


def _describe_group(names: Sequence[str], note: str = "") -> str:
    category = split_category(names)
    columns_of = f"{len(names)} columns" if category else quote_names(names)
    return f"`{category[0] if category else 'category'}` ({columns_of}{note})"


def warn_relaxed(
    integers: bool, groups: bool, around: str = "the box around the input set", remedy: str = ""
) -> None:
    """Warn that a question about a box includes the values between integers or categories.

    Args:
        integers: Whether the question ignores integers.
        groups: Whether the question ignores groups of one-hot or dummy columns.
        around: The set that the question covers.
        remedy: A sentence about how to respect them, if there is a way.
    """
    if integers or groups:
        names = " and ".join(["integers"] * integers + ["one-hot columns"] * groups)
        warnings.warn(
            f"This question does not respect {names}. It covers {around}, in which these inputs "
            f"may take any value between their bounds.{remedy and f' {remedy}'}",
            RelaxedSetWarning,
            stacklevel=caller_level(),
        )


def warn_relaxed_ball(
    table: Any, parts: Mapping[str, np.ndarray], varies: Set[str], remedy: str
) -> None:
    """Warn that a ball around rows includes the values between integers or categories.

    Args:
        table: The rows. In a DataFrame or a row of one, the data type shows which columns contain
            integers.
        parts: Columns of the rows as numbers, by name.
        varies: Names of the columns that vary within the ball.
        remedy: A sentence about how to respect integers and categories.
    """
    integers = frame_integers(table) if is_frame(table) else []
    if is_row(table) and np.asarray(table.to_numpy()).dtype.kind in "biu":
        integers = list(parts)
    whole, one_hot, dummies = whole_columns(parts, [name for name in integers if name in parts])
    groups = any(varies & set(group) for group in one_hot + dummies)
    warn_relaxed(bool(varies & set(whole)), groups, "the ball around the input", remedy)


def quote_names(names: Sequence[str]) -> str:
    return _join_first([f"`{name}`" for name in names])


def _join_first(words: Sequence[str]) -> str:
    """Join the first words with commas, and count the rest."""
    return ", ".join(words[:6]) + (f" and {len(words) - 6} more" if len(words) > 6 else "")


def named_parts(slots: Sequence[Slot], x: Any) -> Mapping[str, Any]:
    """Convert data to a dict by input name; a DataFrame is split into its columns."""
    if is_frame(x):
        return columns(x)
    x = in_order(slots, x)
    return x if isinstance(x, Mapping) else {slots[0].name: x}


def in_order(slots: Sequence[Slot], given: Any) -> Any:
    """Convert a list with one entry for each of several inputs to a dict by name.

    Any other value is returned unchanged.
    """
    several = len(slots) > 1 and not slots[0].column_of
    if isinstance(given, list) and several and len(given) == len(slots):
        return {slot.name: part for slot, part in zip(slots, given, strict=True)}
    return given


def restore_shape(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Reshape a flat array to an input's shape if its meaning is unambiguous.

    The meaning is unambiguous if at most one axis of the shape has a length other than 1, as in
    `(1, 1, 5)`: an array of 5 numbers is one input, and an array with rows of 5 numbers is a batch
    of inputs.
    """
    size = int(np.prod(shape, dtype=np.int64))
    if len(shape) < 2 or sum(n != 1 for n in shape) > 1 or array.shape == shape:
        return array
    if array.shape == (size,):
        return array.reshape(shape)
    is_rows = array.ndim == 2 and array.shape[1] == size and array.shape[1:] != shape
    return array.reshape(-1, *shape) if is_rows else array
