"""The answer of `outrange.robust_accuracy`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import OutrangeError, Warrant
from .answer import Answer
from .render.diagrams import plot_strips
from .render.document import BAD, GOOD, OPEN, Document, Paragraph, Table, Word
from .render.images import Triple, is_image
from .render.jsonable import jsonable
from .render.plot import plot_images
from .render.style import TONES
from .render.text import number, share, size
from .verdict import Counterexample


WRONG, ROBUST, BROKEN, UNDECIDED = "wrong", "robust", "broken", "open"

MEANING = {
    WRONG: "misclassified without a perturbation",
    ROBUST: "proved correct everywhere in the ball",
    BROKEN: "an adversarial input is known",
    UNDECIDED: "undecided when the search ended",
}

TONE = {WRONG: BAD, ROBUST: GOOD, BROKEN: BAD, UNDECIDED: OPEN}

ORDER = (ROBUST, UNDECIDED, BROKEN, WRONG)
"""Order of the statuses in figures."""

COLORS = {WRONG: "#8a8a8a", ROBUST: TONES["good"], BROKEN: TONES["bad"], UNDECIDED: "#d4a72c"}


@dataclass(frozen=True, eq=False)
class RobustAccuracy(Answer):
    """Robust accuracy on a data set, with the status of each input under perturbation.

    The accuracy under the worst perturbation of at most `eps` lies in `[lo, hi]`. `lo` is the
    fraction of inputs proved robust. `hi` is the fraction that is neither broken nor wrong.

    Args:
        model: Name of the model.
        eps: Radius of the perturbations.
        norm: `"inf"`, `"1"` or `"2"`.
        clip: Limits on every input entry, or None.
        x: `(n, ...)`, the inputs (a dict by name if the model has several inputs).
        labels: `(n,)`, class indices of the inputs.
        status: `(n,)`: `"wrong"`, `"robust"`, `"broken"`, `"open"`, or `""` for inputs not reached.
        seconds: `(n,)`, seconds spent on each input; NaN for those not reached.
        adversarial: Dict from index to counterexample, for inputs with status `"broken"`.
        complete: Whether every input was reached.
        warrant: Evidence for the proofs (see `Warrant`).
        methods: Methods used, with references.
        threshold: Threshold above which the output of a model with one output number means class
            1. None if the largest of several outputs determines the class.
        reading: Sentence about how the output determines the class.
        scale: `(inputs,)`, maximum change of each input at radius 1; None if it is 1 for all.
        sources: Models analyzed, each with its hash.
        over: Input set analyzed; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.

    Raises:
        OutrangeError: Status and evidence do not match.
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
                'An input must have a counterexample if and only if its status is "broken". This '
                "error is a bug in outrange; please report it. Received: inputs "
                f"{sorted(broken ^ set(self.adversarial))[:5]}."
            )

    @property
    def count(self) -> dict[str, int]:
        """Dict from status to number of inputs; inputs that were not reached are not counted."""
        return {name: int((self.status == name).sum()) for name in MEANING}

    @property
    def accuracy(self) -> float:
        """Accuracy without perturbations on the inputs reached; NaN if none was reached."""
        reached = self.status != ""
        return float((self.status[reached] != WRONG).mean()) if reached.any() else float("nan")

    @property
    def lo(self) -> float:
        """Proved lower bound on the fraction of inputs that stay correctly classified."""
        return float((self.status == ROBUST).mean())

    @property
    def hi(self) -> float:
        """Upper bound on the fraction of inputs that stay correctly classified, from attacks."""
        return float(((self.status != WRONG) & (self.status != BROKEN)).mean())

    def as_dict(self) -> dict[str, Any]:
        """Return all fields except `x` as JSON values; `adversarial` has only perturbed inputs."""
        inputs = {str(i): jsonable(example.x) for i, example in self.adversarial.items()}
        return super().as_dict() | {"adversarial": inputs}

    @property
    def unit(self) -> str:
        """Name of the norm of the radius, such as `"inf-norm"`."""
        return f"{'' if self.scale is None else 'scaled '}{self.norm}-norm"

    def __repr__(self) -> str:
        ends = number(self.lo) if self.lo == self.hi else f"{number(self.lo)} to {number(self.hi)}"
        left = "" if self.complete else f", {int((self.status == '').sum())} not reached"
        return (
            f"RobustAccuracy({ends} at {self.unit} {number(self.eps)}, "
            f"{number(self.accuracy)} without, {len(self.labels)} inputs{left})"
        )

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per input: label, status, and seconds spent."""
        columns = (self.labels.tolist(), self.status.tolist(), self.seconds.tolist())
        return [
            {"input": i, "label": label, "status": status, "seconds": seconds}
            for i, (label, status, seconds) in enumerate(zip(*columns, strict=True))
        ]

    def document(self) -> Document:
        """Return a document with a table that has one row per status."""
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
            f"{self.kept} remain correctly classified under every perturbation of at most "
            f"{number(self.eps)} ({self.unit}); {right or 'unknown accuracy'} without a "
            f"perturbation; {self.warrant.name}."
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
                f"For {left:,} open input{'s' * (left > 1)} there is no proof and no known attack. "
                "What would help: more time per input (`each=`), or a smaller radius."
            )
        )
        blocks = (Table(head, rows, "lrrrl"), Paragraph(helps))
        return Document(title, lead, blocks, self._tone)

    @property
    def kept(self) -> str:
        """Number of inputs that stay correctly classified, as text with percentages."""
        total, count = len(self.labels), self.count
        least = count[ROBUST]
        most = total - count[WRONG] - count[BROKEN]
        ends, shares = f"{least:,}", share(least, total)
        if most > least:
            ends, shares = f"{ends} to {most:,}", f"{shares} to {share(most, total)}"
        return f"{ends} of {total:,} inputs ({shares})"

    @property
    def _tone(self) -> str:
        """Tone of the answer.

        It is bad if an attack is known or every input is wrong, open if an input is undecided or
        was not reached, good if every input is robust, and otherwise empty.
        """
        count = self.count
        if count[BROKEN] or count[WRONG] == len(self.labels):
            return BAD
        if count[UNDECIDED] or not self.complete:
            return OPEN
        return "" if count[WRONG] else GOOD

    def _class_of(self, example: Counterexample) -> int:
        if self.threshold is None:
            return int(example.flat_y.argmax())
        return int(example.flat_y[0] > self.threshold)

    def _spent(self, status: str) -> str:
        return size(float(np.nansum(self.seconds[self.status == status])))

    def plot(self, axes: Any = None, most: int = 8) -> Any:
        """Draw broken inputs, their perturbations, and the perturbed inputs.

        If no input is broken, or the inputs are not images, the figure is that of `plot_shares`.

        Args:
            axes: An array `(k, 3)` of matplotlib axes; None for a new figure.
            most: Maximum number of inputs drawn.

        Returns:
            The figure.

        Raises:
            InputError: matplotlib is not installed.
        """
        if not self.adversarial or isinstance(self.x, dict) or not is_image(self.x[0]):
            return self.plot_shares(None if axes is None else np.ravel(axes)[0]).figure
        triples = [
            Triple(
                self.x[i],
                np.asarray(example.x),
                f"input {i}: {int(self.labels[i])}",
                f"becomes {self._class_of(example)}",
                self.clip,
            )
            for i, example in list(self.adversarial.items())[:most]
        ]
        return plot_images(triples, axes)

    def plot_shares(self, ax: Any = None) -> Any:
        """Draw the fractions of inputs that are robust, open, broken and wrong as one bar.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        shares = {
            f"{name} ({n:,}): {MEANING[name]}": (np.array([n / len(self.labels)]), COLORS[name])
            for name, n in sorted(self.count.items(), key=lambda item: ORDER.index(item[0]))
            if n
        }
        title = (
            f"{self.kept} remain correctly classified under every perturbation of at most "
            f"{number(self.eps)} ({self.unit})"
        )
        return plot_strips(title, [""], shares, [], ax, "share of the inputs")
