"""The answer of `outrange.repair`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core import OutrangeError, Warrant
from ..answer import Answer, Cost
from ..range import Range
from ..render.diagrams import plot_strips
from ..render.document import BAD, GOOD, OPEN, Document, Fold, Paragraph, Table
from ..render.numbers import DIGITS, number, outward_ends, short
from ..render.style import TONES
from ..render.text import clipped_name
from ..verdict import LONGEST_CLAIM, Verdict
from .before_after import plot_before_after


HOLDS, REPAIRED, UNREPAIRED, IMPOSSIBLE = "HOLDS", "REPAIRED", "UNREPAIRED", "IMPOSSIBLE"

TONE = {HOLDS: GOOD, REPAIRED: GOOD, UNREPAIRED: OPEN, IMPOSSIBLE: BAD}


@dataclass(frozen=True)
class LayerChange:
    """A layer that the repair changed or added.

    Args:
        layer: Name of the layer.
        kind: `"weights"` for changed weights, `"guard"` for an added layer.
        largest: Largest absolute change of a weight; 0 for an added layer.
        share: Norm of the change, as a fraction of the norm of the layer's weights; 0 for an added
            layer.
        detail: Description of the change; empty for changed weights.
    """

    layer: str
    kind: str
    largest: float
    share: float
    detail: str = ""


@dataclass(frozen=True)
class Agreement:
    """Agreement of the repaired model with the original on a finite set of inputs.

    Args:
        where: The inputs: `"inside"` or `"outside"` for random inputs inside or outside the
            properties' input sets, `"x"` for those passed to `repair`.
        points: Number of inputs compared.
        same: Fraction of the inputs with the same decision; None if the outputs do not
            represent a decision.
        same_where_safe: The same fraction among the inputs at which the original satisfies all
            properties; None if `same` is None or there are no such inputs.
        mean: Mean absolute change of an output at these inputs.
        largest: Largest absolute change of an output at these inputs.
    """

    where: str
    points: int
    same: float | None
    same_where_safe: float | None
    mean: float
    largest: float


@dataclass(frozen=True)
class Round:
    """One round of the repair: a candidate, and the attempt to prove it.

    Args:
        cuts: Number of linear constraints on the new weights.
        violation: Largest violation at the inputs tried, in the units of the property; at most 0 if
            none of them violates it.
        status: Verdict on the candidate; empty if no proof was attempted.
        seconds: Time since the repair began, in seconds or units of work.
    """

    cuts: int
    violation: float
    status: str
    seconds: float


@dataclass(frozen=True, eq=False)
class Profile:
    """Outputs before and after the repair on a grid over one or two varying inputs.

    Args:
        index: Flat indices of the varying inputs.
        names: Names of these inputs.
        x: `(n, inputs)`, the inputs of the grid.
        before: `(n, outputs)`, outputs of the original model.
        after: `(n, outputs)`, outputs of the repaired model.
        bad: `(n,)` bool: whether the original violates the first property at each input.
    """

    index: tuple[int, ...]
    names: tuple[str, ...]
    x: np.ndarray
    before: np.ndarray
    after: np.ndarray
    bad: np.ndarray


@dataclass(frozen=True, eq=False)
class ModelRepair(Answer):
    """A model for which a property holds, with the proof and an account of the changes.

    `REPAIRED` is a proof about the model after it was saved and loaded again. The model
    passed to `outrange.repair` is never changed. In a condition (`if fixed:`) the record is true if
    the properties are proved for `model`.

    Args:
        name: Name of the model.
        claim: The properties, as text.
        status: `"HOLDS"` (the original satisfies the properties; `model` is a copy of it),
            `"REPAIRED"`, `"UNREPAIRED"` (see `reason` and `violation`) or `"IMPOSSIBLE"` (proved:
            at some input, no values in the range of the last activation satisfy a property).
        reason: Why the status is `"UNREPAIRED"` or `"IMPOSSIBLE"`; empty otherwise.
        method: `"weights"` or `"guard"`; empty with `HOLDS` and `IMPOSSIBLE`, which change nothing.
        model: The repaired Keras model; None with `UNREPAIRED` and `IMPOSSIBLE`, and in an answer
            that was read from a file.
        before: One verdict per property on the original model, as saved and loaded again.
        verdicts: One verdict per property on `model`, as saved and loaded again. With `UNREPAIRED`,
            the verdicts on the last candidate verified, up to the first verdict that is not
            `HOLDS`. Empty with `IMPOSSIBLE`.
        changes: The layers that were changed or added.
        fidelity: Agreement with the original, one record per set of inputs.
        history: One record per round of the search for weights.
        share: Proved bounds on the fraction of the first property's input set that violated it;
            None if not computed.
        difference: Proved bounds on new minus old outputs over the bounding box of the first
            property's input set; None if not computed.
        violation: Least violation that was reached, in the units of the property, or None.
        profile: Outputs before and after on a grid, for `plot`; None unless one or two inputs vary.
        warrant: Evidence for the verdicts (see `Warrant`).
        cost: Time in seconds, and number of boxes.
        methods: Methods used, with references.
        sources: Models analyzed, each with its hash.
        over: Input set of the first property; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.

    Raises:
        OutrangeError: Status and verdicts contradict each other.
    """

    name: str
    claim: str
    status: str
    reason: str
    method: str
    before: tuple[Verdict, ...]
    verdicts: tuple[Verdict, ...]
    changes: tuple[LayerChange, ...]
    fidelity: tuple[Agreement, ...]
    history: tuple[Round, ...]
    warrant: Warrant
    cost: Cost
    methods: tuple[str, ...] = ()
    model: Any = field(default=None, kw_only=True, repr=False, metadata={"stored": False})
    share: tuple[float, float] | None = field(default=None, kw_only=True)
    difference: Range | None = field(default=None, kw_only=True)
    violation: float | None = field(default=None, kw_only=True)
    profile: Profile | None = field(default=None, kw_only=True)

    FORMAT = "outrange.repair"
    INDEX = ("where",)
    OMITTED = ("model", "profile")

    def __post_init__(self) -> None:
        proved = bool(self.verdicts) and all(self.verdicts)
        if (self.status in (HOLDS, REPAIRED)) != proved:
            raise OutrangeError(
                "The status must be `HOLDS` or `REPAIRED` if and only if all verdicts hold. "
                f"Received: {self.status}, {[verdict.status for verdict in self.verdicts]}."
            )

    def __bool__(self) -> bool:
        return self.status in (HOLDS, REPAIRED)

    @property
    def verdict(self) -> Verdict | None:
        """The first verdict that is not `HOLDS`; if all are `HOLDS`, the first one.

        None if there are no verdicts.
        """
        return next((v for v in self.verdicts if not v), next(iter(self.verdicts), None))

    def __repr__(self) -> str:
        names = ", ".join(change.layer for change in self.changes)
        changed = f", changed: {names}" if names else ""
        return f"ModelRepair({self.status}, {clipped_name(self.claim, LONGEST_CLAIM)!r}{changed})"

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per record of `fidelity`."""
        return [
            {"where": a.where, "points": a.points, "same": a.same,
             "same_where_safe": a.same_where_safe, "mean": a.mean, "largest": a.largest}
            for a in self.fidelity
        ]  # fmt: skip

    @property
    def wrong(self) -> str:
        """Sentence on the original model: violated properties, or fraction of bad inputs."""
        if self.status == HOLDS:
            return "Before: the original model satisfies the property, so nothing was changed."
        if self.share is None:
            failed = sum(not verdict for verdict in self.before)
            return f"Before: {failed} of {len(self.before)} properties did not hold."
        lo, hi = map(number, outward_ends(*(100 * end for end in self.share)))
        return f"Before: between {lo} % and {hi} % of the input set violated the property (proved)."

    @property
    def changed(self) -> str:
        """Sentence that lists the changed layers, each with the size of its change."""
        if not self.changes:
            return "Changed: nothing."
        parts = [
            f"`{change.layer}` ({change.detail or _size_of(change)})" for change in self.changes
        ]
        return f"Changed: {', '.join(parts)}."

    @property
    def price(self) -> str:
        """Sentence on the agreement with the original: decisions and changes of outputs."""
        parts = [_agreement_text(agreement) for agreement in self.fidelity]
        if self.difference is not None:
            largest = max(-self.difference.lo.min(), self.difference.hi.max())
            bound = number(short(float(largest), DIGITS, side=1))
            parts.append(f"proved: on the input set, no output changes by more than {bound}")
        return f"Agreement: {'; '.join(parts) or 'not measured'}."

    @property
    def proof(self) -> str:
        """Sentence on the result: the properties proved, or why there is no repaired model."""
        if self.status in (UNREPAIRED, IMPOSSIBLE):
            least = ""
            if self.violation is not None:
                least = (
                    " The best candidate violates the property by "
                    f"{number(self.violation)} at the worst input that was tried."
                    if self.violation > 0
                    else " One candidate satisfies the property at all inputs that were tried, "
                    "but not provably at all inputs of the set."
                )
            return f"Result: {self.reason}{least}"
        whose = "the model" if self.status == HOLDS else "the new model, as saved and loaded again"
        return f"Proved: {self.claim} holds for {whose}."

    def document(self) -> Document:
        """Return a document with a line each on violations, changes, agreement, proof and cost."""
        end = Paragraph(f"{self.warrant.name}, {self.cost}. Model: {self.name}.")
        lines = Paragraph("\n".join((self.wrong, self.changed, self.price, self.proof)))
        head = ("round", "cuts", "violation", "verdict", "seconds")
        rows = [
            (str(i), str(r.cuts), r.violation, r.status or "not attempted", r.seconds)
            for i, r in enumerate(self.history, 1)
        ]
        rounds = [Fold("Rounds", (Table(head, rows, "lrrlr"),), in_text=False)] if rows else []
        return Document(self.status, self.claim, (lines, end, *rounds), TONE[self.status])

    def plot(self, ax: Any = None) -> Any:
        """Draw the outputs before and after over one or two varying inputs, and the bad inputs.

        If more inputs vary, draw one bar per set of inputs: the fraction of unchanged decisions.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        title = f"{self.status}: `{clipped_name(self.claim, LONGEST_CLAIM)}`"
        profile = self.profile
        if profile is not None:
            x = profile.x[:, list(profile.index)]
            return plot_before_after(
                title, profile.names, x, profile.before, profile.after, profile.bad, ax
            )
        names = [agreement.where for agreement in self.fidelity] or ["nothing changed"]
        same = np.array([1.0 if a.same is None else a.same for a in self.fidelity] or [1.0])
        shares = {"same": (same, TONES["good"]), "changed": (1 - same, TONES["bad"])}
        notes = [_agreement_text(agreement) for agreement in self.fidelity] or [""]
        return plot_strips(title, names, shares, notes, ax, "fraction of the inputs (measured)")


def _size_of(change: LayerChange) -> str:
    return f"weights changed by {number(100 * change.share)} % of their norm"


def _agreement_text(agreement: Agreement) -> str:
    where = {"inside": "inside the input set", "outside": "outside the input set", "x": "on `x`"}
    name = where.get(agreement.where, agreement.where)
    if agreement.same is None:
        return f"{name}, the outputs change by {number(agreement.mean)} on average"
    return f"{name}, {number(100 * agreement.same)} % of the decisions are unchanged"
