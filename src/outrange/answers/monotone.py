"""The answer of `outrange.monotone`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import OutrangeError, UnknownKeyError, Warrant
from .answer import Answer, Cost
from .render.document import MOST_ROWS, Document, Paragraph, Table
from .render.jsonable import field_dict
from .render.text import number, point
from .verdict import HOLDS, REASONS, UNKNOWN, VIOLATED, Verdict


@dataclass(frozen=True, eq=False)
class FallingPair:
    """Two inputs of a set that differ in one entry, which is larger in the second.

    Args:
        x: The first input, in its own shape (a dict by name for several inputs).
        then: The second, in the same shape.
        y: The output there, in real arithmetic, to nearest.
        then_y: The output at the second.
        model_y: What the user's model returned in float32; None where none could be run.
        model_then_y: The same at the second.
        reproduced: Whether the model's own numbers move the same way; None: not run.
    """

    x: np.ndarray | dict[str, np.ndarray]
    then: np.ndarray | dict[str, np.ndarray]
    y: float
    then_y: float
    model_y: float | None
    model_then_y: float | None
    reproduced: bool | None

    def __str__(self) -> str:
        here = f"from {number(self.y)} at {point(self.x)}"
        return f"{here} to {number(self.then_y)} at {point(self.then)}"


@dataclass(frozen=True, eq=False)
class Trend:
    """How one output moves with one input, all others held, anywhere in the set.

    Args:
        output: The output entry, `"y[0]"`.
        input: The input entry.
        rises: True: proved never to fall. False: `fall` shows it falling. None: not known, or
            not asked.
        falls: True: proved never to rise. False: `rise` shows it rising. None: likewise.
        fall: Where it falls, if that was found.
        rise: Where it rises.
    """

    output: str
    input: str
    rises: bool | None
    falls: bool | None
    fall: FallingPair | None = None
    rise: FallingPair | None = None

    def __post_init__(self) -> None:
        if (self.rises is False) != (self.fall is not None) or (self.falls is False) != (
            self.rise is not None
        ):
            raise OutrangeError("A refuted trend needs its two inputs, and only it.")

    @property
    def direction(self) -> str:
        """`"rises"` or `"falls"` (level included), `"constant"`, `"neither"` or `"unknown"`."""
        if self.rises and self.falls:
            return "constant"
        if self.rises or self.falls:
            return "rises" if self.rises else "falls"
        return "neither" if self.rises is False and self.falls is False else "unknown"

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return field_dict(self) | {"direction": self.direction}


@dataclass(frozen=True, eq=False)
class Monotone(Answer):
    """Whether outputs rise or fall in inputs, and whether a chosen index never falls.

    True (as a condition) only where everything asked is proved.

    Args:
        model: The model's name.
        trends: One per pair of output and input asked about.
        wanted: `"rises"` or `"falls"` if that was asked; None: either will do.
        order: For groups: whether the chosen index never falls from group to group.
        reason: `"decided"`, `"time"`, `"interrupted"` or `"rounding"`.
        warrant: What stands behind the proofs.
        cost: Seconds and boxes.
        methods: The methods that were used, with references.
    """

    model: str
    trends: tuple[Trend, ...]
    wanted: str | None
    order: Verdict | None
    reason: str
    warrant: Warrant
    cost: Cost
    methods: tuple[str, ...] = ()

    FORMAT = "outrange.monotone"
    DERIVED = ("status",)

    def _each(self) -> list[str]:
        found = [] if self.order is None else [self.order.status]
        for trend in self.trends:
            sides = [trend.rises] * (self.wanted != "falls") + [trend.falls] * (
                self.wanted != "rises"
            )
            if any(sides):
                found.append(HOLDS)
            else:
                found.append(UNKNOWN if None in sides else VIOLATED)
        return found

    @property
    def status(self) -> str:
        """`"VIOLATED"` if anything is refuted, `"HOLDS"` if all is proved, else `"UNKNOWN"`."""
        each = self._each()
        return VIOLATED if VIOLATED in each else (UNKNOWN if UNKNOWN in each else HOLDS)

    @property
    def holds(self) -> bool | None:
        """True, False, or None if unknown."""
        return {HOLDS: True, VIOLATED: False}.get(self.status)

    def __bool__(self) -> bool:
        return self.status == HOLDS

    def __getitem__(self, pair: tuple[str, str]) -> Trend:
        """The trend of `(output, input)`, named as `"y[0]", "x[1]"`."""
        wanted = tuple(pair) if isinstance(pair, list | tuple) else None
        for trend in self.trends:
            if (trend.output, trend.input) == wanted:
                return trend
        raise UnknownKeyError(
            "A trend is named by an output and an input that were asked about, "
            f"{_some(t.output for t in self.trends)} and {_some(t.input for t in self.trends)}. "
            f"Received: {pair!r}."
        )

    def __repr__(self) -> str:
        told = [f"{t.output} {t.direction} in {t.input}" for t in self.trends[:4]]
        if len(self.trends) > 4:
            told.append(f"{len(self.trends) - 4} more")
        told += [] if self.order is None else [self.order.claim]
        return f"Monotone({self.status}, {'; '.join(told)})"

    def document(self) -> Document:
        """A row a pair of output and input, and where each falls or rises."""
        shown = self.trends[:MOST_ROWS]
        rows = [(t.output, t.input, t.direction) for t in shown]
        rows += [] if self.order is None else [("index", "group", self.order.status)]
        table = Table(("output", "input", "direction"), rows, "l", len(self.trends) - len(shown))
        steps = [
            f"{trend.output} {word} in {trend.input} {step}"
            for trend in shown
            for word, step in (("falls", trend.fall), ("rises", trend.rise))
            if step is not None
        ]
        order = () if self.order is None else (self.order.document(),)
        return Document(
            f"Monotonicity of {self.model}",
            f"{self.status} ({REASONS[self.reason]}); {self.warrant.name}, {self.cost}.",
            (
                table,
                Paragraph("\n".join(steps)),
                *(part for d in order for part in (Paragraph(f"{d.title}: {d.lead}"), *d.blocks)),
            ),
        )


def _some(names: Iterable[str]) -> str:
    """Some names as a message lists them."""
    distinct = list(dict.fromkeys(names))
    return "|".join(map(repr, distinct[:4])) + ("|..." if len(distinct) > 4 else "")
