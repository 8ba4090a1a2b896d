"""Several inputs that break a property, and whether there are more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

from ..core import Warrant
from .range import Cost
from .render.jsonable import jsonable
from .render.text import size, vector
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
"""Why the search stopped, as told."""


@dataclass(frozen=True, eq=False)
class Counterexamples(Sequence):
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

    def as_dict(self) -> dict[str, Any]:
        """Everything, in lists, strings and numbers ready for JSON; `version` names the layout."""
        names = ("model", "claim", "asked", "apart", "status")
        record = {"format": "outrange.counterexamples", "version": 1}
        record |= {name: jsonable(getattr(self, name)) for name in names}
        parts = ("x", "y", "model_y", "reproduced")
        record["examples"] = [{n: jsonable(getattr(e, n)) for n in parts} for e in self.examples]
        cost = {"seconds": self.cost.seconds, "boxes": self.cost.boxes}
        return record | {"warrant": self.warrant.name, "cost": cost, "methods": list(self.methods)}

    def __repr__(self) -> str:
        return f"Counterexamples({self.claim!r}, {len(self)} of {self.asked}, {self.reason})"

    def __str__(self) -> str:
        lines = [f"{len(self)} of {self.asked} inputs that break: {self.claim}"]
        lines += [f"  {vector(example.flat_x)}" for example in self.examples]
        tail = f"{self.reason}; {self.warrant.name}, {size(self.cost.seconds)}"
        return "\n".join([*lines, f"{tail}, {self.cost.boxes:,} boxes."])

    def _repr_html_(self) -> str:
        from .render.html import html_table

        rows = [
            [
                i,
                vector(e.flat_x),
                vector(e.flat_y),
                {None: "not run", True: "yes"}.get(e.reproduced, "no: rounding decides it there"),
            ]
            for i, e in enumerate(self.examples)
        ]
        head = ["", "inputs", "outputs", "model breaks it too"]
        return html_table(head, rows, f"{self.model}: {self.claim}", self.reason)
