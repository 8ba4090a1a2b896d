"""The answer of `outrange.counterexamples`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

from ..core import Warrant
from .answer import Answer, Cost
from .render.diagrams import plot_counterexamples, plot_line
from .render.document import (
    BAD,
    GOOD,
    MOST_PRINTED,
    MOST_ROWS,
    OPEN,
    Block,
    Document,
    Fold,
    Paragraph,
    Table,
)
from .render.text import clipped_name, point
from .tables.help import ENDED_EARLY, what_helps
from .verdict import LONGEST_CLAIM, Counterexample


STATUSES = {
    "all": "as many as requested",
    "none": "proved: there are none",
    "no more": "the search is complete: every other counterexample is closer than `apart` to a "
    "listed one",
    "time": ENDED_EARLY,
    "memory": "memory ran out",
    "interrupted": "interrupted",
    "error": "an internal error ended part of the search; please report it",
    "rounding": "no counterexample was found, but float64 rounding may hide counterexamples",
    "effort": "stopped after {boxes:,} boxes",
}
"""Reasons why the search stopped."""

MOST_COLUMNS = 5
"""Maximum number of inputs in a table with one row per named entry, so that names stay readable."""

REPRODUCED = {None: "not run", True: "yes", False: "no, because of rounding"}


@dataclass(frozen=True, eq=False)
class Counterexamples(Answer, Sequence):
    """Sequence of inputs that break a property, and a statement about the remaining inputs.

    Each input breaks the property in real arithmetic. Its `reproduced` states whether the model's
    own outputs break it too. Only the status `"none"` is a proof that the property holds. The
    status `"no more"` means that every box not proved good lies within `apart` of a listed input,
    or is too small to be bisected.

    Args:
        model: Name of the model.
        claim: The property, as text.
        examples: The inputs, in the order in which they were found.
        asked: Requested number of inputs.
        apart: Any two inputs differ in some entry by at least this fraction of the width of that
            entry's range in the input set.
        status: `"all"`, `"none"`, `"no more"`, `"time"`, `"memory"`, `"interrupted"`,
            `"error"`, `"rounding"` or `"effort"`.
        warrant: Evidence for the examples, and for `"none"` (see `Warrant`).
        cost: Time in seconds, and number of boxes.
        methods: Methods used, with references.
        sources: Models analyzed, each with its hash.
        over: Input set analyzed; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.
    """

    model: str
    claim: str
    examples: tuple[Counterexample, ...]
    asked: int
    apart: float
    status: str
    warrant: Warrant
    cost: Cost
    methods: tuple[str, ...] = ()

    FORMAT = "outrange.counterexamples"
    INDEX = ("example",)

    @overload
    def __getitem__(self, index: int) -> Counterexample: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Counterexample, ...]: ...
    def __getitem__(self, index: int | slice) -> Counterexample | tuple[Counterexample, ...]:
        return self.examples[index]

    def __len__(self) -> int:
        return len(self.examples)

    def __iter__(self) -> Iterator[Counterexample]:
        return iter(self.examples)

    @property
    def holds(self) -> bool | None:
        """True if the property is proved, False if it is broken, None if unknown."""
        return False if self.examples else (True if self.status == "none" else None)

    @property
    def reason(self) -> str:
        """Reason why the search stopped, as text."""
        return STATUSES[self.status].format(boxes=self.cost.boxes)

    def __repr__(self) -> str:
        claim = clipped_name(self.claim, LONGEST_CLAIM)
        return f"Counterexamples({claim!r}, {len(self)} of {self.asked}, {self.reason})"

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per input: its entries and its outputs, by name."""
        return [{"example": i} | example.row() for i, example in enumerate(self.examples)]

    def document(self) -> Document:
        """Return a document with a table of the counterexamples.

        Inputs with names have a row for each entry and a column for each counterexample. Other
        inputs have one row per counterexample.
        """
        rows = [
            (
                i,
                point(example.flat_x, most=6),
                point(example.flat_y, most=6),
                REPRODUCED[example.reproduced],
            )
            for i, example in enumerate(self.examples)
        ]
        head = ("", "inputs", "outputs", "model breaks it too")
        table, shown = Table(head, rows, "rl"), rows[:MOST_PRINTED]
        few, most = Table(head, shown, "rl", len(rows) - len(shown)), MOST_PRINTED
        blocks: list[Block] = [table] if rows else []
        if self._is_named:
            few, most = self._named_table(rows[:MOST_COLUMNS]), MOST_COLUMNS
            blocks = [few]
        if len(rows) > most:
            blocks = [few, Fold(f"All {len(rows):,} inputs", [table], in_text=False)]
        standing = f"{self.reason}; {self.warrant.name}, {self.cost}. Model: {self.model}."
        return Document(
            f"{len(self)} of {self.asked} inputs that break",
            self.claim,
            (*blocks, Paragraph(standing), Paragraph(what_helps(self.status))),
            {True: GOOD, False: BAD, None: OPEN}[self.holds],
        )

    @property
    def _is_named(self) -> bool:
        """Whether all counterexamples have the same named entries, few enough for a table."""
        names = {tuple(e.names) if isinstance(e.x, dict) else () for e in self.examples}
        return len(names) == 1 and 0 < len(next(iter(names))) <= MOST_ROWS

    def _named_table(self, rows: Sequence[tuple[Any, ...]]) -> Table:
        """Return a table with one row per entry of the inputs and one column per counterexample.

        Args:
            rows: Number, inputs, outputs and remark of each counterexample.
        """
        values = [example.flat_x.tolist() for example in self.examples[: len(rows)]]
        entries = zip(self.examples[0].names, *values, strict=True)
        ends = [("outputs", *(row[2] for row in rows))]
        ends.append(("model breaks it too", *(row[3] for row in rows)))
        return Table(("input", *(str(row[0]) for row in rows)), [*entries, *ends], "lr")

    def plot(self, ax: Any = None) -> Any:
        """Draw the listed inputs relative to the box, one row per entry.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        claim = clipped_name(self.claim, LONGEST_CLAIM)
        title = f"{len(self):,} inputs that break `{claim}`: {self.reason}"
        sizes = {example.flat_x.size for example in self.examples}
        if len(sizes) != 1:
            return plot_line(f"`{claim}`: {self.reason}", [], [], "no input to draw", ax)
        return plot_counterexamples(title, self.examples[0].names, self.examples, self.box, ax)
