"""The answer of `outrange.robust_accuracy` for several radii."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import OutrangeError
from ..answer import Answer
from ..render.diagrams import plot_curve
from ..render.document import OPEN, Bar, Document, Table
from ..render.text import number, share, size
from ..robust_accuracy import BROKEN, ROBUST, UNDECIDED, WRONG, RobustAccuracy


@dataclass(frozen=True, eq=False)
class RobustnessCurve(Answer):
    """Robust accuracy on one data set at several radii, in ascending order.

    An input proved robust at one radius is robust at every smaller radius, and an adversarial input
    at one radius is adversarial at every larger radius. The answers for the other
    radii reuse these results.

    Args:
        answers: One `RobustAccuracy` per radius; all have the same model, data, norm and limits.
        sources: Models analyzed, each with its hash.
        over: Input set analyzed; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note saying by how much the time limit was exceeded, and in which phase; empty if
            it was not exceeded.

    Raises:
        OutrangeError: There is no radius, or the radii are not ascending.
    """

    answers: tuple[RobustAccuracy, ...]

    FORMAT = "outrange.robustness_curve"
    INDEX = ("eps",)
    DERIVED = ("radii", "lo", "hi", "accuracy")
    OMITTED = ("answers",)

    def __post_init__(self) -> None:
        if not self.answers or (np.diff(self.radii) <= 0).any():
            raise OutrangeError(
                "A robustness curve must have at least one radius, and its radii must ascend. "
                f"Received: radii {self.radii.tolist()}."
            )

    def __len__(self) -> int:
        return len(self.answers)

    def __iter__(self) -> Iterator[RobustAccuracy]:
        return iter(self.answers)

    def __getitem__(self, index: int) -> RobustAccuracy:
        """Return the robust accuracy at one radius.

        Args:
            index: Index of the radius, from 0.
        """
        return self.answers[index]

    @property
    def radii(self) -> np.ndarray:
        """Radii of the perturbations, `(k,)`."""
        return np.array([answer.eps for answer in self.answers])

    @property
    def lo(self) -> np.ndarray:
        """`(k,)`, fraction of inputs proved to stay correctly classified at each radius."""
        return np.array([answer.lo for answer in self.answers])

    @property
    def hi(self) -> np.ndarray:
        """`(k,)`, fraction of inputs neither misclassified nor broken by an attack, per radius."""
        return np.array([answer.hi for answer in self.answers])

    @property
    def accuracy(self) -> float:
        """Accuracy without perturbations on the inputs reached; NaN if none was reached."""
        return self.answers[0].accuracy

    @property
    def complete(self) -> bool:
        """Whether the search reached every input at every radius."""
        return all(answer.complete for answer in self.answers)

    def as_dict(self) -> dict[str, Any]:
        """Return all fields except the inputs as JSON values; `answers` has one dict per radius."""
        return super().as_dict() | {"answers": [answer.as_dict() for answer in self.answers]}

    def __repr__(self) -> str:
        first, last = map(_ends, (self[0], self[-1]))
        many = f"{len(self):,} radii" if len(self) > 1 else "1 radius"
        return (
            f"RobustnessCurve({many}: {first} at {self[0].unit} {number(self[0].eps)}, "
            f"{last} at {number(self[-1].eps)}, {len(self[0].labels):,} inputs)"
        )

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per radius: both bounds, number of inputs per status, and seconds."""
        return [
            {"eps": a.eps, "lo": a.lo, "hi": a.hi, **a.count, "seconds": _seconds(a)}
            for a in self.answers
        ]

    def document(self) -> Document:
        """Return a document with a table that has one row per radius."""
        total = len(self[0].labels)
        rows = [
            (
                a.eps, share(a.count[ROBUST], total), share(round(a.hi * total), total),
                Bar(a.lo, a.hi, 0.0, a.lo), *(a.count[s] for s in (ROBUST, UNDECIDED, BROKEN)),
                size(_seconds(a)),
            )
            for a in self.answers
        ]  # fmt: skip
        head = (
            "radius",
            "proved",
            "attacks leave",
            "proved to attacked",
            "robust",
            "open",
            "broken",
            "time",
        )
        first = self[0]
        right = "" if np.isnan(self.accuracy) else f" Without a perturbation: {self._plain}."
        lead = f"{total:,} inputs, {first.unit}; {min(a.warrant for a in self).name}.{right}"
        missing = sum(int((a.status == "").sum()) for a in self.answers)
        if missing:
            lead += f" For {missing:,} pairs of an input and a radius, no search was started."
        tone = OPEN if missing or any(a.count[UNDECIDED] for a in self.answers) else ""
        title = f"Robust accuracy of {first.model}"
        return Document(title, lead, (Table(head, rows, "rrrlr"),), tone)

    @property
    def _plain(self) -> str:
        reached = int((self[0].status != "").sum())
        return f"{share(reached - self[0].count[WRONG], reached)} right"

    def plot(self, ax: Any = None) -> Any:
        """Draw the proved and the attacked accuracy (`lo` and `hi`) over the radius.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        title = (
            f"Share of {len(self[0].labels):,} inputs that remain correctly classified under the "
            "worst perturbation"
        )
        label = f"radius ({self[0].unit})"
        return plot_curve(title, self.radii, (self.lo, self.hi), self.accuracy, label, ax)


def _seconds(answer: RobustAccuracy) -> float:
    return float(np.nansum(answer.seconds))


def _ends(answer: RobustAccuracy) -> str:
    lo, hi = number(answer.lo), number(answer.hi)
    return lo if lo == hi else f"{lo} to {hi}"
