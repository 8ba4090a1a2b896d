"""Input sets described by command-line options."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import InputError
from ...questions.inputs.columns import ColumnBox, integer_columns, whole_sentence
from ...questions.inputs.data import ball, data_box
from ...questions.inputs.sets import Mixed
from ...questions.inputs.sets.table import table_set
from .arrays import read_array, reshape_flat, reshape_rows
from .tables import inputs_in, stored_integers


if TYPE_CHECKING:
    from ...graph import Slot


@dataclass(frozen=True)
class BoxOptions:
    """The parsed options of an input set; an absent option is None, False or empty."""

    box: tuple[float, float] | None = None
    lo: str | None = None
    hi: str | None = None
    data: str | None = None
    margin: float | None = None
    relative: bool = False
    whole: bool = True
    ball: str | None = None
    radius: float | None = None
    clip: tuple[float, float] | None = None
    inputs: tuple[tuple[str, str, str], ...] = ()
    target: str | None = None
    names: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether all options except `names` are absent."""
        return replace(self, names=None) == BoxOptions()

    @property
    def feature_names(self) -> list[str] | None:
        """The feature names that `names` lists, separated by commas; None without `names`."""
        return None if self.names is None else [name.strip() for name in self.names.split(",")]


def box_of(options: BoxOptions, slots: Sequence[Slot], note: bool = True) -> Any:
    """Return the input set that the options describe, as an argument `box` of public functions.

    Args:
        options: Options of the input set.
        slots: Inputs of the model.
        note: Whether to report the integer and one-hot columns of a table on stderr. A question
            that ignores these constraints prints a warning instead.

    Raises:
        InputError: The options describe no input set, more than one, or an invalid set.
    """
    o = options
    present = [
        name
        for name, value in (
            ("--box", o.box),
            ("--lo/--hi", o.lo if o.lo is not None else o.hi),
            ("--data", o.data),
            ("--ball", o.ball),
            ("--input", o.inputs or None),
        )
        if value is not None
    ]
    if len(present) != 1:
        raise InputError(
            "Describe the inputs with exactly one of --box LO HI, --lo and --hi, --data FILE, "
            "--ball POINT --radius R, or --input NAME LO HI. "
            f"Received: {' and '.join(present) or 'none'}."
        )
    _check_partners(o)
    if o.box is not None:
        return o.box
    if o.inputs:
        return _by_name(o.inputs, slots)
    shape = slots[0].shape if len(slots) == 1 else ()
    if o.data is not None:
        rows, names = inputs_in(o.data, o.target, slots, o.feature_names)
        rows = _rows(rows, slots)
        box = data_box(rows, o.margin or 0.0, relative=o.relative)
        if names is None:
            return box
        parts = dict(zip(names, rows.T, strict=True))
        integers = integer_columns(parts, stored_integers(o.data))
        return _table(parts, integers, box, o.whole, note)
    if o.ball is not None:
        return ball(reshape_flat(read_array(o.ball, "--ball"), shape), o.radius, o.clip)
    if o.lo is None or o.hi is None:
        only = "--hi" if o.lo is None else "--lo"
        raise InputError(f"--lo and --hi must be given together. Received: only {only}.")
    return tuple(
        reshape_flat(read_array(text, option), shape)
        for text, option in ((o.lo, "--lo"), (o.hi, "--hi"))
    )


def _table(
    parts: dict[str, np.ndarray],
    integers: Sequence[str],
    box: tuple[np.ndarray, np.ndarray],
    whole: bool,
    note: bool,
) -> ColumnBox | Mixed:
    """Return the input set of a table: its box, with integer and one-hot columns restricted.

    Args:
        parts: Columns of the table by name.
        integers: Names of the integer columns.
        box: Lower and upper bounds of the columns.
        whole: Whether to restrict columns; if False, every column may take any real value.
        note: Whether to report the restricted columns on stderr.
    """
    ends = zip(*(end.tolist() for end in box), strict=True)
    columns = ColumnBox(zip(parts, ends, strict=True))
    if not whole:
        return columns
    input_set = table_set(columns, parts, integers)
    if note and isinstance(input_set, Mixed):
        sentence = whole_sentence(input_set)
        print(f"outrange: {sentence}; `--no-whole` removes this restriction.", file=sys.stderr)
    return input_set


def _check_partners(o: BoxOptions) -> None:
    """Check that every option comes with the option that it depends on."""
    for option, value, partner, other in (
        ("--margin", o.margin, "--data", o.data),
        ("--no-whole", None if o.whole else False, "--data", o.data),
        ("--target", o.target, "--data", o.data),
        ("--relative", o.relative or None, "--margin", o.margin),
        ("--radius", o.radius, "--ball", o.ball),
        ("--clip", o.clip, "--ball", o.ball),
        ("--ball", o.ball, "--radius", o.radius),
    ):
        if value is not None and other is None:
            raise InputError(f"{option} needs {partner}.")


def _rows(data: Any, slots: Sequence[Slot]) -> Any:
    if not isinstance(data, dict):
        return reshape_rows(data, slots[0].shape) if len(slots) == 1 else data
    shapes = {slot.name: slot.shape for slot in slots}
    return {name: reshape_rows(part, shapes.get(name, ())) for name, part in data.items()}


def _by_name(inputs: Iterable[tuple[str, str, str]], slots: Sequence[Slot]) -> dict[str, Any]:
    shapes = {slot.name: slot.shape for slot in slots}
    boxes: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, lo, hi in inputs:
        if name in boxes:
            raise InputError(f"--input must name each input once. Received: `{name}` twice.")
        shape = shapes.get(name, ())
        boxes[name] = (
            reshape_flat(read_array(lo, f"--input {name}"), shape),
            reshape_flat(read_array(hi, f"--input {name}"), shape),
        )
    return boxes
