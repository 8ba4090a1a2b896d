"""The answer of `outrange.minimize` and `outrange.maximize`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core import OutrangeError, Warrant
from .answer import Answer, Cost
from .range import STATUSES
from .render.diagrams import plot_line
from .render.document import GOOD, OPEN, Document, Paragraph, Table
from .render.style import CLAIM, PALE_SEEN, SEEN, TONES
from .render.text import bound, clipped_name, number, point
from .tables.help import what_helps


REASONS = STATUSES | {"infeasible": "no input satisfies the conditions"}


@dataclass(frozen=True, eq=False)
class Optimum(Answer):
    """Bracket of the smallest or largest value of a linear form: `lo <= optimal value <= hi`.

    One bound is proved, and the other is attained. For a minimum, `lo` is proved and `hi` is the
    value at `at`; for a maximum, the roles are swapped. If no input is admissible, both are
    infinite.

    Args:
        model: Name of the model.
        objective: The linear form, as text.
        sense: `"min"` for the smallest value of the form, `"max"` for the largest.
        lo: Lower bound on the optimal value.
        hi: Upper bound on the optimal value.
        at: The best known input, in the model's input shape (a dict by name for several inputs);
            None if no admissible input is known.
        y: Output of the real-valued network at `at`, in the output's shape (a dict by name for
            several outputs); None if `at` is None.
        model_y: Output of the user's model at `at` in float32, in the shape of `y`; None if the
            model could not be run.
        tol: Requested tolerance, relative to the range of values seen for the form.
        status: `"exact"`, `"infeasible"`, `"time"`, `"memory"`, `"interrupted"`,
            `"error"` or `"rounding"`.
        warrant: Evidence for the proved bound (see `Warrant`).
        cost: Time in seconds, and number of boxes.
        methods: Methods used, with references.
        seen: Smallest and largest value of the form at some inputs of the set, as computed by the
            model. They set the scale of a figure. None if the model was not run, or if the question
            has conditions.
        sources: Models analyzed, each with its hash.
        over: Input set analyzed; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.

    Raises:
        OutrangeError: The evidence contradicts the claim.
    """

    model: str
    objective: str
    sense: str
    lo: float
    hi: float
    at: np.ndarray | dict[str, np.ndarray] | None
    y: np.ndarray | dict[str, np.ndarray] | None
    model_y: np.ndarray | dict[str, np.ndarray] | None
    tol: float
    status: str
    warrant: Warrant
    cost: Cost
    methods: tuple[str, ...] = ()
    seen: tuple[float, float] | None = field(default=None, kw_only=True)

    FORMAT = "outrange.optimum"
    OMITTED = ("seen",)
    INDEX = ("form",)

    def __post_init__(self) -> None:
        if self.status not in REASONS or self.sense not in ("min", "max"):
            raise OutrangeError(
                f"`status` must be one of {list(REASONS)}, and `sense` must be 'min' or 'max'. "
                f"Received: status={self.status!r}, sense={self.sense!r}."
            )
        if not self.lo <= self.hi:
            raise OutrangeError(
                "The evidence contradicts the claim. This is a bug in outrange; please report it. "
                f"Received: lo={self.lo!r}, hi={self.hi!r}."
            )

    @property
    def value(self) -> float:
        """Best attained value of the linear form; infinite if no admissible input is known."""
        return self.hi if self.sense == "min" else self.lo

    @property
    def bound(self) -> float:
        """Proved bound on the optimal value (`lo` for a minimum, `hi` for a maximum)."""
        return self.lo if self.sense == "min" else self.hi

    @property
    def gap(self) -> float:
        """Width of the bracket of the optimal value; 0 if no input is admissible."""
        return 0.0 if self.status == "infeasible" else self.hi - self.lo

    @property
    def is_exact(self) -> bool:
        """Whether the optimal value is known to within `tol`."""
        return self.status == "exact"

    @property
    def reason(self) -> str:
        """Reason why the search stopped, as text."""
        return REASONS[self.status].format(tol=self.tol)

    def __repr__(self) -> str:
        if self.status == "infeasible":
            return f"Optimum({self._form}: {self.reason}, {self.warrant.name})"
        ends = f"[{bound(self.lo, -1)}, {bound(self.hi, 1)}]"
        ends = number(self.value) if self.is_exact else ends
        return f"Optimum({self._form} = {ends}, {self.reason}, {self.warrant.name})"

    @property
    def _form(self) -> str:
        return f"{self.sense} {clipped_name(self.objective, 60)}"

    def records(self) -> list[dict[str, Any]]:
        """Return a list of one dict with the bracket of the optimal value."""
        return [
            {
                "form": f"{self.sense} {self.objective}", "lo": self.lo, "hi": self.hi,
                "gap": self.gap, "status": self.status,
            }
        ]  # fmt: skip

    @property
    def sentence(self) -> str:
        """The answer as one plain sentence."""
        word = {"min": "least", "max": "largest"}[self.sense]
        if self.status == "infeasible":
            return "No input satisfies the conditions (proved)."
        if self.is_exact:
            return f"The {word} value is {number(self.value)} ({self.reason})."
        seen = "no value was seen"
        if self.at is not None:
            seen = f"the {word} value seen is {number(self.value)}"
        beyond = "below" if self.sense == "min" else "above"
        claim = f"no value is {beyond} {bound(self.bound, -1 if beyond == 'below' else 1)} (proved)"
        claim = claim if np.isfinite(self.bound) else "nothing is proved yet"
        return f"{seen[0].upper()}{seen[1:]}; {claim}."

    def document(self) -> Document:
        """Return a document with the bracket as a table of one row, and the best known input."""
        row = (f"{self.sense} {self.objective}", bound(self.lo, -1), bound(self.hi, 1))
        attained = "The search found no input that satisfies the conditions."
        if self.at is not None:
            best = "This value" if self.is_exact else "The best value seen"
            attained = (
                f"{best} is attained at {point(self.at, 'x')}, where the network returns "
                f"{point(self.y, 'y')}."
            )
        is_empty = self.status == "infeasible"
        lines = [self.sentence, *([] if is_empty else [attained, what_helps(self.status)])]
        return Document(
            f"Optimum of {self.model}",
            f"{self.reason}; {self.warrant.name}, {self.cost}.",
            (
                *([] if is_empty else [Table(("form", "at least", "at most"), [row])]),
                Paragraph("\n".join(lines).rstrip()),
            ),
            GOOD if self.status in ("exact", "infeasible") else OPEN,
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the proved bound and the best attained value on a number line.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        ends = (self.bound, np.inf) if self.sense == "min" else (-np.inf, self.bound)
        spans = [(*ends, "all values (proved)", CLAIM)] * bool(np.isfinite(self.bound))
        if self.seen is not None and np.isfinite(self.value):
            lo, hi = min(self.seen[0], self.value), max(self.seen[1], self.value)
            lo, hi = (
                max(lo, self.lo if self.sense == "min" else lo),
                min(hi, self.hi if self.sense == "max" else hi),
            )
            spans.append((lo, hi, "seen at some inputs", PALE_SEEN))
        marks = [(self.bound, "proved", TONES["good"]), (self.value, "attained", SEEN)]
        return plot_line(f"{self._form}: {self.sentence}", spans, marks, self._form, ax)
