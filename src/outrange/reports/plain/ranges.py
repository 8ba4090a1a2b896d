"""Output ranges in plain sentences."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...answers.range import Range
from ...answers.render.document import (
    GOOD,
    MOST_PRINTED,
    MOST_ROWS,
    OPEN,
    Bar,
    Block,
    Document,
    Fold,
    Listing,
    Paragraph,
    Table,
)
from .reader import OUTPUT_DIGITS, Reader, decimals, flatten, round_text
from .words import basis, list_heading, remedy


MOST_POINTS, MOST_IN_VIEW, MOST_ENTRIES = 10, 2, 256
"""Maximum number of outputs whose extreme inputs are shown, maximum number of outputs that are
described in sentences, and maximum number of entries of an input that is shown."""


class OutputEnds:
    """The two bounds on one output, as text.

    Proved bounds are rounded outward, and seen values are rounded inward (see `round_text`).

    Args:
        answer: The range of the outputs.
        i: Flat index of the output.
        reader: Names, units and number formats of the page.
    """

    def __init__(self, answer: Range, i: int, reader: Reader) -> None:
        flat = (answer.lo, answer.hi, answer.seen_lo, answer.seen_hi)
        self.lo, self.hi, self.seen_lo, self.seen_hi = (float(np.ravel(a)[i]) for a in flat)
        self.closed_lo, self.closed_hi = (
            bool(np.ravel(a)[i]) for a in (answer.closed_lo, answer.closed_hi)
        )
        width = self.hi - self.lo
        if not np.isfinite(width):
            width = self.seen_hi - self.seen_lo
        self.places = decimals(width or abs(self.hi), OUTPUT_DIGITS)
        self.name, self.unit = reader.output(i, answer.names[i]), reader.unit(i)
        self.below, self.above = self._text(self.lo, False), self._text(self.hi, True)
        self.least, self.most = self._text(self.seen_lo, True), self._text(self.seen_hi, False)
        if self.seen_lo > self.seen_hi and not (self.closed_lo and self.closed_hi):
            self.least = self.most = "none yet"  # No input was evaluated.

    def _text(self, value: float, up: bool) -> str:
        return round_text(value, self.places, up) if np.isfinite(value) else "none yet"

    @property
    def proved(self) -> str:
        """Clause that states the proved range of the output."""
        low, high = np.isfinite([self.lo, self.hi]).tolist()
        if not (low or high):
            return f"no bound of {self.name} is proved yet"
        if low and high and self.below == self.above:
            return f"{self.name} is always {self.below}{self.unit}"
        parts = [f"never below {self.below}{self.unit}"] * low
        parts += [f"never above {self.above}{self.unit}"] * high
        return f"{self.name} is {' and '.join(parts)}"

    @property
    def ends(self) -> list[str]:
        """Two sentences: one on the lowest value, and one on the highest value.

        Each states the value, the two numbers between which it lies, or that it is not known yet.
        """
        return [
            self._end("lowest", self.lo, self.closed_lo, self.below, self.least),
            self._end("highest", self.hi, self.closed_hi, self.most, self.above),
        ]

    def _end(self, which: str, bound: float, closed: bool, first: str, second: str) -> str:
        if "nan" in (first, second) or "none yet" in (first, second):
            return f"The {which} {self.name} is not known yet."
        if closed or first == second:
            near = round_text(bound, self.places)
            return f"The {which} {self.name} is about {near}{self.unit}."
        return f"The {which} {self.name} is between {first} and {second}{self.unit}."

    @property
    def open_ends(self) -> list[str]:
        """Phrases for the bounds that are not known to the digits shown."""
        sides = (
            ("smallest", self.closed_lo, self.below, self.least),
            ("largest", self.closed_hi, self.most, self.above),
        )
        return [
            f"the {which} {self.name}"
            + f" (between {first} and {second}{self.unit})" * ("none yet" not in (first, second))
            for which, closed, first, second in sides
            if not (closed or first == second)
        ]

    @property
    def is_open(self) -> bool:
        """Whether at least one bound might still improve in the digits shown."""
        return not ((self.closed_lo or self.below == self.least)
                    and (self.closed_hi or self.above == self.most))  # fmt: skip


def range_outcome(answer: Range, reader: Reader) -> str:
    """Return a phrase about the proved bounds of the outputs, for the top of the page.

    If there are more than `MOST_IN_VIEW` outputs, it states one range that contains all of them, or
    the number of outputs that have no finite lower or upper bound.
    """
    count = answer.lo.size
    if not count:
        return "there are no outputs"
    if count <= MOST_IN_VIEW:
        return "; ".join(OutputEnds(answer, i, reader).proved for i in range(count))
    least, most = float(np.min(answer.lo)), float(np.max(answer.hi))
    if not np.isfinite([least, most]).all():
        left = int((~(np.isfinite(answer.lo) & np.isfinite(answer.hi))).sum())
        return f"{left:,} of {count:,} outputs have no proved bound on one side so far"
    places = decimals(most - least, OUTPUT_DIGITS)
    ends = f"{round_text(least, places, False)} and {round_text(most, places, True)}"
    return f"all {count:,} outputs stay between {ends}"


def range_document(answer: Range, reader: Reader) -> Document:
    """Return the document of output ranges: proved bounds, extreme inputs, and open questions."""
    ends = [OutputEnds(answer, i, reader) for i in range(min(answer.lo.size, MOST_ROWS))]
    shown = ends[:MOST_PRINTED]
    lead = f"Proved for every input of the input set: {range_outcome(answer, reader)}."
    blocks: list[Block] = []
    if len(ends) <= MOST_IN_VIEW:
        blocks.append(Paragraph("\n".join(line for end in ends for line in end.ends)))
    if len(ends) > 1:
        head = ("output", "never below", "smallest seen", "largest seen", "never above", "")
        rows = [
            (end.name, *(f"{text}{end.unit}" for text in
             (end.below, end.least, end.most, end.above)),
             Bar(end.lo, end.hi, end.seen_lo, end.seen_hi))
            for end in ends
        ]  # fmt: skip
        blocks.append(Table(head, rows[: len(shown)], "lrrrrl"))
        if len(rows) > len(shown):
            table = Table(head, rows, "lrrrrl")
            blocks.append(Fold(f"The first {len(rows):,} of {answer.lo.size:,} outputs", [table]))
    if len(ends) > MOST_IN_VIEW:
        blocks += _extreme_folds(answer, reader)
    blocks += _unknown(answer, ends)
    bounded = np.isfinite(answer.lo).any() or np.isfinite(answer.hi).any()
    if not bounded:
        lead = f"Nothing is proved yet: {range_outcome(answer, reader)}."
    tone = GOOD if answer.is_exact else ("" if bounded else OPEN)
    shown_by = basis(answer, _digits(answer, ends))
    return Document("What is proved", lead, [*blocks, shown_by], tone)


def open_ends(answer: Range, reader: Reader) -> list[str]:
    """Return a phrase for each bound of an output that is not known to the digits shown."""
    ends = (OutputEnds(answer, i, reader) for i in range(answer.lo.size))
    return [phrase for end in ends for phrase in end.open_ends]


def extremes(answer: Range, reader: Reader) -> list[Block]:
    """Return the inputs of the smallest and the largest values seen, for the summary.

    Up to `MOST_IN_VIEW` outputs have a table each. Of more outputs, the smallest and the largest
    value of all are shown, unless their units differ.
    """
    blocks: list[Block] = []
    for low, high in _extreme_pairs(answer, reader):
        table = _extreme_table(answer, reader, low, high)
        if table and len(table[0].rows) > MOST_PRINTED + 2:
            blocks.append(Fold(_extreme_heading(answer, reader, low, high), table))
        elif table:
            blocks += [Paragraph(f"{_extreme_heading(answer, reader, low, high)}:"), *table]
    return blocks


def extreme_images(answer: Range, reader: Reader, is_summary: bool) -> list[tuple[str, np.ndarray]]:
    """Return the images of extreme values, each with a title; empty if the inputs are no images.

    Args:
        is_summary: Whether to return only the images of the extreme values that the summary shows.
            Otherwise, the first `MOST_POINTS` outputs have two images each.
    """
    if not reader.is_image:
        return []
    every = [(i, i) for i in range(min(answer.lo.size, MOST_POINTS))]
    shown = []
    for low, high in _extreme_pairs(answer, reader) if is_summary else every:
        least, most = OutputEnds(answer, low, reader), OutputEnds(answer, high, reader)
        for word, end, value, at, i in (
            ("smallest", least, least.least, answer.at_lo, low),
            ("largest", most, most.most, answer.at_hi, high),
        ):
            image = _input_at(answer, at, i).reshape(reader.image)
            if not np.isnan(image).any():
                shown.append((f"{word} {end.name}: {value}{end.unit}", image))
    return shown


def _extreme_pairs(answer: Range, reader: Reader) -> list[tuple[int, int]]:
    """Return the pairs of outputs whose smallest and largest values the summary shows."""
    if answer.lo.size <= MOST_IN_VIEW:
        return [(i, i) for i in range(answer.lo.size)]
    seen_lo, seen_hi = np.ravel(answer.seen_lo), np.ravel(answer.seen_hi)
    if len(set(reader.output_units)) > 1 or np.isnan([seen_lo, seen_hi]).any():
        return []
    return [(int(seen_lo.argmin()), int(seen_hi.argmax()))]


def _extreme_folds(answer: Range, reader: Reader) -> list[Block]:
    """Return a collapsible table of the extreme inputs for each of the first `MOST_POINTS` outputs.

    Outputs whose extreme inputs are not known are omitted.
    """
    tables = ((i, _extreme_table(answer, reader, i, i))
              for i in range(min(answer.lo.size, MOST_POINTS)))  # fmt: skip
    return [Fold(_extreme_heading(answer, reader, i, i), table) for i, table in tables if table]


def _extreme_heading(answer: Range, reader: Reader, low: int, high: int) -> str:
    small, large = (reader.output(i, answer.names[i]) for i in (low, high))
    if low == high:
        return f"The inputs with the smallest and the largest {small}"
    return f"The inputs with the smallest of all values ({small}) and the largest ({large})"


def _extreme_table(answer: Range, reader: Reader, low: int, high: int) -> list[Any]:
    """Return a table of the inputs of the smallest `low` and the largest `high`, and its warnings.

    The result is empty if an input is not known, or has more than `MOST_ENTRIES` entries.

    Args:
        low: Flat index of the output whose smallest value is shown.
        high: Flat index of the output whose largest value is shown.
    """
    width = sum(int(np.prod(shape, dtype=np.int64)) for shape in answer.inputs.values())
    if width > MOST_ENTRIES or reader.is_image:
        return []
    points = [_input_at(answer, answer.at_lo, low), _input_at(answer, answer.at_hi, high)]
    if np.isnan(np.concatenate(points)).any():
        return []
    least, most = OutputEnds(answer, low, reader), OutputEnds(answer, high, reader)
    rows = [
        ("proved limit", f"never below {least.below}{least.unit}",
         f"never above {most.above}{most.unit}"),
        ("value seen", f"{least.least}{least.unit}", f"{most.most}{most.unit}"),
        *((name, a, b) for (name, a), (_, b) in zip(*map(reader.point, points), strict=True)),
    ]  # fmt: skip
    head = ("", f"smallest {least.name}", f"largest {most.name}")
    return [Table(head, rows, "lrr"), *impossible(reader, *points)]


def _input_at(answer: Range, at: Any, i: int) -> np.ndarray:
    parts = at.values() if isinstance(at, dict) else [at]
    return flatten({n: np.reshape(part, (answer.lo.size, -1))[i] for n, part in enumerate(parts)})


def impossible(reader: Reader, *points: np.ndarray) -> list[Block]:
    """Return a warning if any input is unrealistic, otherwise an empty list.

    An input is unrealistic if it mixes categories, or has a fraction where the data has integers.
    """
    mixed = any(map(reader.is_mixed, points))
    part = any(map(reader.is_fractional, points))
    what = [*["mixes categories"] * mixed, *["has a fraction where the data has integers"] * part]
    if not what:
        return []
    return [Paragraph(f"Such an input {' and '.join(what)}. The input set allows it, but the data "
                      "contains none like it.")]  # fmt: skip


def _unknown(answer: Range, ends: list[OutputEnds]) -> list[Block]:
    """Return a collapsible block about bounds that are not known exactly.

    It lists them and states how to determine them. The result is empty if all bounds are known to
    the digits shown.
    """
    if answer.is_exact or not any(end.is_open for end in ends):
        return []
    lines = [line for end in ends if end.is_open for line in end.ends if "between" in line
             or "not known" in line]  # fmt: skip
    meaning = (
        "Each lies between two numbers: a value that an input reaches, and a proved limit that no "
        "input passes."
    )
    shown = Listing(list_heading("Not known exactly", len(lines)), lines[:MOST_PRINTED])
    return [
        Fold(
            "What is not known, and what would settle it",
            [Paragraph(meaning), shown, Paragraph(remedy(answer.status))],
        )
    ]


def _digits(answer: Range, ends: list[OutputEnds]) -> list[Block]:
    head = ("output", "proved from", "seen from", "seen to", "proved to")
    rows = [(e.name, *map(repr, (e.lo, e.seen_lo, e.seen_hi, e.hi))) for e in ends[:MOST_PRINTED]]
    return [Paragraph("The bounds with all digits:"), Table(head, rows, "lr")]
