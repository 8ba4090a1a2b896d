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


SINGULARS = {"neither": "neither rises nor falls"}
PLURALS = {"rises": "rise", "falls": "fall", "neither": "neither rise nor fall"}
"""Wording of directions, for sentences about one pair and about several pairs."""


REFUTED = {"rises": "can fall", "falls": "can rise"}
"""Result for a pair whose wanted direction is refuted."""


@dataclass(frozen=True, eq=False)
class FallingPair:
    """Two inputs of a set that differ in one entry, which is larger in the second.

    Args:
        x: The first input, in the model's input shape (a dict by name for several inputs).
        then: The second input, in the same shape.
        y: Output at the first input in real arithmetic: the midpoint of a proved enclosure.
        then_y: Output at the second input.
        model_y: Output of the user's model at the first input in float32; None if it was not run.
        model_then_y: Output of the user's model at the second input.
        reproduced: Whether the model's own outputs change in the same direction; None if the model
            was not run.
    """

    x: np.ndarray | dict[str, np.ndarray]
    then: np.ndarray | dict[str, np.ndarray]
    y: float
    then_y: float
    model_y: float | None
    model_then_y: float | None
    reproduced: bool | None

    @property
    def weight(self) -> tuple[bool, float]:
        """The order of pairs: pairs that the model reproduces come first, then larger changes."""
        return self.reproduced is not False, abs(self.then_y - self.y)

    def __str__(self) -> str:
        here = f"from {number(self.y)} at {point(self.x)}"
        return f"{here} to {number(self.then_y)} at {point(self.then)}"


@dataclass(frozen=True, eq=False)
class Trend:
    """Direction of one output over the set as one input grows and all other inputs stay fixed.

    Args:
        output: Name of the output entry, such as `"y[0]"`.
        input: Name of the input entry.
        rises: True if the output is proved never to fall, False if `fall` is a counterexample, None
            if unknown or not requested.
        falls: True if the output is proved never to rise, False if `rise` is a counterexample, None
            if unknown or not requested.
        fall: Two inputs between which the output falls; None if none are known.
        rise: Two inputs between which the output rises; None if none are known.
        is_fixed: Whether the input cannot change alone within the set, because it has only one
            value or belongs to a one-hot group. Then `rises` and `falls` are both True.
    """

    output: str
    input: str
    rises: bool | None
    falls: bool | None
    fall: FallingPair | None = None
    rise: FallingPair | None = None
    is_fixed: bool = False

    def __post_init__(self) -> None:
        if (self.rises is False) != (self.fall is not None) or (self.falls is False) != (
            self.rise is not None
        ):
            raise OutrangeError(
                "A direction must have two inputs as evidence if and only if it is refuted. This "
                f"error is a bug in outrange; please report it. Received: rises={self.rises}, "
                f"falls={self.falls}, fall={self.fall}, rise={self.rise}."
            )

    @property
    def direction(self) -> str:
        """`"rises"` or `"falls"` (weakly), `"constant"`, `"neither"`, `"unknown"` or `"fixed"`.

        The direction `"fixed"` means that `is_fixed` is true.
        """
        if self.is_fixed:
            return "fixed"
        if self.rises and self.falls:
            return "constant"
        if self.rises or self.falls:
            return "rises" if self.rises else "falls"
        return "neither" if self.rises is False and self.falls is False else "unknown"

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return field_dict(self) | {"direction": self.direction}


