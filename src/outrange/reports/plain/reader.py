"""Names, units, number formats and categories of inputs and outputs on a page."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...answers.render.text import bound, number


INPUT_DIGITS, OUTPUT_DIGITS = 3, 4
"""Significant digits of inputs and of outputs, for a number as large as the width of its range."""

MOST_DECIMALS, LARGEST = 8, 1e12
"""Maximum number of decimals, and the magnitude at or above which significant digits are shown
instead."""

LONG = 1e4
"""Magnitude below which integers have no thousands separator: years would look odd with one."""

FREE = 1e-6
"""Tolerance for float64 rounding, in units of the last displayed decimal.

A bound that is closer than this to a number with the displayed decimals is shown as this number,
and is not rounded up or down.
"""


@dataclass(frozen=True)
class Category:
    """A categorical input, encoded as a group of one-hot inputs.

    Args:
        name: Name of the categorical input, such as `"city"`.
        members: Flat indices of the one-hot inputs.
        categories: Names of the categories, such as `"A"`, in the order of `members`.
    """

    name: str
    members: tuple[int, ...]
    categories: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str], members: tuple[int, ...]) -> Category:
        """Return a group that is named after the common prefix of its columns.

        For example, the columns `city_A` and `city_B` have the name `city`. Columns without a
        common prefix have the name `category`.

        Args:
            names: Names of the columns.
            members: Flat indices of the one-hot inputs.
        """
        stems = {re.split(r"[_=:.\s\-/\[]", name)[0] for name in names}
        stem = stems.pop() if len(stems) == 1 else ""
        if not stem or stem in names:
            return cls("category", members, tuple(names))
        return cls(stem, members, tuple(name[len(stem) + 1 :].rstrip("]") for name in names))


@dataclass(frozen=True, eq=False)
class Reader:
    """Names, units and number formats of the inputs and outputs of a model, by flat index.

    Args:
        inputs: Names of the inputs on the page; empty if unknown.
        units: Units of the inputs; an input without a unit has an empty string.
        widths: Width of each input's range in the input set.
        whole: Indices of the inputs that are integers.
        groups: One-hot groups of the inputs.
        outputs: Names of the outputs on the page; empty if unknown.
        output_units: Units of the outputs.
        entries: Names by which answers refer to the inputs.
        output_entries: Names by which answers refer to the outputs.
    """

    inputs: Sequence[str] = ()
    units: Sequence[str] = ()
    widths: Sequence[float] = ()
    whole: frozenset[int] = frozenset()
    groups: Sequence[Category] = ()
    outputs: Sequence[str] = ()
    output_units: Sequence[str] = ()
    entries: Sequence[str] = ()
    output_entries: Sequence[str] = ()
    _first: Mapping[int, Category] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        first = {group.members[0]: group for group in self.groups}
        object.__setattr__(self, "_first", first)

    def input(self, i: int) -> str:
        """Return the name that the page uses for an input."""
        return self.inputs[i] if i < len(self.inputs) else f"input {i}"

    def output(self, i: int, entry: str = "") -> str:
        """Return the name that the page uses for an output.

        Args:
            i: Flat index of the output.
            entry: The name to use if the page has none for this output.
        """
        return self.outputs[i] if i < len(self.outputs) else entry or f"output {i}"

    def unit(self, i: int) -> str:
        """Return the unit of an output preceded by a space, or "" if it has no unit."""
        return f" {unit}" if (unit := _at(self.output_units, i)) else ""

    def input_called(self, entry: str) -> str:
        """Return the page's name for the input that answers refer to as `entry`."""
        return self.input(self.entries.index(entry)) if entry in self.entries else entry

    def output_number(self, entry: str) -> int:
        """Return the flat index of the output that answers refer to as `entry`, or 0 if unknown."""
        return self.output_entries.index(entry) if entry in self.output_entries else 0

    def value(self, i: int, value: float, up: bool | None = None) -> str:
        """Format a value of an input with its unit.

        Args:
            i: Index of the flat input.
            value: The value.
            up: True rounds up and False rounds down, with one more digit; None rounds to nearest.
        """
        unit = f" {unit}" if (unit := _at(self.units, i)) else ""
        if float(value).is_integer() and abs(value) < LONG:
            return f"{value + 0.0:.0f}".replace("-", "−") + unit
        width = self.widths[i] if i < len(self.widths) else abs(float(value))
        places = decimals(width, INPUT_DIGITS + (up is not None))
        return f"{round_text(value, places, up)}{unit}"

    def point(self, x: Any) -> list[tuple[str, str]]:
        """Return pairs of name and value for the inputs of a point.

        The members of a one-hot group are replaced by a single pair with their category.

        Args:
            x: An array, or a dict of arrays by input name.
        """
        flat, rows = flatten(x), []
        inside = {i for group in self.groups for i in group.members}
        for i, value in enumerate(flat.tolist()):
            if i in self._first:
                group = self._first[i]
                rows.append((group.name, category(group, flat)))
            elif i not in inside:
                rows.append((self.input(i), self.value(i, value)))
        return rows

    def is_mixed(self, x: Any) -> bool:
        """Return whether a point has a mixture of categories, or none, in some one-hot group."""
        flat = flatten(x)
        return any(_category_index(group, flat) is None for group in self.groups)

    def is_fractional(self, x: Any) -> bool:
        """Return whether a point has a fractional value for an integer input."""
        flat = flatten(x)
        return any(not float(flat[i]).is_integer() for i in self.whole if i < flat.size)

    def claim(self, text: str) -> str:
        """Replace the entries of inputs and outputs in a property with their names on the page."""

        def output(match: re.Match[str]) -> str:
            i = int(match[1])
            return self.output(i) if self.outputs and i < len(self.outputs) else match[0]

        def input_(match: re.Match[str]) -> str:
            i = int(match[1])
            return self.input(i) if self.inputs and i < len(self.inputs) else match[0]

        text = re.sub(r"\by\[(\d+)\]", output, text)
        text = re.sub(r"\bx\[(\d+)\]", input_, text)
        text = re.sub(r"\by\[(['\"])(.*?)\1\]", lambda m: m[2], text)
        text = re.sub(r"\bx\[(['\"])(.*?)\1\]", lambda m: self.input_called(m[2]), text)
        return text.replace("<=", "≤").replace(">=", "≥")


