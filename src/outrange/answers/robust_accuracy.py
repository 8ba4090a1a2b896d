"""The answer of `outrange.robust_accuracy`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import OutrangeError, Warrant
from .answer import Answer
from .render.diagrams import plot_strips
from .render.document import BAD, GOOD, OPEN, Document, Paragraph, Table, Word
from .render.images import Triple, is_picture
from .render.jsonable import jsonable
from .render.plot import plot_images
from .render.style import TONES
from .render.text import number, share, size
from .verdict import Counterexample


WRONG, ROBUST, BROKEN, UNDECIDED = "wrong", "robust", "broken", "open"

MEANING = {
    WRONG: "misclassified as it is",
    ROBUST: "proved right everywhere in the ball",
    BROKEN: "an adversarial input is known",
    UNDECIDED: "neither was decided in time",
}

TONE = {WRONG: BAD, ROBUST: GOOD, BROKEN: BAD, UNDECIDED: OPEN}

ORDER = (ROBUST, UNDECIDED, BROKEN, WRONG)
"""In which the shares are drawn."""

COLORS = {WRONG: "#8a8a8a", ROBUST: TONES["good"], BROKEN: TONES["bad"], UNDECIDED: "#d4a72c"}


@dataclass(frozen=True, eq=False)
class RobustAccuracy(Answer):
    """Per input of a data set, whether the model is right everywhere around it.

    The accuracy under the worst change of at most `eps` lies in `[lo, hi]`: `lo` counts proofs,
    `hi` leaves out what was broken or wrong.

    Args:
        model: The model's name.
        eps: The radius.
        norm: `"inf"`, `"1"` or `"2"`.
        clip: Limits of every input entry, or None.
        x: `(n, ...)` the inputs (a dict by name for several).
        labels: `(n,)`.
        status: `(n,)`: `"wrong"`, `"robust"`, `"broken"`, `"open"`, or `""` for inputs not reached.
        seconds: Seconds spent on each, `(n,)`; NaN for those not reached.
        adversarial: Index to the counterexample, of those with status `"broken"`.
        complete: Whether every input was reached.
        warrant: What stands behind the proofs.
        methods: The methods that were used, with references.
        threshold: Of a model with one number: class 1 lies above it. None where the largest of
            several outputs decides.
        reading: The same in a sentence.
        scale: `(inputs,)` how far each input moves at a radius of 1; None for 1.
        sources: The models it is about, each with its hash.
        over: The input set it is about; None if that is not known.
        provenance: What was asked, of which release; None where it was not recorded.
        certificate: Where one was asked for: which file holds it, or why there is none.
        late: By how much a time limit was exceeded, or which effort ended the search.

    Raises:
        OutrangeError: Status and evidence do not fit.
    """

    model: str
    eps: float
    norm: str
    clip: tuple[float, float] | None
    x: np.ndarray | dict[str, np.ndarray]
    labels: np.ndarray
    status: np.ndarray
    seconds: np.ndarray
    adversarial: dict[int, Counterexample]
    complete: bool
    warrant: Warrant
    methods: tuple[str, ...] = ()
    threshold: float | None = None
    reading: str = ""
    scale: np.ndarray | None = None

    FORMAT = "outrange.robust_accuracy"
    DERIVED = ("accuracy", "lo", "hi")
    OMITTED = ("x",)
    INDEX = ("input",)

    def __post_init__(self) -> None:
        broken = set(np.flatnonzero(self.status == BROKEN).tolist())
        if broken != set(self.adversarial):
            raise OutrangeError(
                "Every broken input needs its counterexample, and only these. "
                f"Received: {sorted(broken ^ set(self.adversarial))[:5]}."
            )

    @property
    def count(self) -> dict[str, int]:
        """How many inputs have each status."""
        return {name: int((self.status == name).sum()) for name in MEANING}

    @property
    def accuracy(self) -> float:
        """The share the model gets right as they are, of those reached; NaN if none was."""
        reached = self.status != ""
        return float((self.status[reached] != WRONG).mean()) if reached.any() else float("nan")

    @property
    def lo(self) -> float:
        """Proved: at least this share of all inputs stays right."""
        return float((self.status == ROBUST).mean())

    @property
    def hi(self) -> float:
        """Shown: at most this share of all inputs stays right."""
        return float(((self.status != WRONG) & (self.status != BROKEN)).mean())

    def as_dict(self) -> dict[str, Any]:
        """Everything but the inputs, ready for JSON; of counterexamples their input."""
        found = {str(i): jsonable(found.x) for i, found in self.adversarial.items()}
        return super().as_dict() | {"adversarial": found}

    @property
    def unit(self) -> str:
        """In what the radius is measured."""
        return f"{'' if self.scale is None else 'scaled '}{self.norm}-norm"

    def __repr__(self) -> str:
        ends = number(self.lo) if self.lo == self.hi else f"{number(self.lo)} to {number(self.hi)}"
        left = "" if self.complete else f", {int((self.status == '').sum())} not reached"
        return (
            f"RobustAccuracy({ends} at {self.unit} {number(self.eps)}, "
            f"{number(self.accuracy)} without, {len(self.labels)} inputs{left})"
        )

    def records(self) -> list[dict[str, Any]]:
        """One dict an input: its label, what came of it, and the seconds spent."""
        columns = (self.labels.tolist(), self.status.tolist(), self.seconds.tolist())
        return [
            {"input": i, "label": label, "status": status, "seconds": seconds}
            for i, (label, status, seconds) in enumerate(zip(*columns, strict=True))
        ]

    def document(self) -> Document:
        """A row a status."""
        rows = [
            (
                Word(name, TONE[name]),
                n,
                share(n, len(self.labels)),
                self._spent(name),
                MEANING[name],
            )
            for name, n in self.count.items()
        ]
        reached = int((self.status != "").sum())
        right = f"accuracy {share(reached - self.count[WRONG], reached)}" if reached else ""
        lead = (
            f"{self.kept} stay right under any change of at most {number(self.eps)} "
            f"({self.unit}), {right or 'nothing known'} without; {self.warrant.name}."
        )
        if not self.complete:
            lead += f" {int((self.status == '').sum())} inputs were not reached."
        if self.reading:
            lead += f" {self.reading}"
        head = ("status", "inputs", "share", "time", "meaning")
        title = f"Robust accuracy of {self.model}"
        left = self.count[UNDECIDED]
        helps = (
            ""
            if not left
            else (
                f"Of {left:,} open input{'s' * (left > 1)} nothing is proved, and no attack is "
                "known. What would help: more time for each (`each=`), or a smaller radius."
            )
        )
        blocks = (Table(head, rows, "lrrrl"), Paragraph(helps))
        return Document(title, lead, blocks, self._tone)

    @property
    def kept(self) -> str:
        """How many inputs stay right, counted: a share may round to all of them."""
        total, found = len(self.labels), self.count
        least = found[ROBUST]
        most = total - found[WRONG] - found[BROKEN]
        ends, shares = f"{least:,}", share(least, total)
        if most > least:
            ends, shares = f"{ends} to {most:,}", f"{shares} to {share(most, total)}"
        return f"{ends} of {total:,} inputs ({shares})"

    @property
    def _tone(self) -> str:
        """Good only where every input is proved right; a known attack is bad news."""
        found = self.count
        if found[BROKEN] or found[WRONG] == len(self.labels):
            return BAD
        if found[UNDECIDED] or not self.complete:
            return OPEN
        return "" if found[WRONG] else GOOD

    def _class_of(self, found: Counterexample) -> int:
        if self.threshold is None:
            return int(found.flat_y.argmax())
        return int(found.flat_y[0] > self.threshold)

    def _spent(self, status: str) -> str:
        return size(float(np.nansum(self.seconds[self.status == status])))

    def plot(self, axes: Any = None, most: int = 8) -> Any:
        """Draw the broken inputs, what was added, and what came of it.

        Where none is broken, or inputs are no pictures: the shares, as `plot_shares` does.

        Args:
            axes: An array `(k, 3)` of matplotlib axes; made if not given.
            most: How many at most.

        Returns:
            The figure.

        Raises:
            InputError: matplotlib is not installed.
        """
        if not self.adversarial or isinstance(self.x, dict) or not is_picture(self.x[0]):
            return self.plot_shares(None if axes is None else np.ravel(axes)[0]).figure
        triples = [
            Triple(
                self.x[i],
                np.asarray(found.x),
                f"input {i}: {int(self.labels[i])}",
                f"becomes {self._class_of(found)}",
                self.clip,
            )
            for i, found in list(self.adversarial.items())[:most]
        ]
        return plot_images(triples, axes)

    def plot_shares(self, ax: Any = None) -> Any:
        """Draw the shares of inputs that are proved right, broken, wrong and open.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        shares = {
            f"{name} ({n:,}): {MEANING[name]}": (np.array([n / len(self.labels)]), COLORS[name])
            for name, n in sorted(self.count.items(), key=lambda one: ORDER.index(one[0]))
            if n
        }
        title = (
            f"{self.kept} stay right under any change of at most {number(self.eps)} ({self.unit})"
        )
        return plot_strips(title, [""], shares, [], ax, "share of the inputs")
