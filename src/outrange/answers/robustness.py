"""The answer of `outrange.robustness`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core import OutrangeError, Warrant
from .answer import Answer, Cost
from .render.diagrams import plot_line
from .render.document import BAD, GOOD, OPEN, Document, Paragraph
from .render.images import Triple, is_picture
from .render.plot import plot_images, titled
from .render.style import AXIS, TONES
from .render.text import bound, clipped_name, entry_names, number, point, short
from .verdict import LONGEST_CLAIM, Counterexample


STATUSES = {
    "exact": "the radius is known to a relative {tol:g}",
    "broken": "the input itself breaks the property",
    "never": "nothing within the largest radius asked about breaks it",
    "time": "time ran out",
    "memory": "memory ran out",
    "interrupted": "interrupted",
    "error": "an internal error ended a part of the search, please report it",
    "rounding": "only float64 rounding is left",
    "float32": "what float32 may round is left",
}
"""Why the search stopped, in words; both ends hold in every case."""

MOST_FEATURES, MIXED, UNSCALED = 64, 20.0, 10.0
"""Of so many inputs at most, sizes so many times apart hint at different units, if the largest is
beyond what standardized features reach."""

ALIKE = 1e-6
"""Entries whose moves differ by this share moved alike."""

NORMS = {"inf": "L-infinity", "1": "L1", "2": "L2"}


@dataclass(frozen=True, eq=False)
class Robustness(Answer):
    """The radius within which a decision cannot change: `lo <= radius <= hi`.

    `lo` is a proof: no input closer than that breaks the property. `hi` is the distance of an
    input that does (`adversarial`), or infinite as long as none is known.

    Args:
        model: The model's name.
        claim: The property that is kept, as asked.
        norm: `"inf"`, `"1"` or `"2"`.
        clip: Limits of every input entry, or None.
        x: The input, in the model's own shape (a dict by name for several inputs).
        lo: The decision is the same everywhere within this radius.
        hi: It changes at this distance.
        adversarial: Where.
        tol: Relative tolerance asked for.
        status: Why it stopped; see `reason`.
        warrant: What stands behind `lo`.
        cost: Seconds and sub-problems.
        methods: The methods that were used, with references.
        reading: How the class is read off the output, where it is one number.
        scale: `(inputs,)` how far each input moves at a distance of 1; None for 1.
        arithmetic: `"real"`, or `"float32"`: both ends are then about the network as it is
            deployed, its sums in any order.
        sources: The models it is about, each with its hash.
        over: The input set it is about; None if that is not known.
        provenance: What was asked, of which release; None where it was not recorded.
        certificate: Where one was asked for: which file holds it, or why there is none.
        late: By how much a time limit was exceeded, or which effort ended the search.

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
                "The evidence contradicts the claim; this is a bug in outrange, please report it. "
                f"Received: lo={self.lo!r}, hi={self.hi!r}, adversarial={self.adversarial!r}."
            )

    @property
    def gap(self) -> float:
        """What is not known of the radius."""
        return self.hi - self.lo

    @property
    def is_exact(self) -> bool:
        """Whether the radius is known to `tol`."""
        return self.status in ("exact", "broken")

    @property
    def reason(self) -> str:
        """Why it stopped, in words."""
        return STATUSES[self.status].format(tol=self.tol)

    @property
    def sentence(self) -> str:
        """The answer in one plain sentence."""
        name = self.unit
        if self.status == "broken":
            return "The input itself breaks the property."
        if not np.isfinite(self.hi):
            return (
                f"Proved within {name} distance {bound(self.lo, -1)}; no input seen breaks it "
                "further away."
            )
        return (
            f"Proved within {name} distance {bound(self.lo, -1)}; "
            f"broken at distance {bound(self.hi, 1)}."
        )

    @property
    def unit(self) -> str:
        """In what distances are measured."""
        return NORMS[self.norm] if self.scale is None else f"scaled {NORMS[self.norm]}"

    def __repr__(self) -> str:
        ends = f"lo={bound(self.lo, -1)}, hi={bound(self.hi, 1)}"
        claim = clipped_name(self.claim, 60)
        return f"Robustness({claim!r}, norm {self.norm}, {ends}, {self.reason})"

    def records(self) -> list[dict[str, Any]]:
        """One dict: the radius from below and from above."""
        return [
            {
                "claim": self.claim, "norm": self.norm, "lo": self.lo, "hi": self.hi,
                "gap": self.gap, "status": self.status,
            }
        ]  # fmt: skip

    def document(self) -> Document:
        """The radius in a sentence."""
        # Of an input that is bad itself, the sentence says so already.
        reason = "" if self.status == "broken" else f"{self.reason[:1].upper()}{self.reason[1:]}; "
        standing = f"{reason}{self.warrant.name}, {self.cost}."
        told = f"\n{self.reading}" if self.reading else ""
        helps = f"{self._advice()}{self._units()}{self._limits()}"
        said = Paragraph(f"{self.sentence}{self._nearest()}\n{standing}{told}{helps}")
        tone = {"broken": BAD, "exact": GOOD, "never": GOOD}.get(self.status, OPEN)
        return Document(f"Robustness of {self.model}", self.claim, (said,), tone)

    def _advice(self) -> str:
        """What would help, where the radius is not known."""
        if self.status not in ("time", "memory", "interrupted", "rounding"):
            return ""
        where = f"Between {bound(self.lo, -1)} and {bound(self.hi, 1)}"
        where = where if np.isfinite(self.hi) else f"Beyond {bound(self.lo, -1)}"
        return (
            f"\n{where} nothing is proved and nothing "
            "seen. What would help: more time (`time_limit=`), or a larger `tol=`."
        )

    def _nearest(self) -> str:
        """The nearest input seen that breaks the property, and what of it moved most."""
        found = self.adversarial
        if found is None or self.status == "broken":
            return ""
        parts = self.x if isinstance(self.x, dict) else {"x": self.x}
        names = entry_names({name: np.shape(part) for name, part in parts.items()})
        center = np.concatenate([np.ravel(part) for part in parts.values()])
        moved = np.abs(found.flat_x - center)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = moved if self.scale is None else np.where(moved > 0, moved / self.scale, 0.0)
        i = int(moved.argmax())
        told = f"\nIt is broken at {point(found.x, 'x')}"
        if np.count_nonzero(moved >= moved[i] * (1 - ALIKE)) > 1:
            return f"{told}."
        start, end = number(float(center[i])), number(float(found.flat_x[i]))
        return f"{told}, where {names[i]} moved most, from {start} to {end}."

    def _units(self) -> str:
        """What would help, where one distance for all inputs means little."""
        parts = list(self.x.values()) if isinstance(self.x, dict) else [self.x]
        sizes = np.abs(np.concatenate([np.ravel(part) for part in parts]))
        sizes = sizes[sizes > 0]
        is_row = all(np.ndim(part) <= 1 for part in parts)  # pictures and sequences have one unit
        if self.scale is not None or not is_row or not 1 < sizes.size <= MOST_FEATURES:
            return ""
        factor = float(sizes.max() / sizes.min())
        if sizes.max() < UNSCALED or factor < MIXED:
            return ""
        return (
            f"\nThe inputs differ in size by a factor of {number(short(factor, 2))}, and one "
            "distance counts for all of them alike: `scale=` gives each a unit of its own "
            '(`"std"`: standard deviations of `data=`).'
        )

    def _limits(self) -> str:
        """Suggest limits where a picture in [0, 1] is broken outside of [0, 1]."""
        found = self.adversarial
        if self.clip is not None or found is None or isinstance(self.x, dict):
            return ""
        left = found.flat_x.min() < 0 or found.flat_x.max() > 1
        if not left or not is_picture(self.x) or self.x.min() < 0 or self.x.max() > 1:
            return ""
        return (
            "\nAll entries of the input lie in [0, 1], and some of the broken one do not: "
            "`clip=(0, 1)` keeps to these limits."
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw an image, the perturbation that breaks it and the result; else the distances.

        Args:
            ax: Matplotlib axes to draw the distances on; a new figure if None.

        Returns:
            The axes, of an image the first of three.

        Raises:
            InputError: matplotlib is not installed.
        """
        found, x = self.adversarial, self.x
        is_drawn = ax is None and found is not None and not isinstance(x, dict) and is_picture(x)
        if found is None or isinstance(x, dict) or not is_drawn:
            return self.plot_distances(ax)
        then = f"broken at {bound(self.hi, 1)}"
        triple = Triple(x, np.reshape(np.asarray(found.x), x.shape), "the input", then, self.clip)
        return titled(
            plot_images([triple]).axes[0], f"{self.sentence} {clipped_name(self.claim, 60)}"
        )

    def plot_distances(self, ax: Any = None) -> Any:
        """Draw which distances are proved safe, which are broken, and what is open between.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        spans = [(0.0, self.lo, "nothing breaks it (proved)", TONES["good"])]
        open_ = "not decided" if self.status != "never" else "not asked about"
        spans.append((self.lo, self.hi, open_, "#d8d8d8"))
        if np.isfinite(self.hi):
            spans.append((self.hi, np.inf, "an input breaks it (seen)", TONES["bad"]))
        marks = [(self.lo, "proved", TONES["good"]), (self.hi, "broken", TONES["bad"])]
        title = f"`{clipped_name(self.claim, LONGEST_CLAIM)}`: {self.sentence}"
        drawn = [span for span in spans if span[0] < span[1]]
        label = f"{self.unit} distance from the input"
        return plot_line(title, drawn, [*marks, (0.0, "the input", AXIS)], label, ax)
