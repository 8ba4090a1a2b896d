"""The answer of `outrange.verify`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core import OutrangeError, Warrant
from .answer import Answer, Cost
from .render.diagrams import plot_found, plot_line
from .render.document import BAD, GOOD, OPEN, Block, Document, Fold, Paragraph
from .render.jsonable import field_dict
from .render.style import CLAIM, SEEN, TONES
from .render.text import clipped_name, entry_names, number, point


HOLDS, VIOLATED, UNKNOWN = "HOLDS", "VIOLATED", "UNKNOWN"

REASONS = {
    "decided": "decided",
    "time": "time ran out",
    "memory": "memory ran out",
    "interrupted": "interrupted",
    "error": "an internal error ended a part of the search, please report it",
    "rounding": "only float64 rounding is left between the bound and the property",
    "splits": "splits of the initial set decide no more of it",
    "forever": "no set of states was found that the loop never leaves",
    "float32": "decided in real arithmetic, by less than float32 may round",
}
"""Why a search stopped, in words."""

MOST_NUMBERS = 64
"""A counterexample of more entries is not shown in full."""

MOST_TWICE = 8
"""Up to so many inputs and outputs a sentence would show in full what the digits show again."""

LONGEST_CLAIM = 80
"""Characters of a claim in `repr` and in titles; of a longer one the middle is left out."""

TONE = {HOLDS: GOOD, VIOLATED: BAD, UNKNOWN: OPEN}


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
    def names(self) -> list[str]:
        """What each entry of `flat_x` is called."""
        parts = self.x if isinstance(self.x, dict) else {"x": self.x}
        return entry_names({name: np.shape(part) for name, part in parts.items()})

    def row(self) -> dict[str, Any]:
        """Summarize it in plain numbers.

        Returns:
            Every input and every output by name, and whether the model breaks the property too.
        """
        y = self.y if isinstance(self.y, dict) else {"y": self.y}
        outputs = entry_names({name: np.shape(part) for name, part in y.items()})
        values = [float(v) for part in y.values() for v in np.ravel(part)]
        found = dict(zip(self.names, map(float, self.flat_x), strict=True))
        return found | dict(zip(outputs, values, strict=True)) | {"reproduced": self.reproduced}

    def __repr__(self) -> str:
        told = {None: "the model was not run", True: "reproduced", False: "rounding decides it"}
        where = f"{point(self.x, 'x', 4)}, {point(self.y, 'y', 4)}"
        return f"Counterexample({where}, {told[self.reproduced]})"

    @property
    def digits(self) -> str:
        """A line an array, every number in the digits that give it back."""
        if self.flat_x.size + self.flat_y.size > MOST_NUMBERS:
            return "The counterexample in full: counterexample.x, as_dict(), or --json."
        shown = {"x": self.x, "y, in real arithmetic": self.y}
        if self.model_y is not None:
            shown["y, as the model returned it"] = self.model_y
        return "\n".join(
            f"{label}{f' ({name})' if name else ''}: {np.asarray(part).tolist()}"
            for label, values in shown.items()
            for name, part in (values if isinstance(values, dict) else {"": values}).items()
        )


class Decided:
    """What proofs and counterexamples have in common: a record holds one of them, or neither."""

    status: str
    counterexample: Any
    margin: float

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
        """True, False, or None if it is not known, or nothing was asked."""
        return {HOLDS: True, VIOLATED: False}.get(self.status)

    def __bool__(self) -> bool:
        return self.status == HOLDS


@dataclass(frozen=True, eq=False)
class Verdict(Decided, Answer):
    """Whether a property holds for every input of a set.

    `HOLDS` is a proof about the real-valued network with the stored weights. `VIOLATED` comes with
    an input that breaks the property in real arithmetic, and was run on the model. `UNKNOWN` says
    how far both sides came. A verdict counts as true only where the property is proved.

    Args:
        model: The model's name.
        claim: The property, as asked.
        status: `"HOLDS"`, `"VIOLATED"` or `"UNKNOWN"`.
        counterexample: With `VIOLATED`.
        margin: Proved distance of every input from breaking the property, in the unit of its
            inequalities, or of the logits where these decide. Negative where that is not known.
        nearest: The distance at the input that came nearest, negative if broken; None: not known.
        reason: `"decided"`, `"time"`, `"memory"`, `"interrupted"`, `"error"`, `"rounding"` or
            `"float32"` (decided in real arithmetic by less than float32 may round).
        vacuous: Whether no input at all satisfies the property's assumptions.
        warrant: What stands behind the verdict.
        cost: Seconds and boxes.
        methods: The methods that were used, with references.
        remedies: Where time ran out: on what smaller sets it was tried and holds, in sentences.
        arithmetic: `"real"`, or `"float32"`: then `HOLDS` is a proof about every float32 run, its
            sums in any order, and `VIOLATED` was reproduced in float32 by the model itself.
        in_real: With `"float32"`: the verdict in real arithmetic, where it is another one.
        sources: The models it is about, each with its hash.
        over: The input set it is about; None if that is not known.
        provenance: What was asked, of which release; None where it was not recorded.
        certificate: Where one was asked for: which file holds it, or why there is none.
        late: By how much a time limit was exceeded, or which effort ended the search.

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
    remedies: tuple[str, ...] = field(default=(), kw_only=True)
    arithmetic: str = field(default="real", kw_only=True)
    in_real: str = field(default="", kw_only=True)

    FORMAT = "outrange.verdict"
    INDEX = ("claim",)

    @property
    def sentence(self) -> str:
        """The verdict in one plain sentence."""
        if self.status == HOLDS:
            if self.vacuous:
                return "It holds, but for want of inputs: none satisfies its assumptions."
            how = ", in float32 in any order of its sums" * (self.arithmetic == "float32")
            return f"It holds for every input of the set{how}."
        if self.counterexample is not None:
            real = f" In real arithmetic: {self.in_real}." * (self.in_real not in ("", VIOLATED))
            at = point(self.counterexample.x, "x")
            return f"It is broken at {at}{self._float32_note()}.{real}"
        near = ""
        if self.nearest is not None and self.nearest > 0:
            near = f"; the nearest input tried stays {number(self.nearest)} away from breaking it"
        elif self.nearest is not None:
            near = "; an input tried meets or breaks it, but by no more than rounding can explain"
        if np.isfinite(self.margin):
            margin = number(self.margin)
            near += f"; a margin of {margin} is proved, and the property needs 0 or more"
        real = f"; in real arithmetic: {self.in_real}" * bool(self.in_real)
        return f"Unknown: {REASONS[self.reason]}{near}{real}.{self._advice()}"

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
        if self.remedies:
            return f" More time may decide it. Tried: {' '.join(self.remedies)}"
        if self.reason in ("time", "memory"):
            return f" More {self.reason}, or a smaller input set, may decide it."
        if self.reason == "rounding":
            return " Loosen or tighten the property by a hair to decide it."
        return ""

    def __repr__(self) -> str:
        return f"Verdict({self.status}, {clipped_name(self.claim, LONGEST_CLAIM)!r})"

    def records(self) -> list[dict[str, Any]]:
        """One dict: the verdict, its margins, and a counterexample by the names of its entries."""
        told = {
            "claim": self.claim, "status": self.status, "margin": self.margin,
            "nearest": self.nearest, "reason": self.reason, "vacuous": self.vacuous,
        }  # fmt: skip
        return [told | ({} if self.counterexample is None else self.counterexample.row())]

    @property
    def standing(self) -> str:
        """What stands behind the verdict, and what it cost."""
        return f"{self.warrant.name}, {self.cost}."

    def document(self) -> Document:
        """The verdict in a sentence, and a counterexample in all its digits."""
        standing = Paragraph(f"{self.standing} Model: {self.model}.")
        return Document(self.status, self.claim, (*self.told, standing), TONE[self.status])

    @property
    def told(self) -> list[Block]:
        """The sentence, and a counterexample in all its digits: a short one in them alone."""
        found = self.counterexample
        if found is None:
            return [Paragraph(self.sentence)]
        if max(found.flat_x.size, found.flat_y.size) <= MOST_TWICE:
            return [Paragraph(f"It is broken by an input of the set{_run(found)}\n{found.digits}")]
        digits = Paragraph(found.digits)
        return [Paragraph(self.sentence), Fold("The counterexample in all its digits", [digits])]

    def plot(self, ax: Any = None) -> Any:
        """Draw the counterexample against the box, input by input; or the margins. By matplotlib.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        claim, found = clipped_name(self.claim, LONGEST_CLAIM), self.counterexample
        if found is not None:
            title = f"`{claim}` is broken by an input of the set ({self.warrant.name})"
            return plot_found(title, found.names, [found], self.box, ax)
        title = f"`{claim}` holds for every input of the set: no distance below 0 is possible"
        if self.status == UNKNOWN:
            title = f"`{claim}` is not decided: {REASONS[self.reason]}"
        elif self.vacuous:
            title = f"`{claim}` holds for want of inputs: none satisfies its assumptions"
        marks = [(0.0, "broken below", TONES["bad"]), (self.margin, "proved", TONES["good"])]
        if self.nearest is not None:
            marks.append((self.nearest, "nearest input tried", SEEN))
        bounded = np.isfinite(self.margin)
        spans = [(self.margin, np.inf, "every input is here (proved)", CLAIM)] if bounded else []
        return plot_line(title, spans, marks, "distance from breaking the property", ax)


def _run(found: Counterexample) -> str:
    """What the model itself did with a counterexample, the end of a sentence."""
    if found.reproduced is None:
        return " (the model itself was not run):"
    if found.reproduced:
        return "; the model itself breaks it there, too:"
    return " in real arithmetic; in the model's float32 rounding decides it the other way:"
