"""Names, units, number formats and categories of inputs and outputs on a page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any

import numpy as np

from ...answers.render.numbers import DIGITS, number
from ...questions.inputs.columns import split_category


INPUT_DIGITS, OUTPUT_DIGITS = 4, 4
"""Significant digits of inputs and of outputs, for a number as large as the width of its range."""

MOST_DECIMALS, LARGEST = 8, 1e12
"""Maximum number of decimals, and the magnitude at or above which significant digits are shown
instead."""

LONG = 1e4
"""Magnitude below which inputs have no thousands separator: years would look odd with one."""


@dataclass(frozen=True)
class Category:
    """A categorical input, encoded as a group of one-hot inputs.

    Args:
        name: Name of the categorical input, such as `"city"`.
        members: Flat indices of the one-hot inputs.
        categories: Names of the categories, such as `"A"`, in the order of `members`.
        may_be_none: Whether all inputs of the group may be 0, because one category has no column.
    """

    name: str
    members: tuple[int, ...]
    categories: tuple[str, ...]
    may_be_none: bool = False

    @classmethod
    def of(
        cls, names: Sequence[str], members: tuple[int, ...], may_be_none: bool = False
    ) -> Category:
        """Return a group that is named after the common prefix of its columns.

        For example, the columns `city_A` and `city_B` have the name `city`. Columns without a
        common prefix have the name `category`.

        Args:
            names: Names of the columns.
            members: Flat indices of the one-hot inputs.
            may_be_none: See the class.
        """
        name, categories = split_category(names) or ("category", tuple(names))
        return cls(name, members, categories, may_be_none)


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
        image: Shape of the input if it is an image; otherwise empty.
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
    image: tuple[int, ...] = ()
    _first: Mapping[int, Category] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        first = {group.members[0]: group for group in self.groups}
        object.__setattr__(self, "_first", first)

    @property
    def is_image(self) -> bool:
        """Whether the input is a single image, so that a table of its entries has no meaning."""
        return bool(self.image)

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

    def slope_unit(self, k: int, i: int) -> str:
        """Return the unit of the slope of output `k` per unit of input `i`, after a space."""
        return f"{self.unit(k)} per {_at(self.units, i) or '1'}"

    @property
    def numbers(self) -> list[int]:
        """Flat indices of the inputs that are in no one-hot group."""
        inside = {i for group in self.groups for i in group.members}
        return [i for i in range(len(self.inputs)) if i not in inside]

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
            up: True rounds up and False rounds down; None rounds to nearest.
        """
        unit = f" {unit}" if (unit := _at(self.units, i)) else ""
        width = self.widths[i] if i < len(self.widths) else abs(float(value))
        places = decimals(width, INPUT_DIGITS)
        if not width:  # A fixed input has no width.
            places = decimals(abs(float(value)), DIGITS)
        # The model reads a decimal number as the nearest float64, which `repr` writes.
        text = round_text(Decimal(repr(float(value))), places, up)
        return f"{text if abs(value) >= LONG else text.replace(',', '')}{unit}"

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
        return (*group.categories, f"none of {', '.join(group.categories)}")[chosen]
    shares = (
        f"{name} {round_text(flat[i], 2)}"
        for name, i in zip(group.categories, group.members, strict=True)
        if flat[i]
    )
    return f"no single one ({', '.join(shares) or 'none'})"


def _category_index(group: Category, flat: np.ndarray) -> int | None:
    """Return the index of a point's category, the number of categories for none, or None."""
    values = flat[list(group.members)]
    if group.may_be_none and not values.any():
        return len(values)
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


def round_text(value: float | Decimal, places: int | None, up: bool | None = None) -> str:
    """Return a number as text with at most `places` decimals, or with significant digits.

    Significant digits are used if `places` is None, or if the number is not below `LARGEST`. The
    rounding is exact: a number that is rounded up is never below `value`. Zeros at the end of the
    decimals are omitted.

    Args:
        value: The number.
        places: Maximum number of decimals; None to use significant digits.
        up: True rounds up and False rounds down, as for a bound; None rounds to nearest.
    """
    exact = Decimal(value)
    if not exact.is_finite():
        return number(float(value))
    is_short = places is None or abs(exact) >= LARGEST
    if is_short:
        places = DIGITS - 1 - exact.adjusted() if exact else 0
    rounding = {None: ROUND_HALF_EVEN, True: ROUND_CEILING, False: ROUND_FLOOR}[up]
    near = exact.quantize(Decimal(1).scaleb(-(places or 0)), rounding)
    text = number(float(near)) if is_short else f"{near + 0:,f}"
    if "." in text and "e" not in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("-", "−")
