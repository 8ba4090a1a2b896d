"""Names, units, digits and categories: how a page writes inputs and outputs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...answers.render.text import number


INPUT_DIGITS, OUTPUT_DIGITS = 3, 4
"""Significant digits of a number that is as large as the range it lies in."""

MOST_DECIMALS, LARGEST = 8, 1e12
"""Of numbers that need more decimals, or are larger, significant digits are shown."""

FREE = 1e-6
"""Share of the last digit by which float64 noise moves a number that is round."""


@dataclass(frozen=True)
class Category:
    """One-hot inputs: a category.

    Args:
        name: What the category is called, `"city"`.
        members: Flat numbers of the inputs.
        categories: What each of them stands for, `"A"`.
    """

    name: str
    members: tuple[int, ...]
    categories: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str], members: tuple[int, ...]) -> Category:
        """Name a group by the stem that its columns share: `city` of `city_A`, `city_B`.

        Args:
            names: The names of the columns.
            members: Flat indices of the inputs.
        """
        stems = {re.split(r"[_=:.\s\-/\[]", name)[0] for name in names}
        stem = stems.pop() if len(stems) == 1 else ""
        if not stem or stem in names:
            return cls("category", members, tuple(names))
        return cls(stem, members, tuple(name[len(stem) + 1 :].rstrip("]") for name in names))


@dataclass(frozen=True, eq=False)
class Reader:
    """Names and formats of the inputs and outputs of a model, by their flat numbers.

    Args:
        inputs: What each input is called; empty if unknown.
        units: The unit of each input, empty where there is none.
        widths: The width of each input's range in the input set.
        whole: Inputs that take integers.
        groups: One-hot groups.
        outputs: What each output is called; empty if unknown.
        output_units: The unit of each output.
        entries: What the answers call each input, as `inputs`.
        output_entries: What the answers call each output.
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
        first = {one.members[0]: one for one in self.groups}
        object.__setattr__(self, "_first", first)

    def input(self, i: int) -> str:
        """Return what an input is called."""
        return self.inputs[i] if i < len(self.inputs) else f"input {i}"

    def output(self, i: int, entry: str = "") -> str:
        """Return what an output is called.

        Args:
            i: Its flat number.
            entry: What the answer calls it.
        """
        return self.outputs[i] if i < len(self.outputs) else entry or f"output {i}"

    def unit(self, i: int) -> str:
        """Return the unit of an output, after a space; empty where there is none."""
        return f" {unit}" if (unit := _at(self.output_units, i)) else ""

    def input_called(self, entry: str) -> str:
        """Return what an input is called that an answer calls `entry`."""
        return self.input(self.entries.index(entry)) if entry in self.entries else entry

    def output_number(self, entry: str) -> int:
        """Return the flat number of an output that an answer calls `entry`, or 0."""
        return self.output_entries.index(entry) if entry in self.output_entries else 0

    def value(self, i: int, value: float) -> str:
        """Format a value of an input, with its unit."""
        unit = f" {unit}" if (unit := _at(self.units, i)) else ""
        if i in self.whole and float(value).is_integer():
            return f"{value:.0f}{unit}"
        width = self.widths[i] if i < len(self.widths) else abs(float(value))
        return f"{rounded(value, decimals(width, INPUT_DIGITS))}{unit}"

    def point(self, x: Any) -> list[tuple[str, str]]:
        """List the inputs of a point: names and values, a one-hot group as its category.

        Args:
            x: An array, or arrays by the names of the inputs.
        """
        flat, rows = flattened(x), []
        inside = {i for group in self.groups for i in group.members}
        for i, value in enumerate(flat.tolist()):
            if i in self._first:
                group = self._first[i]
                rows.append((group.name, category(group, flat)))
            elif i not in inside:
                rows.append((self.input(i), self.value(i, value)))
        return rows

    def is_mixed(self, x: Any) -> bool:
        """Return whether a point is of no single category in some group."""
        flat = flattened(x)
        return any(_chosen(group, flat) is None for group in self.groups)

    def is_fractional(self, x: Any) -> bool:
        """Return whether an input that takes integers is none in a point."""
        flat = flattened(x)
        return any(not float(flat[i]).is_integer() for i in self.whole if i < flat.size)

    def claim(self, text: str) -> str:
        """Write a property with the names of this reader."""

        def output(match: re.Match[str]) -> str:
            i = int(match[1])
            return self.output(i) if self.outputs and i < len(self.outputs) else match[0]

        def input_(match: re.Match[str]) -> str:
            i = int(match[1])
            return self.input(i) if self.inputs and i < len(self.inputs) else match[0]

        told = re.sub(r"\by\[(\d+)\]", output, text)
        told = re.sub(r"\bx\[(\d+)\]", input_, told)
        told = re.sub(r"\by\[(['\"])(.*?)\1\]", lambda m: m[2], told)
        told = re.sub(r"\bx\[(['\"])(.*?)\1\]", lambda m: self.input_called(m[2]), told)
        return told.replace("<=", "≤").replace(">=", "≥")


def _at(texts: Sequence[str], i: int) -> str:
    return texts[i] if i < len(texts) else ""


def flattened(x: Any) -> np.ndarray:
    """All inputs of a point, `(inputs,)`."""
    parts = x.values() if isinstance(x, Mapping) else [x]
    return np.concatenate([np.ravel(np.asarray(part, float)) for part in parts])


def category(group: Category, flat: np.ndarray) -> str:
    """Name the category of a point; of a mixture the shares."""
    chosen = _chosen(group, flat)
    if chosen is not None:
        return group.categories[chosen]
    shares = (
        f"{name} {rounded(flat[i], 2)}"
        for name, i in zip(group.categories, group.members, strict=True)
        if flat[i]
    )
    return f"no single one ({', '.join(shares) or 'none'})"


def _chosen(group: Category, flat: np.ndarray) -> int | None:
    values = flat[list(group.members)]
    if np.isin(values, (0.0, 1.0)).all() and values.sum() == 1:
        return int(values.argmax())
    return None


def decimals(width: float, significant: int) -> int | None:
    """Decimals that show `significant` digits of a range of this width; None: no fixed number."""
    if not (math.isfinite(width) and width > 0):
        return None
    places = significant - 1 - math.floor(math.log10(width))
    return max(places, 0) if places <= MOST_DECIMALS else None


def rounded(value: float, places: int | None, up: bool | None = None) -> str:
    """Write a number with so many decimals.

    Args:
        value: The number.
        places: Decimals; None for significant digits.
        up: True rounds up, False down, as a bound has to; None to nearest.
    """
    value = float(value)
    if places is None or not abs(value) < LARGEST:
        return number(value)
    scaled = value * 10.0**places
    near = round(scaled)
    if up is not None and abs(scaled - near) > FREE:
        near = math.ceil(scaled) if up else math.floor(scaled)
    text = f"{near / 10.0**places + 0.0:,.{places}f}"
    return text.replace("-", "−")
