"""The answer of `outrange.counterexamples`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

from ..core import Warrant
from .answer import Answer, Cost
from .render.diagrams import plot_found, plot_line
from .render.document import BAD, GOOD, MOST_PRINTED, OPEN, Document, Fold, Paragraph, Table
from .render.text import clipped_name, point
from .tables.help import what_helps
from .verdict import LONGEST_CLAIM, Counterexample


STATUSES = {
    "all": "as many as asked for",
    "none": "proved: there are none",
    "no more": "the search is over: no others that far apart",
    "time": "time ran out",
    "memory": "memory ran out",
    "interrupted": "interrupted",
    "error": "an internal error ended a part of the search, please report it",
    "rounding": "none was found, and float64 rounding hides whether there are any",
    "effort": "stopped after {boxes:,} boxes",
}
"""Why the search stopped, in words."""

REPRODUCED = {None: "not run", True: "yes", False: "no: rounding decides it there"}


@dataclass(frozen=True, eq=False)
class Counterexamples(Answer, Sequence):
    """A list of inputs that break a property, and a statement about the others.

    Each breaks the property in real arithmetic and was run on the model (`reproduced` says what
    came of that). Only `"none"` is a proof that the property holds. `"no more"` says that every
    box not proved good lies within `apart` of an input listed, or is too small to be halved.

    Args:
        model: The model's name.
        claim: The property, as asked.
        examples: The inputs, in the order found.
        asked: How many were asked for.
        apart: Every two differ by at least this share of the input set's width, in some input.
        status: `"all"`, `"none"`, `"no more"`, `"time"`, `"memory"`, `"interrupted"`,
            `"error"`, `"rounding"` or `"effort"`.
        warrant: What stands behind the examples, and behind `"none"`.
        cost: Seconds and boxes.
        methods: The methods that were used, with references.
        sources: The models it is about, each with its hash.
        over: The input set it is about; None if that is not known.
        provenance: What was asked, of which release; None where it was not recorded.
        certificate: Where one was asked for: which file holds it, or why there is none.
        late: By how much a time limit was exceeded, or which effort ended the search.
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
        """Whether the property holds: True if that is proved, False if it is broken, else None."""
        return False if self.examples else (True if self.status == "none" else None)

    @property
    def reason(self) -> str:
        """Why the search stopped, in words."""
        return STATUSES[self.status].format(boxes=self.cost.boxes)

    def __repr__(self) -> str:
        claim = clipped_name(self.claim, LONGEST_CLAIM)
        return f"Counterexamples({claim!r}, {len(self)} of {self.asked}, {self.reason})"

    def records(self) -> list[dict[str, Any]]:
        """One dict an input: its entries and the outputs by name."""
        return [{"example": i} | found.row() for i, found in enumerate(self.examples)]

    def document(self) -> Document:
        """A row an input."""
        rows = [
            (
                i,
                point(found.flat_x, most=6),
                point(found.flat_y, most=6),
                REPRODUCED[found.reproduced],
            )
            for i, found in enumerate(self.examples)
        ]
        head = ("", "inputs", "outputs", "model breaks it too")
        table, shown = Table(head, rows, "rl"), rows[:MOST_PRINTED]
        few = Table(head, shown, "rl", len(rows) - len(shown))
        blocks = [table] if rows else []
        if len(rows) > MOST_PRINTED:
            blocks = [few, Fold(f"All {len(rows):,} inputs", [table], in_text=False)]
        standing = f"{self.reason}; {self.warrant.name}, {self.cost}. Model: {self.model}."
        return Document(
            f"{len(self)} of {self.asked} inputs that break",
            self.claim,
            (*blocks, Paragraph(standing), Paragraph(what_helps(self.status))),
            {True: GOOD, False: BAD, None: OPEN}[self.holds],
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw all inputs that break it against the box, input by input. Needs matplotlib.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        claim = clipped_name(self.claim, LONGEST_CLAIM)
        title = f"{len(self):,} inputs that break `{claim}`: {self.reason}"
        sizes = {found.flat_x.size for found in self.examples}
        if len(sizes) != 1:
            return plot_line(f"`{claim}`: {self.reason}", [], [], "no input to draw", ax)
        return plot_found(title, self.examples[0].names, self.examples, self.box, ax)
