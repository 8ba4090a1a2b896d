"""The answer of `outrange.counterexamples`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from ..core import Warrant
from .answer import Answer, Cost
from .render.document import MOST_ROWS, Document, Paragraph, Table
from .render.text import vector
from .verdict import Counterexample


STATUSES = {
    "all": "as many as asked for",
    "none": "proved: there are none",
    "no more": "the search is over: no others that far apart",
    "time": "time ran out",
    "interrupted": "interrupted",
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
        status: `"all"`, `"none"`, `"no more"`, `"time"`, `"interrupted"`, `"rounding"` or
            `"effort"`.
        warrant: What stands behind the examples, and behind `"none"`.
        cost: Seconds and boxes.
        methods: The methods that were used, with references.
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
        return f"Counterexamples({self.claim!r}, {len(self)} of {self.asked}, {self.reason})"

    def document(self) -> Document:
        """A row an input."""
        rows = [
            (i, vector(found.flat_x), vector(found.flat_y), REPRODUCED[found.reproduced])
            for i, found in enumerate(self.examples[:MOST_ROWS])
        ]
        head = ("", "inputs", "outputs", "model breaks it too")
        table = Table(head, rows, "rl", len(self) - len(rows))
        standing = f"{self.reason}; {self.warrant.name}, {self.cost}. Model: {self.model}."
        return Document(
            f"{len(self)} of {self.asked} inputs that break",
            self.claim,
            (*([table] if rows else []), Paragraph(standing)),
        )
