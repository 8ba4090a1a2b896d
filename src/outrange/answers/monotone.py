"""The answer of `outrange.monotone`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import OutrangeError, UnknownKeyError, Warrant
from .answer import Answer, Cost
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
    Word,
)
from .render.jsonable import field_dict
from .render.text import clipped_name, number, point
from .tables.directions import DIRECTIONS, plot_directions
from .verdict import HOLDS, REASONS, TONE, UNKNOWN, VIOLATED, Verdict


PLURALS = {"rises": "rise", "falls": "fall"}
"""What several pairs do."""


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
        reason: `"decided"`, `"time"`, `"memory"`, `"interrupted"`, `"error"` or
            `"rounding"`.
        warrant: What stands behind the proofs.
        cost: Seconds and boxes.
        methods: The methods that were used, with references.
        sources: The models it is about, each with its hash.
        over: The input set it is about; None if that is not known.
        provenance: What was asked, of which release; None where it was not recorded.
        certificate: Where one was asked for: which file holds it, or why there is none.
        late: By how much a time limit was exceeded, or which effort ended the search.
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
    INDEX = ("output", "input")
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
        told = [
            f"{clipped_name(t.output, 20)} {t.direction} in {clipped_name(t.input, 20)}"
            for t in self.trends
        ]
        if len(told) > 2:
            told = [f"{len(told)} pairs: {self._counts()}"]
        told += [] if self.order is None else [clipped_name(self.order.claim, 60)]
        status = f"{self.status}, " if self.is_claim else ""
        return f"Monotone({status}{'; '.join(told)})"

    @property
    def is_claim(self) -> bool:
        """Whether a direction or an order was claimed, which holds or is violated."""
        return self.wanted is not None or self.order is not None

    @property
    def headline(self) -> str:
        """The verdict on what was claimed; without a claim, how many pairs go which way."""
        return self.status if self.is_claim else self._counts()

    def _counts(self) -> str:
        """How many pairs go which way."""
        found = [trend.direction for trend in self.trends]
        words = ((one, found.count(one)) for one in DIRECTIONS if one in found)
        return ", ".join(f"{n:,} {one if n == 1 else PLURALS.get(one, one)}" for one, n in words)

    def records(self) -> list[dict[str, Any]]:
        """One dict a pair of output and input: its direction, what is proved, what refuted."""
        rows = [
            {
                "output": t.output, "input": t.input, "direction": t.direction,
                "rises": t.rises, "falls": t.falls,
            }
            for t in self.trends
        ]  # fmt: skip
        if self.order is not None:
            told = {"output": self.order.claim, "input": "", "direction": self.order.status}
            rows.append(told | {"rises": self.order.holds, "falls": None})
        return rows

    def document(self) -> Document:
        """A row a pair of output and input, and where each falls or rises."""
        return Document(
            f"Monotonicity of {self.model}",
            f"{self.headline} ({REASONS[self.reason]}); {self.warrant.name}, {self.cost}.",
            (
                *self._table(),
                Fold("Inputs that show it", [Paragraph("\n".join(self._steps()))]),
                Paragraph(self._advice()),
                *self._order(),
            ),
            TONE[self.status] if self.is_claim else (OPEN if self.status == UNKNOWN else ""),
        )

    def _table(self) -> list[Table | Paragraph | Fold]:
        head = ("output", "input", "direction")
        rows = [(t.output, t.input, self._direction(t)) for t in self.trends]
        if self.order is not None:
            rows.append(("index", "group", Word(self.order.status, TONE[self.order.status])))
        if len(rows) <= MOST_PRINTED:
            return [Table(head, rows, "l")]
        shown = rows[:MOST_ROWS]
        title = f"All {len(rows):,} pairs" if len(shown) == len(rows) else f"The first {MOST_ROWS}"
        every = Table(head, shown, "l", len(rows) - len(shown))
        return [
            Paragraph(f"{len(rows):,} pairs of output and input: {self._counts()}."),
            Fold(title, [every], in_text=False),
        ]

    def _direction(self, trend: Trend) -> Word:
        if self.wanted is None:  # nothing was claimed that could hold or be violated
            return Word(trend.direction, OPEN if trend.direction == "unknown" else "")
        wanted = {self.wanted}
        tones = {"unknown": OPEN} | dict.fromkeys(("constant", *wanted), GOOD)
        return Word(trend.direction, tones.get(trend.direction, BAD))

    def _steps(self) -> list[str]:
        """A line a pair of inputs that shows a fall or a rise."""
        return [
            f"{trend.output} {word} in {trend.input} {step}"
            for trend in self.trends[:MOST_PRINTED]
            for word, step in (("falls", trend.fall), ("rises", trend.rise))
            if step is not None and not (trend.rises or trend.falls)
        ]

    def _advice(self) -> str:
        """What would help, where a direction is not known."""
        left = sum(trend.direction == "unknown" for trend in self.trends)
        if not left or self.reason == "decided":
            return ""
        return (
            f"Of {left:,} pairs no direction is proved, and none is refuted both ways. What would "
            "help: more time (`time_limit=`), a smaller input set, or fewer pairs (`inputs=`, "
            "`outputs=`)."
        )

    def _order(self) -> list[Block]:
        """What is said of the chosen index; status, warrant and cost stand in the head."""
        if self.order is None:
            return []
        return [Paragraph(f"{self.order.claim}:"), *self.order.told]

    def plot(self, ax: Any = None) -> Any:
        """Draw the direction of every pair of output and input as a matrix. Needs matplotlib.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        if not self.trends and self.order is not None:
            return self.order.plot(ax)
        return plot_directions(self.trends, self._counts(), self.wanted, ax)


def _some(names: Iterable[str]) -> str:
    """Some names as a message lists them."""
    distinct = list(dict.fromkeys(names))
    return "|".join(map(repr, distinct[:4])) + ("|..." if len(distinct) > 4 else "")
