"""The answer of `outrange.robustness`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core import OutrangeError, Warrant
from .answer import Answer, Cost
from .render.document import Document, Paragraph
from .render.text import number
from .verdict import Counterexample


STATUSES = {
    "exact": "known to {tol:g} of itself",
    "broken": "the input itself breaks the property",
    "never": "nothing within the largest radius asked about breaks it",
    "time": "time ran out",
    "interrupted": "interrupted",
    "rounding": "only float64 rounding is left",
}
"""Why the search stopped, in words; both ends hold in every case."""


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

    FORMAT = "outrange.robustness"

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
        name = {"inf": "L-infinity", "1": "L1", "2": "L2"}[self.norm]
        if self.status == "broken":
            return "The input itself breaks the property."
        if not np.isfinite(self.hi):
            return f"Proved within {name} distance {number(self.lo)}; nothing is known to break it."
        return (
            f"Proved within {name} distance {number(self.lo)}; "
            f"broken at distance {number(self.hi)}."
        )

    def __repr__(self) -> str:
        ends = f"lo={number(self.lo)}, hi={number(self.hi)}"
        return f"Robustness({self.claim!r}, norm {self.norm}, {ends}, {self.reason})"

    def document(self) -> Document:
        """The radius in a sentence."""
        standing = f"{self.reason}; {self.warrant.name}, {self.cost}."
        said = Paragraph(f"{self.sentence}\n{standing}")
        return Document(f"Robustness of {self.model}", self.claim, (said,))
