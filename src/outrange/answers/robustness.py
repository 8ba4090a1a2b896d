"""The answer of `outrange.robustness`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core import OutrangeError, Warrant
from .answer import Answer, Cost
from .render.diagrams import plot_line
from .render.document import BAD, GOOD, OPEN, Document, Paragraph
from .render.images import Triple, is_image
from .render.plot import plot_images, set_title
from .render.style import AXIS, TONES
from .render.text import bound, clipped_name, entry_names, number, point, short
from .tables.help import ENDED_EARLY
from .verdict import LONGEST_CLAIM, Counterexample


STATUSES = {
    "exact": "the radius is known to within a relative error of {tol:g}",
    "broken": "the input itself breaks the property",
    "never": "nothing within the largest requested radius breaks the property",
    "time": ENDED_EARLY,
    "memory": "memory ran out",
    "interrupted": "interrupted",
    "error": "an internal error ended part of the search; please report it",
    "rounding": "at distances between lo and hi, the verdict depends on float64 rounding",
    "float32": "at distances between lo and hi, the verdict depends on float32 rounding",
}
"""Reasons why the search stopped; both bounds are valid in every case."""

MOST_FEATURES, MIXED, UNSCALED = 64, 20.0, 10.0
"""Limits for the advice to scale features: their maximum number, the ratio of their sizes that
suggests different units, and a size that standardized features do not reach."""

ALIKE = 1e-6
"""Relative difference up to which two perturbations are considered equally large."""

NORMS = {"inf": "L-infinity", "1": "L1", "2": "L2"}


@dataclass(frozen=True, eq=False)
class Robustness(Answer):
    """Bounds on the radius within which a decision cannot change: `lo <= radius <= hi`.

    `lo` is proved: no input at a smaller distance breaks the property. `hi` is the distance of an
    input that breaks it (`adversarial`), or infinite if none is known.

    Args:
        model: Name of the model.
        claim: The property that must stay true.
        norm: `"inf"`, `"1"` or `"2"`.
        clip: Limits on every input entry, or None.
        x: The input, in the model's input shape (a dict by name for several inputs).
        lo: Proved radius, within which the decision is the same everywhere.
        hi: Distance at which the decision is known to change; infinite if unknown.
        adversarial: Input at distance `hi` with another decision, or None.
        tol: Requested relative tolerance of the radius.
        status: Reason why the search stopped; see `reason`.
        warrant: Evidence for `lo` (see `Warrant`).
        cost: Time in seconds, and number of sub-problems.
        methods: Methods used, with references.
        reading: Sentence about how a single output number determines the class; empty for other
            models.
        scale: `(inputs,)`, change of each input at distance 1; None if it is 1 for all.
        arithmetic: `"real"`, or `"float32"`: both bounds are then about float32 inference with sums
            in any order.
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
    claim: str
    norm: str
    clip: tuple[float, float] | None
    x: np.ndarray | dict[str, np.ndarray]
    lo: float
    hi: float
    adversarial: Counterexample | None
    tol: float
    status: str
    warrant: Warrant
    cost: Cost
    methods: tuple[str, ...] = ()
    reading: str = ""
    scale: np.ndarray | None = None
    arithmetic: str = field(default="real", kw_only=True)

    FORMAT = "outrange.robustness"
    INDEX = ("claim",)

    def __post_init__(self) -> None:
        if not 0 <= self.lo <= self.hi or np.isfinite(self.hi) != (self.adversarial is not None):
            raise OutrangeError(
                "The evidence contradicts the claim. This is a bug in outrange; please report it. "
                f"Received: lo={self.lo!r}, hi={self.hi!r}, adversarial={self.adversarial!r}."
            )

    @property
    def gap(self) -> float:
        """Width of the bracket of the radius."""
        return self.hi - self.lo

    @property
    def is_exact(self) -> bool:
        """Whether the radius is known to within `tol`, or the input itself breaks the property."""
        return self.status in ("exact", "broken")

    @property
    def reason(self) -> str:
        """Reason why the search stopped, as text."""
        return STATUSES[self.status].format(tol=self.tol)

    @property
    def sentence(self) -> str:
        """The answer as one plain sentence."""
        name = self.unit
        if self.status == "broken":
            return "The input itself breaks the property."
        if not np.isfinite(self.hi):
            return (
                f"The property is proved within {name} distance {bound(self.lo, -1)}; the "
                "search found no counterexample at a larger distance."
            )
        return (
            f"The property is proved within {name} distance {bound(self.lo, -1)} and broken at "
            f"distance {bound(self.hi, 1)}."
        )

    @property
    def unit(self) -> str:
        """Name of the norm of distances, such as `"L2"` or `"scaled L2"`."""
        return NORMS[self.norm] if self.scale is None else f"scaled {NORMS[self.norm]}"

    def __repr__(self) -> str:
        ends = f"lo={bound(self.lo, -1)}, hi={bound(self.hi, 1)}"
        claim = clipped_name(self.claim, 60)
        return f"Robustness({claim!r}, norm {self.norm}, {ends}, {self.reason})"

    def records(self) -> list[dict[str, Any]]:
        """Return a list of one dict with the lower and upper bounds on the radius."""
        return [
            {
                "claim": self.claim, "norm": self.norm, "lo": self.lo, "hi": self.hi,
                "gap": self.gap, "status": self.status,
            }
        ]  # fmt: skip

    def document(self) -> Document:
        """Return a document with the radius as a sentence."""
        # For an input that is bad itself, the sentence already states the reason.
        reason = "" if self.status == "broken" else f"{self.reason[:1].upper()}{self.reason[1:]}; "
        standing = f"{reason}{self.warrant.name}, {self.cost}."
        reading = f"\n{self.reading}" if self.reading else ""
        helps = f"{self._advice()}{self._units()}{self._limits()}"
        body = Paragraph(f"{self.sentence}{self._nearest()}\n{standing}{reading}{helps}")
        tone = {"broken": BAD, "exact": GOOD, "never": GOOD}.get(self.status, OPEN)
        return Document(f"Robustness of {self.model}", self.claim, (body,), tone)

    def _advice(self) -> str:
        """Return advice on an undecided radius; empty if it is decided.

        It is also empty if an error or float32 rounding ended the search.
        """
        if self.status not in ("time", "memory", "interrupted", "rounding"):
            return ""
        where = f"Between {bound(self.lo, -1)} and {bound(self.hi, 1)}"
        where = where if np.isfinite(self.hi) else f"Beyond {bound(self.lo, -1)}"
        return (
            f"\n{where}, nothing is proved and no "
            "counterexample was seen. What would help: more time (`time_limit=`), or a larger "
            "`tol=`."
        )

    def _nearest(self) -> str:
        """Return a sentence about the nearest violating input and the entry that moved most.

        No entry is named if several moved equally (see `ALIKE`). The sentence is empty if no
        violating input is known, or if the input itself breaks the property.
        """
        example = self.adversarial
        if example is None or self.status == "broken":
            return ""
        parts = self.x if isinstance(self.x, dict) else {"x": self.x}
        names = entry_names({name: np.shape(part) for name, part in parts.items()})
        center = np.concatenate([np.ravel(part) for part in parts.values()])
        moved = np.abs(example.flat_x - center)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = moved if self.scale is None else np.where(moved > 0, moved / self.scale, 0.0)
        i = int(moved.argmax())
        sentence = f"\nThe property is broken at {point(example.x, 'x')}"
        if np.count_nonzero(moved >= moved[i] * (1 - ALIKE)) > 1:
            return f"{sentence}."
        start, end = number(float(center[i])), number(float(example.flat_x[i]))
        return f"{sentence}, where {names[i]} changed most, from {start} to {end}."

    def _units(self) -> str:
        """Return advice to use `scale=`, for a row of features of very different sizes.

        The result is empty unless `scale` is None and the inputs are numbers or vectors with 2 to
        `MOST_FEATURES` nonzero entries in total. In addition, the largest absolute entry must be at
        least `UNSCALED`, and at least `MIXED` times the smallest nonzero one.
        """
        parts = list(self.x.values()) if isinstance(self.x, dict) else [self.x]
        sizes = np.abs(np.concatenate([np.ravel(part) for part in parts]))
        sizes = sizes[sizes > 0]
        is_row = all(np.ndim(part) <= 1 for part in parts)  # Images and sequences have one unit.
        if self.scale is not None or not is_row or not 1 < sizes.size <= MOST_FEATURES:
            return ""
        factor = float(sizes.max() / sizes.min())
        if sizes.max() < UNSCALED or factor < MIXED:
            return ""
        return (
            f"\nThe magnitudes of the inputs differ by a factor of {number(short(factor, 2))}, but "
            "one distance applies to all of them. Use `scale=` to give each input its own unit "
            '(`scale="std"` uses the standard deviations of `data=`).'
        )

    def _limits(self) -> str:
        """Return advice to use `clip=(0, 1)` if an image in [0, 1] has a violating input outside.

        In all other cases, and if `clip` is set, the result is empty.
        """
        example = self.adversarial
        if self.clip is not None or example is None or isinstance(self.x, dict):
            return ""
        left = example.flat_x.min() < 0 or example.flat_x.max() > 1
        if not left or not is_image(self.x) or self.x.min() < 0 or self.x.max() > 1:
            return ""
        return (
            "\nPass `clip=(0, 1)` if entries outside [0, 1] are impossible. All entries of the "
            "input lie in [0, 1], but not all entries of the violating input do."
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw an image, the perturbation that breaks the property, and the result.

        If the input is not an image, no violating input is known, or `ax` is not None, the figure
        is that of `plot_distances`.

        Args:
            ax: Matplotlib axes for the distances; a new figure if None.

        Returns:
            The axes; for an image, the first of three.

        Raises:
            InputError: matplotlib is not installed.
        """
        example, x = self.adversarial, self.x
        is_drawn = ax is None and example is not None and not isinstance(x, dict) and is_image(x)
        if example is None or isinstance(x, dict) or not is_drawn:
            return self.plot_distances(ax)
        then = f"broken at {bound(self.hi, 1)}"
        after = np.reshape(np.asarray(example.x), x.shape)
        triple = Triple(x, after, "the input", then, self.clip)
        return set_title(
            plot_images([triple]).axes[0], f"{self.sentence} {clipped_name(self.claim, 60)}"
        )

    def plot_distances(self, ax: Any = None) -> Any:
        """Draw the proved, the broken and the undecided distances on a number line.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        spans = [(0.0, self.lo, "nothing breaks it (proved)", TONES["good"])]
        open_ = "not decided" if self.status != "never" else "beyond the requested radius"
        spans.append((self.lo, self.hi, open_, "#d8d8d8"))
        if np.isfinite(self.hi):
            spans.append((self.hi, np.inf, "an input breaks it (seen)", TONES["bad"]))
        marks = [(self.lo, "proved", TONES["good"]), (self.hi, "broken", TONES["bad"])]
        title = f"`{clipped_name(self.claim, LONGEST_CLAIM)}`: {self.sentence}"
        drawn = [span for span in spans if span[0] < span[1]]
        label = f"{self.unit} distance from the input"
        return plot_line(title, drawn, [*marks, (0.0, "the input", AXIS)], label, ax)