def _at(texts: Sequence[str], i: int) -> str:
    return texts[i] if i < len(texts) else ""


def flatten(x: Any) -> np.ndarray:
    """Return all inputs of a point as one vector, `(inputs,)`.

    Args:
        x: An array, or a dict of arrays by input name.
    """
    parts = x.values() if isinstance(x, Mapping) else [x]
    return np.concatenate([np.ravel(np.asarray(part, float)) for part in parts])


def category(group: Category, flat: np.ndarray) -> str:
    """Return a point's category in a one-hot group, or the weights of the categories it mixes.

    Args:
        flat: All inputs of the point, `(inputs,)`.
    """
    chosen = _category_index(group, flat)
    if chosen is not None:
        return group.categories[chosen]
    shares = (
        f"{name} {round_text(flat[i], 2)}"
        for name, i in zip(group.categories, group.members, strict=True)
        if flat[i]
    )
    return f"no single one ({', '.join(shares) or 'none'})"


def _category_index(group: Category, flat: np.ndarray) -> int | None:
    values = flat[list(group.members)]
    if np.isin(values, (0.0, 1.0)).all() and values.sum() == 1:
        return int(values.argmax())
    return None


def decimals(width: float, significant: int) -> int | None:
    """Return the number of decimals at which a range of a given width has `significant` digits.

    The result is None if this needs more than `MOST_DECIMALS` decimals, or if the width is not
    positive and finite. Numbers are then shown with significant digits instead.
    """
    if not (math.isfinite(width) and width > 0):
        return None
    places = significant - 1 - math.floor(math.log10(width))
    return max(places, 0) if places <= MOST_DECIMALS else None


def round_text(value: float, places: int | None, up: bool | None = None) -> str:
    """Return a number as text with `places` decimals, or with significant digits.

    Significant digits are used if `places` is None, or if the number is not below `LARGEST`.

    Args:
        value: The number.
        places: Number of decimals; None to use significant digits.
        up: True rounds up and False rounds down, as for a bound; None rounds to nearest.
    """
    value = float(value)
    if places is None or not abs(value) < LARGEST:
        return number(value) if up is None else bound(value, 1 if up else -1)
    scaled = value * 10.0**places
    near = round(scaled)
    if up is not None and abs(scaled - near) > FREE:
        near = math.ceil(scaled) if up else math.floor(scaled)
    text = f"{near / 10.0**places + 0.0:,.{places}f}"
    return text.replace("-", "−")
