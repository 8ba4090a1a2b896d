"""The answer of `outrange.verify`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import OutrangeError, Warrant
from .answer import Answer, Cost
from .render.document import Document, Paragraph
from .render.jsonable import field_dict
from .render.text import number, point


HOLDS, VIOLATED, UNKNOWN = "HOLDS", "VIOLATED", "UNKNOWN"

REASONS = {
    "decided": "decided",
    "time": "time ran out",
    "interrupted": "interrupted",
    "rounding": "only float64 rounding is left between the bound and the property",
}
"""Why a search stopped, in words."""

MOST_NUMBERS = 64
"""A counterexample of more entries is not shown in full."""


@dataclass(frozen=True, eq=False)
class Counterexample:
    """An input that violates a property.

    Args:
        x: The input, float64, in the input's own shape (a dict by name for several inputs).
        y: The output of the real-valued network there, rounded to nearest, in the output's shape.
        model_y: The output of the user's model there in float32, in the same shape; None where the
            model could not be run.
        reproduced: Whether the model's own output violates the property too; None if not run.
        flat_x: All inputs, of shape `(inputs,)`.
        flat_y: All outputs, of shape `(outputs,)`: the model's own, or the real ones without one.
    """

    x: np.ndarray | dict[str, np.ndarray]
    y: np.ndarray | dict[str, np.ndarray]
    model_y: np.ndarray | dict[str, np.ndarray] | None
    reproduced: bool | None
    flat_x: np.ndarray
    flat_y: np.ndarray

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON, but the flat copies."""
        return field_dict(self, without=("flat_x", "flat_y"))

    @property
    def digits(self) -> str:
        """A line an array, every number in the digits that give it back."""
        if self.flat_x.size + self.flat_y.size > MOST_NUMBERS:
            return "The counterexample in full: as_dict(), or --json."
        shown = {"x": self.x, "y, in real arithmetic": self.y}
        if self.model_y is not None:
            shown["y, as the model returned it"] = self.model_y
        return "\n".join(
            f"{label}{f' ({name})' if name else ''}: {np.asarray(part).tolist()}"
            for label, values in shown.items()
            for name, part in (values if isinstance(values, dict) else {"": values}).items()
        )


@dataclass(frozen=True, eq=False)
class Verdict(Answer):
    """Whether a property holds for every input of a set.

    `HOLDS` is a proof about the real-valued network with the stored weights. `VIOLATED` comes with
    an input that breaks the property in real arithmetic, and was run on the model. `UNKNOWN` says
    how far both sides came. A verdict counts as true only where the property is proved.

    Args:
        model: The model's name.
        claim: The property, as asked.
        status: `"HOLDS"`, `"VIOLATED"` or `"UNKNOWN"`.
        counterexample: With `VIOLATED`.
        margin: Proved: every input keeps at least this distance from breaking the property, in
            the unit of its inequalities. Negative where that is not known.
        nearest: The distance at the input that came nearest; negative means broken. None if no
            input was tried.
        reason: `"decided"`, `"time"`, `"interrupted"` or `"rounding"`.
        vacuous: Whether no input at all satisfies the property's assumptions.
        warrant: What stands behind the verdict.
        cost: Seconds and boxes.
        methods: The methods that were used, with references.

    Raises:
        OutrangeError: Verdict and evidence do not fit.
    """

    model: str
    claim: str
    status: str
    counterexample: Counterexample | None
    margin: float
    nearest: float | None
    reason: str
    vacuous: bool
    warrant: Warrant
    cost: Cost
    methods: tuple[str, ...] = ()

    FORMAT = "outrange.verdict"

    def __post_init__(self) -> None:
        if (self.status == VIOLATED) != (self.counterexample is not None):
            raise OutrangeError(
                "`VIOLATED` needs a counterexample, and only it. "
                f"Received: {self.status}, {self.counterexample}."
            )
        if self.status == HOLDS and not self.margin >= 0:
            raise OutrangeError(
                f"`HOLDS` needs a bound that proves it. Received: margin={self.margin!r}."
            )

    @property
    def holds(self) -> bool | None:
        """True, False, or None if unknown."""
        return {HOLDS: True, VIOLATED: False}.get(self.status)

    def __bool__(self) -> bool:
        return self.status == HOLDS

    @property
    def sentence(self) -> str:
        """The verdict in one plain sentence."""
        if self.status == HOLDS:
            if self.vacuous:
                return "It holds, but for want of inputs: none satisfies its assumptions."
            return "It holds for every input of the set."
        if self.counterexample is not None:
            return f"It is broken at {point(self.counterexample.x, 'x')}{self._float32_note()}."
        near = ""
        if self.nearest is not None and self.nearest > 0:
            near = f"; the nearest input tried stays {number(self.nearest)} away from breaking it"
        elif self.nearest is not None:
            near = "; an input tried meets or breaks it, but by no more than rounding can explain"
        if np.isfinite(self.margin):
            near += f", and {number(self.margin)} is proved (0 would do)"
        return f"Unknown: {REASONS[self.reason]}{near}.{self._advice()}"

    def _float32_note(self) -> str:
        found = self.counterexample
        if found is None or found.reproduced is None:
            return " (the model itself was not run)"
        if found.reproduced:
            return f", where the model returns {point(found.model_y)}"
        return (
            f" in real arithmetic; the model's float32 returns {point(found.model_y)}, where "
            "rounding decides it the other way"
        )

    def _advice(self) -> str:
        if self.reason == "time":
            return " More time, or a smaller input set, may decide it."
        if self.reason == "rounding":
            return " Loosen or tighten the property by a hair to decide it."
        return ""

    def __repr__(self) -> str:
        return f"Verdict({self.status}, {self.claim!r})"

    @property
    def standing(self) -> str:
        """What stands behind the verdict, and what it cost."""
        return f"{self.warrant.name}, {self.cost}."

    def document(self) -> Document:
        """The verdict in a sentence, and a counterexample in all its digits."""
        found = self.counterexample
        lines = [self.sentence, *([] if found is None else [found.digits])]
        lines.append(f"{self.standing} Model: {self.model}.")
        return Document(self.status, self.claim, (Paragraph("\n".join(lines)),))