@dataclass(frozen=True, eq=False)
class Monotone(Answer):
    """Directions of outputs as inputs grow, or the order of the chosen index over groups.

    In a condition (`if answer:`) the answer is true only if everything requested is proved. The
    chosen index is the position of the largest output within a group.

    Args:
        model: Name of the model.
        trends: One `Trend` per pair of output and input.
        wanted: Claimed direction, `"rises"` or `"falls"`; None if no direction is claimed.
        order: For groups: a `Verdict` on whether the chosen index never falls from one group to the
            next. None without groups.
        reason: Reason why the search stopped: `"decided"`, `"time"`, `"memory"`, `"interrupted"`,
            `"error"`, `"rounding"`, or `"integers"` (between integers, the output may change in the
            other direction).
        warrant: Evidence for the proofs (see `Warrant`).
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
        statuses = [] if self.order is None else [self.order.status]
        for trend in self.trends:
            sides = [trend.rises] * (self.wanted != "falls") + [trend.falls] * (
                self.wanted != "rises"
            )
            if any(sides):
                statuses.append(HOLDS)
            else:
                statuses.append(UNKNOWN if None in sides else VIOLATED)
        return statuses

    @property
    def status(self) -> str:
        """`"VIOLATED"` if a claim is refuted, `"HOLDS"` if all are proved, otherwise `"UNKNOWN"`.

        If no direction is claimed, the claim about each pair is that its output never falls or
        never rises. This claim is proved if one of its two parts is proved, and refuted if both
        parts are refuted.
        """
        each = self._each()
        return VIOLATED if VIOLATED in each else (UNKNOWN if UNKNOWN in each else HOLDS)

    @property
    def holds(self) -> bool | None:
        """True if all claims are proved, False if any is refuted, None if unknown."""
        return {HOLDS: True, VIOLATED: False}.get(self.status)

    def __bool__(self) -> bool:
        return self.status == HOLDS

    def __getitem__(self, pair: tuple[str, str]) -> Trend:
        """Return the trend of `(output, input)`, such as `answer["y[0]", "x[1]"]`."""
        wanted = tuple(pair) if isinstance(pair, list | tuple) else None
        for trend in self.trends:
            if (trend.output, trend.input) == wanted:
                return trend
        raise UnknownKeyError(
            "A trend is selected by the name of an output "
            f"({_some(t.output for t in self.trends)}) and the name of an input "
            f"({_some(t.input for t in self.trends)}). Received: {pair!r}."
        )

    def __repr__(self) -> str:
        parts = [
            f"{clipped_name(t.output, 20)} {t.direction} in {clipped_name(t.input, 20)}"
            for t in self.trends
        ]
        if len(parts) > 2:
            parts = [f"{len(parts)} pairs: {self._counts()}"]
        parts += [] if self.order is None else [clipped_name(self.order.claim, 60)]
        status = f"{self.status}, " if self.is_claim else ""
        return f"Monotone({status}{'; '.join(parts)})"

    @property
    def is_claim(self) -> bool:
        """Whether the question claims a direction or an order, to be proved or refuted."""
        return self.wanted is not None or self.order is not None

    @property
    def headline(self) -> str:
        """The verdict on a claim; without a claim, the number of pairs in each direction."""
        return self.status if self.is_claim else self._counts()

    def _counts(self) -> str:
        """Return the number of pairs in each direction."""
        directions = [trend.direction for trend in self.trends]
        counts = ((word, directions.count(word)) for word in DIRECTIONS if word in directions)
        return ", ".join(
            f"{n:,} {(SINGULARS if n == 1 else PLURALS).get(word, word)}" for word, n in counts
        )

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per pair of output and input, with its direction and its two verdicts.

        The verdicts `"rises"` and `"falls"` are True, False or None. With groups, the verdict on
        the order of the chosen index follows as the last dict.
        """
        rows = [
            {
                "output": t.output, "input": t.input, "direction": t.direction,
                "rises": t.rises, "falls": t.falls,
            }
            for t in self.trends
        ]  # fmt: skip
        if self.order is not None:
            order = {"output": self.order.claim, "input": "", "direction": self.order.status}
            rows.append(order | {"rises": self.order.holds, "falls": None})
        return rows

    def document(self) -> Document:
        """Return a document with one table row per pair, and inputs that refute directions."""
        return Document(
            f"Monotonicity of {self.model}",
            f"{self.headline} ({REASONS[self.reason]}); {self.warrant.name}, {self.cost}.",
            (
                *self._table(),
                Fold("Inputs that refute a direction", [Paragraph("\n".join(self._steps()))]),
                Paragraph(self._fixed_note()),
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
        if self.wanted is None:  # There is no claim that could hold or be violated.
            return Word(trend.direction, OPEN if trend.direction == "unknown" else "")
        refuted = {"rises": trend.rises, "falls": trend.falls}[self.wanted] is False
        if refuted:
            return Word(REFUTED[self.wanted], BAD)
        tones = {"unknown": OPEN} | dict.fromkeys(("constant", "fixed", self.wanted), GOOD)
        return Word(trend.direction, tones.get(trend.direction, BAD))

    def _steps(self) -> list[str]:
        """Return lines that describe falls and rises, for trends without a proved direction.

        Only the first `MOST_PRINTED` trends are considered.
        """
        return [
            f"{trend.output} {word} in {trend.input} {step}"
            for trend in self.trends[:MOST_PRINTED]
            for word, step in (("falls", trend.fall), ("rises", trend.rise))
            if step is not None and not (trend.rises or trend.falls)
        ]

    def _fixed_note(self) -> str:
        """Return a sentence that explains which inputs are fixed; empty if there are none."""
        if not any(trend.is_fixed for trend in self.trends):
            return ""
        return (
            "A fixed input cannot change while all other inputs stay the same: it has only one "
            "value, or belongs to a one-hot group."
        )

    def _advice(self) -> str:
        """Return advice on pairs of unknown direction.

        The result is empty if there are none, or if `reason` is `"decided"`.
        """
        left = sum(trend.direction == "unknown" for trend in self.trends)
        if not left or self.reason == "decided":
            return ""
        helps = (
            "More time does not help. If a dict box fixes other integer inputs with numbers, a "
            "proof may exist."
            if self.reason == "integers"
            else "What would help: more time (`time_limit=`), a smaller input set, or fewer pairs "
            "(`inputs=`, `outputs=`)."
        )
        return (
            f"The direction is undecided for {left:,} pair{'s' * (left > 1)} of output and input. "
            f"{helps}"
        )

    def _order(self) -> list[Block]:
        """Return blocks that state whether the chosen index never falls from group to group.

        The list is empty if the question has no groups.
        """
        if self.order is None:
            return []
        return [Paragraph(f"{self.order.claim}:"), *self.order.verdict_blocks]

    def plot(self, ax: Any = None) -> Any:
        """Draw the direction of every pair of output and input as a matrix.

        If there are no pairs, the verdict on the order of the chosen index is drawn instead.

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
    """Return the first four distinct names for an error message, separated by `|`."""
    distinct = list(dict.fromkeys(names))
    return "|".join(map(repr, distinct[:4])) + ("|..." if len(distinct) > 4 else "")
