"""The answer to "does it rise, does it fall?"."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import OutrangeError, UnknownKeyError, Warrant
from .range import Cost
from .render.jsonable import jsonable
from .render.text import number, size, vector
from .verdict import HOLDS, REASONS, UNKNOWN, VIOLATED, Verdict


@dataclass(frozen=True, eq=False)
class Step:
    """Two inputs of a set that differ in one entry, which is larger in the second.

    Args:
        x: The first input, in its own shape (a dict by name for several inputs).
        then: The second.
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
    fall: Step | None = None
    rise: Step | None = None

    def __post_init__(self):
        if (self.rises is False) != (self.fall is not None) or (self.falls is False) != (
            self.rise is not None
        ):
            raise OutrangeError("A refuted trend needs its two inputs, and only it.")

    @property
    def direction(self) -> str:
        """`"rises"`, `"falls"`, `"constant"`, `"neither"` or `"unknown"`; the first two include
        staying level."""
        if self.rises and self.falls:
            return "constant"
        if self.rises or self.falls:
            return "rises" if self.rises else "falls"
        return "neither" if self.rises is False and self.falls is False else "unknown"


@dataclass(frozen=True, eq=False)
class Monotone:
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
        """`"VIOLATED"` if something asked is refuted, `"HOLDS"` if all is proved, else
        `"UNKNOWN"`."""
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

    def as_dict(self) -> dict[str, Any]:
        """Everything, in lists, strings and numbers ready for JSON; `version` names the layout."""
        return {
            "format": "outrange.monotone", "version": 1, "model": self.model,
            "status": self.status, "wanted": self.wanted, "reason": self.reason,
            "trends": [_trend(trend) for trend in self.trends],
            "order": None if self.order is None else self.order.as_dict(),
            "warrant": self.warrant.name,
            "cost": {"seconds": self.cost.seconds, "boxes": self.cost.boxes},
            "methods": list(self.methods),
        }  # fmt: skip

    def __repr__(self) -> str:
        told = [f"{t.output} {t.direction} in {t.input}" for t in self.trends[:4]]
        if len(self.trends) > 4:
            told.append(f"{len(self.trends) - 4} more")
        told += [] if self.order is None else [self.order.claim]
        return f"Monotone({self.status}, {'; '.join(told)})"

    def __str__(self) -> str:
        lines = [f"{self.status} ({REASONS[self.reason]})"]
        for trend in self.trends:
            lines.append(f"{trend.output} in {trend.input}: {trend.direction}")
            for word, step in (("falls", trend.fall), ("rises", trend.rise)):
                if step is not None:
                    lines.append(f"  {word} from {_at(step)}")
        if self.order is not None:
            lines.append(str(self.order))
        boxes = f"{self.cost.boxes:,} boxes"
        return "\n".join([*lines, f"{self.warrant.name}, {size(self.cost.seconds)}, {boxes}."])

    def _repr_html_(self) -> str:
        from .render.html import html_table

        rows = [(t.output, t.input, t.direction) for t in self.trends]
        rows += [] if self.order is None else [("index", "group", self.order.status)]
        return html_table(("output", "input", "direction"), rows, f"{self.model}: {self.status}")


def _some(names: Iterable[str]) -> str:
    """Some names as a message lists them."""
    distinct = list(dict.fromkeys(names))
    return "|".join(map(repr, distinct[:4])) + ("|..." if len(distinct) > 4 else "")


def _at(step: Step) -> str:
    def told(x):
        parts = x if isinstance(x, dict) else {"": x}
        return ", ".join(f"{name}{': ' if name else ''}{vector(v)}" for name, v in parts.items())

    return f"{number(step.y)} at {told(step.x)} to {number(step.then_y)} at {told(step.then)}"


def _trend(trend: Trend) -> dict[str, Any]:
    def shown(step: Step | None):
        return None if step is None else {k: jsonable(v) for k, v in vars(step).items()}

    return {
        "output": trend.output, "input": trend.input, "direction": trend.direction,
        "rises": trend.rises, "falls": trend.falls,
        "fall": shown(trend.fall), "rise": shown(trend.rise),
    }  # fmt: skip
