"""The answer of `outrange.verify`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core import OutrangeError, Warrant
from .answer import Answer, Cost
from .render.diagrams import plot_counterexamples, plot_line
from .render.document import BAD, GOOD, OPEN, Block, Document, Fold, Paragraph
from .render.jsonable import field_dict
from .render.style import CLAIM, SEEN, TONES
from .render.text import clipped_name, entry_names, number, point
from .tables.help import ENDED_EARLY


HOLDS, VIOLATED, UNKNOWN = "HOLDS", "VIOLATED", "UNKNOWN"

SAT, UNSAT, TIMEOUT = "sat", "unsat", "timeout"
"""Words of VNN-COMP for verdicts; the fourth word is `unknown`."""

REASONS = {
    "decided": "decided",
    "time": ENDED_EARLY,
    "memory": "memory ran out",
    "interrupted": "interrupted",
    "error": "an internal error ended part of the search; please report it",
    "rounding": "the proved bound misses the property by no more than the float64 rounding error",
    "splits": "further splits of the initial set do not decide the specification",
    "forever": "the search found no set of states that the loop never leaves",
    "integers": "the proof covers the values between integers, where the output may change in the "
    "other direction",
    "float32": "float32 rounding may exceed the margin of the result in real arithmetic",
}
"""Reasons why a search stopped."""

MOST_NUMBERS = 64
"""Maximum number of inputs and outputs of a counterexample that is shown in full."""

MOST_TWICE = 8
"""Maximum number of inputs, and of outputs, of a counterexample that is shown once, with all
digits. A larger one is shown abridged, followed by all digits in a fold."""

LONGEST_CLAIM = 80
"""Maximum number of characters of a claim in `repr` and titles; a longer claim is abridged."""

REPAIR = (
    "To repair the model, call `outrange.repair` (on the command line `outrange repair`): it can "
    "change a copy so that a linear property is proved."
)
"""Sentence at the end of the text of a violated property of a Keras model."""

TONE = {HOLDS: GOOD, VIOLATED: BAD, UNKNOWN: OPEN}


@dataclass(frozen=True, eq=False)
class Counterexample:
    """An input that violates a property.

    Args:
        x: The input in float64, in the model's input shape (a dict by name for several inputs).
        y: Output of the real-valued network at `x`, in the output's shape: the midpoint of a proved
            enclosure.
        model_y: Output of the user's model at `x` in float32, in the same shape; None if the model
            could not be run.
        reproduced: Whether the model's own output violates the property too; None if the model was
            not run.
        flat_x: All inputs, of shape `(inputs,)`.
        flat_y: All outputs, of shape `(outputs,)`: those of the user's model if it was run,
            otherwise those of the real-valued network.
    """

    x: np.ndarray | dict[str, np.ndarray]
    y: np.ndarray | dict[str, np.ndarray]
    model_y: np.ndarray | dict[str, np.ndarray] | None
    reproduced: bool | None
    flat_x: np.ndarray
    flat_y: np.ndarray

    def as_dict(self) -> dict[str, Any]:
        """Return all fields except the flat copies as JSON values."""
        return field_dict(self, without=("flat_x", "flat_y"))

    @property
    def names(self) -> list[str]:
        """Names of the entries of `flat_x`."""
        parts = self.x if isinstance(self.x, dict) else {"x": self.x}
        return entry_names({name: np.shape(part) for name, part in parts.items()})

    def row(self) -> dict[str, Any]:
        """Return the counterexample as one row of a table, a dict from column to value.

        Returns:
            Every input and every output by name, and whether the model breaks the property too.
        """
        y = self.y if isinstance(self.y, dict) else {"y": self.y}
        outputs = entry_names({name: np.shape(part) for name, part in y.items()})
        values = [float(v) for part in y.values() for v in np.ravel(part)]
        inputs = dict(zip(self.names, map(float, self.flat_x), strict=True))
        return inputs | dict(zip(outputs, values, strict=True)) | {"reproduced": self.reproduced}

    def __repr__(self) -> str:
        runs = {None: "the model was not run", True: "reproduced", False: "rounding decides it"}
        where = f"{point(self.x, 'x', 4)}, {point(self.y, 'y', 4)}"
        return f"Counterexample({where}, {runs[self.reproduced]})"

    @property
    def digits(self) -> str:
        """Inputs and outputs in full precision, or a reference to them if there are too many."""
        if self.flat_x.size + self.flat_y.size > MOST_NUMBERS:
            return "The counterexample in full: counterexample.x, as_dict(), or --format json."
        shown = {"x": self.x, "y, in real arithmetic": self.y}
        if self.model_y is not None:
            shown["y, as the model returned it"] = self.model_y
        return "\n".join(
            f"{label}{f' ({name})' if name else ''}: {np.asarray(part).tolist()}"
            for label, values in shown.items()
            for name, part in (values if isinstance(values, dict) else {"": values}).items()
        )


class Decided:
    """Base class of answers with a status, a counterexample or None, and a proved margin."""

    status: str
    counterexample: Any
    margin: float

    def __post_init__(self) -> None:
        if (self.status == VIOLATED) != (self.counterexample is not None):
            raise OutrangeError(
                "A counterexample must be present if and only if the status is `VIOLATED`. This "
                "error is a bug in outrange; please report it. "
                f"Received: {self.status}, {self.counterexample}."
            )
        if self.status == HOLDS and not self.margin >= 0:
            raise OutrangeError(
                "A verdict with the status `HOLDS` must have a margin of at least 0. This error is "
                f"a bug in outrange; please report it. Received: margin={self.margin!r}."
            )

    @property
    def holds(self) -> bool | None:
        """True if proved, False if violated, None if unknown or if there is no property."""
        return {HOLDS: True, VIOLATED: False}.get(self.status)

    def __bool__(self) -> bool:
        return self.status == HOLDS


@dataclass(frozen=True, eq=False)
class Verdict(Decided, Answer):
    """Verdict on whether a property holds for every input of a set, with its evidence.

    `HOLDS` is a proof about the real-valued network with the stored weights. `VIOLATED` comes with
    an input that breaks the property in real arithmetic, and the model's own output there. With
    `UNKNOWN`, the answer states the proved margin and the smallest distance among the inputs tried.
    In a condition (`if verdict:`) a verdict is true only if the property is proved.

    Args:
        model: Name of the model.
        claim: The property, as text.
        status: `"HOLDS"`, `"VIOLATED"` or `"UNKNOWN"`.
        counterexample: An input that breaks the property, with `VIOLATED`; otherwise None.
        margin: Proved lower bound on the distance of every input from breaking the property, in the
            units of its inequalities, or of the logits if the proof compares logits instead.
            Negative if undecided.
        nearest: Smallest distance among the inputs tried, negative if broken; None if unknown.
        reason: Reason why the search stopped: `"decided"`, `"time"`, `"memory"`, `"interrupted"`,
            `"error"`, `"rounding"` or `"float32"` (decided in real arithmetic by less than the
            float32 rounding error).
        vacuous: Whether no input satisfies the property's assumptions.
        warrant: Evidence for the verdict (see `Warrant`).
        cost: Time in seconds, and number of boxes.
        methods: Methods used, with references.
        remedies: If the search ended early: sentences about smaller sets on which the property
            holds.
        arithmetic: `"real"`, or `"float32"`: then `HOLDS` is a proof about every float32 run with
            sums in any order, and `VIOLATED` was reproduced in float32 by the model itself.
        in_real: With `"float32"`: the status in real arithmetic if it differs; otherwise empty.
        sources: Models analyzed, each with its hash.
        over: Input set analyzed; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.

    Raises:
        OutrangeError: Verdict and evidence contradict each other.
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
        """The verdict as one plain sentence."""
        if self.status == HOLDS:
            if self.vacuous:
                return "The property holds trivially: no input satisfies its assumptions."
            how = ", in float32 with sums in any order" * (self.arithmetic == "float32")
            return f"The property holds for every input of the set{how}."
        if self.counterexample is not None:
            real = f" In real arithmetic: {self.in_real}." * (self.in_real not in ("", VIOLATED))
            at = point(self.counterexample.x, "x")
            return f"The property is broken at {at}{self._float32_note()}.{real}"
        near = ""
        if self.nearest is not None and self.nearest > 0:
            near = f"; the nearest input tried is {number(self.nearest)} away from a violation"
        elif self.nearest is not None:
            near = "; one input tried may violate the property, but only within rounding error"
        if np.isfinite(self.margin):
            margin = number(self.margin)
            near += f"; the proved margin is {margin}, but the property needs at least 0"
        real = f"; in real arithmetic: {self.in_real}" * bool(self.in_real)
        return f"Unknown: {REASONS[self.reason]}{near}{real}.{self._advice()}"

    def _float32_note(self) -> str:
        example = self.counterexample
        if example is None or example.reproduced is None:
            return " (the model itself was not run)"
        if example.reproduced:
            return f", where the model returns {point(example.model_y)}"
        return (
            f" in real arithmetic; in float32, the model returns {point(example.model_y)}, because "
            "rounding reverses the result"
        )

    def _advice(self) -> str:
        if self.remedies:
            return f" More time may decide the property. Tried: {' '.join(self.remedies)}"
        if self.reason in ("time", "memory"):
            return f" More {self.reason} or a smaller input set may decide the property."
        if self.reason == "rounding":
            return " To get a verdict, loosen or tighten the property slightly."
        return ""

    def __repr__(self) -> str:
        reason = f", reason={self.reason!r}" if self.status == UNKNOWN else ""
        return f"Verdict({self.status}, {clipped_name(self.claim, LONGEST_CLAIM)!r}{reason})"

    def records(self) -> list[dict[str, Any]]:
        """Return a list of one dict: verdict, margins, and the entries of any counterexample."""
        fields = {
            "claim": self.claim, "status": self.status, "margin": self.margin,
            "nearest": self.nearest, "reason": self.reason, "vacuous": self.vacuous,
        }  # fmt: skip
        return [fields | ({} if self.counterexample is None else self.counterexample.row())]

    @property
    def standing(self) -> str:
        """The warrant and the cost of the verdict, as text."""
        return f"{self.warrant.name}, {self.cost}."

    def document(self) -> Document:
        """Return a document with the verdict as a sentence, and any counterexample in full."""
        standing = Paragraph(f"{self.standing} Model: {self.model}.")
        further = [Paragraph(REPAIR)] if self.status == VIOLATED and self._is_keras_file else []
        blocks = (*self.verdict_blocks, standing, *further)
        return Document(self.status, self.claim, blocks, TONE[self.status])

    @property
    def _is_keras_file(self) -> bool:
        """Whether the only model is a Keras file or a model in memory."""
        suffixes = (".keras", ".h5", ".hdf5")
        return len(self.sources) == 1 and (
            self.sources[0].name.lower().endswith(suffixes) or self.sources[0].of == "weights"
        )

    @property
    def verdict_blocks(self) -> list[Block]:
        """Blocks with the verdict as a sentence, and any counterexample with all its digits."""
        example = self.counterexample
        if example is None:
            return [Paragraph(self.sentence)]
        if max(example.flat_x.size, example.flat_y.size) <= MOST_TWICE:
            lead = f"The property is broken by an input of the set{_run_remark(example)}"
            return [Paragraph(f"{lead}\n{example.digits}")]
        digits = Paragraph(example.digits)
        return [Paragraph(self.sentence), Fold("The counterexample with all digits", [digits])]

    def plot(self, ax: Any = None) -> Any:
        """Draw the counterexample relative to the box; without one, draw the margins.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        claim, example = clipped_name(self.claim, LONGEST_CLAIM), self.counterexample
        if example is not None:
            title = f"`{claim}` is broken by an input of the set ({self.warrant.name})"
            return plot_counterexamples(title, example.names, [example], self.box, ax)
        title = f"`{claim}` holds for every input of the set: no input has a negative margin"
        if self.status == UNKNOWN:
            title = f"`{claim}` is not decided: {REASONS[self.reason]}"
        elif self.vacuous:
            title = f"`{claim}` holds trivially: no input satisfies its assumptions"
        marks = [(0.0, "broken below", TONES["bad"]), (self.margin, "proved", TONES["good"])]
        if self.nearest is not None:
            marks.append((self.nearest, "nearest input tried", SEEN))
        bounded = np.isfinite(self.margin)
        spans = [(self.margin, np.inf, "margins of all inputs (proved)", CLAIM)] if bounded else []
        return plot_line(title, spans, marks, "distance from breaking the property", ax)


def _run_remark(example: Counterexample) -> str:
    """Return a clause on whether the model itself breaks the property at the counterexample too."""
    if example.reproduced is None:
        return " (the model itself was not run):"
    if example.reproduced:
        return "; the outputs of the model itself break it, too:"
    return " in real arithmetic; in the model itself, float32 rounding reverses the result:"


def competition_word(verdict: Verdict) -> str:
    """Return the word of VNN-COMP for a verdict: `sat`, `unsat`, `timeout` or `unknown`.

    `sat` means that a counterexample exists, and `unsat` that none exists.
    """
    if verdict.holds is not None:
        return UNSAT if verdict.holds else SAT
    return TIMEOUT if verdict.reason == "time" else "unknown"


def plain_word(verdict: Verdict) -> str:
    """Return a plain word for a verdict: `holds`, `violated`, `timeout` or `unknown`."""
    return {UNSAT: "holds", SAT: "violated"}.get(word := competition_word(verdict), word)


def witness_of(verdict: Verdict) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the flat input and output of the counterexample; None if there is none.

    The output is what the model itself returned, or the real-valued output if the former is not
    finite. The input consists of the float32 numbers on which the model was run, if the set
    contains these.
    """
    example = verdict.counterexample
    if example is None:
        return None
    if np.isfinite(example.flat_y).all():
        return example.flat_x, example.flat_y
    parts = example.y.values() if isinstance(example.y, dict) else [example.y]
    return example.flat_x, np.concatenate([np.ravel(part) for part in parts])
