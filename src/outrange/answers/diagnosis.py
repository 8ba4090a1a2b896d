"""The answer of `outrange.diagnose`: findings, each with its level of evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, overload

from ..core import InputError
from .answer import Answer
from .render.document import BAD, GOOD, OPEN, Document, Entry, EntryList, Fold, Listing
from .render.jsonable import field_dict
from .render.sarif import sarif
from .render.text import block_lines
from .tables.findings import plot_findings


class Level(IntEnum):
    """Level of evidence of a finding."""

    SUSPECTED = 1
    """A rule of thumb: neither proved nor measured."""
    MEASURED = 2
    """Observed in a measurement, such as a short training run."""
    PROVED = 3
    """Proved by a bound or by exact analysis; `holds_for` states for which inputs and weights."""

    @classmethod
    def of(cls, level: Level | str) -> Level:
        """Convert a name to a level.

        Args:
            level: A level, or its name in any case.

        Returns:
            The level.

        Raises:
            InputError: The level does not exist.
        """
        if isinstance(level, Level):
            return level
        try:
            return cls[str(level).upper()]
        except KeyError:
            names = ", ".join(repr(member.name.lower()) for member in cls)
            raise InputError(f"`level` must be one of {names}. Received: {level!r}.") from None


@dataclass(frozen=True, eq=False)
class Finding:
    """A fault that hinders learning, or a noteworthy property of the model or the data.

    Args:
        code: Code of the rule, such as `"OR001"`; codes never change their meaning.
        title: The rule in a few words.
        level: Level of evidence for the finding.
        layer: Path of the layer, or name of the output; `""` if the finding is about neither.
        message: Description of the fault, including the relevant numbers.
        fix: Proposed repair, as code or as advice.
        holds_for: The set of inputs and weights for which the finding is true.
        interval: Range `(lo, hi)` on which the finding is based, or None.
        cost: Dict of consequences as numbers, with keys such as `"loss_floor"`, `"target_loss"`,
            `"share"` or `"unreachable"`.
        note: Whether the finding is true but not a fault; notes are listed separately.
        tried: Effect of the fix on a copy of the model, as text; empty if it was not tried.
    """

    code: str
    title: str
    level: Level
    layer: str
    message: str
    fix: str
    holds_for: str = ""
    interval: tuple[float, float] | None = None
    cost: Mapping[str, Any] = field(default_factory=dict)
    note: bool = False
    tried: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return field_dict(self)

    @property
    def where(self) -> str:
        """Name of the layer, as a prefix for the message; empty if no layer is named."""
        return f"layer '{self.layer}': " if self.layer else ""

    def entry(self) -> Entry:
        """Return the finding as a list entry with its title, message, evidence and fix."""
        lines = [f"{self.where}{self.message}"]
        if self.holds_for:
            lines.append(f"Holds for {self.holds_for}.")
        if self.tried:
            lines.append(self.tried)
        tone = BAD if self.level is Level.PROVED else OPEN
        return Entry(self.code, self.title, lines, self.level.name, self.fix, tone)

    def __repr__(self) -> str:
        where = f" in layer {self.layer!r}" if self.layer else ""
        return f"Finding({self.code} {self.level.name}{where}: {self.title})"

    def __str__(self) -> str:
        return "\n".join(block_lines(EntryList([self.entry()])))


MOST_UNREAD = 8
"""Maximum number of unchecked items that are listed; any others are only counted."""


class FoundFault(AssertionError):
    """Error that `raise_on` raises; its message lists the findings that caused it."""


@dataclass(frozen=True, eq=False)
class Diagnosis(Answer, Sequence):
    """The findings for one model and one data set, as a sequence.

    Args:
        model: Name of the model.
        backend: Keras backend of the model.
        findings: Faults, those with the strongest evidence first.
        notes: True statements about the model or the data that are not faults.
        unread: Descriptions of what could not be checked, with the reasons.
        rules: Dict from code to title of every rule that was applied.
        explanations: Dict from code to the text that `explain` returns.
        ignored: Codes of rules that were left out on request.
        rows: Number of data rows.
        seconds: Wall-clock time in seconds.
        sources: Models analyzed, each with its hash.
        over: Input set analyzed; None if unknown.
        provenance: The question, its arguments and the outrange version; None if not recorded.
        certificate: Path of the certificate, or why none was written; empty if none was requested.
        late: A note that a time limit was exceeded or that the default limit ended the search;
            empty if neither happened.
    """

    model: str
    backend: str
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...] = ()
    unread: tuple[str, ...] = ()
    rules: Mapping[str, str] = field(default_factory=dict)
    explanations: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    rows: int = 0
    seconds: float = 0.0

    FORMAT = "outrange.diagnosis"
    INDEX = ("code",)
    OMITTED = ("explanations",)

    def __len__(self) -> int:
        return len(self.findings)

    @overload
    def __getitem__(self, key: int) -> Finding: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Finding, ...]: ...
    def __getitem__(self, key: int | slice) -> Finding | tuple[Finding, ...]:
        return self.findings[key]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    @property
    def codes(self) -> tuple[str, ...]:
        """Distinct codes of the findings, those with the strongest evidence first."""
        return tuple(dict.fromkeys(finding.code for finding in self.findings))

    @property
    def worst(self) -> Level | None:
        """The strongest level of evidence among the findings; None if there are none."""
        return max((finding.level for finding in self.findings), default=None)

    def at_least(self, level: Level | str) -> tuple[Finding, ...]:
        """Return the findings with at least the given level of evidence.

        Args:
            level: `"proved"`, `"measured"` or `"suspected"`, or a `Level`.

        Returns:
            The findings in order.

        Raises:
            InputError: The level does not exist.
        """
        wanted = Level.of(level)
        return tuple(finding for finding in self.findings if finding.level >= wanted)

    def raise_on(self, level: Level | str = "proved") -> Diagnosis:
        """Raise an error if there is a finding with at least the given level of evidence.

        Args:
            level: Lowest level for which to raise, as for `at_least`.

        Returns:
            The diagnosis itself, if there is no such finding.

        Raises:
            FoundFault: A finding has at least this level. The error is an `AssertionError`.
            InputError: The level does not exist.
        """
        findings = self.at_least(level)
        if findings:
            raise FoundFault("\n\n".join(str(finding) for finding in findings))
        return self

    def explain(self, code: str) -> str:
        """Return the explanation of a rule: its purpose, and the basis of its levels of evidence.

        Args:
            code: Code of the rule, such as `"OR001"`.

        Returns:
            The explanation.

        Raises:
            InputError: The code does not exist.
        """
        if code not in self.explanations:
            codes = ", ".join(sorted(self.explanations))
            raise InputError(f"`code` must be the code of a rule: {codes}. Received: {code!r}.")
        return self.explanations[code]

    def sarif(self, uri: str = "model") -> dict[str, Any]:
        """Convert the findings to SARIF 2.1.0, the exchange format of code scanners.

        Args:
            uri: File of the model, which the results refer to.

        Returns:
            A dict for JSON.
        """
        return sarif(self.as_dict(), self.explanations, uri)

    def __repr__(self) -> str:
        counts = [
            f"{sum(f.level is level for f in self.findings)} {level.name}"
            for level in sorted(Level, reverse=True)
        ]
        return f"Diagnosis({self.model!r}, {', '.join(counts)})"

    def records(self) -> list[dict[str, Any]]:
        """Return one dict per finding, then one per note."""
        return [
            {
                "code": f.code, "level": f.level.name, "layer": f.layer, "title": f.title,
                "message": f.message, "fix": f.fix, "note": f.note,
            }
            for f in (*self.findings, *self.notes)
        ]  # fmt: skip

    def document(self) -> Document:
        """Return a document with the findings, the notes, and the parts that were not checked."""
        count = len(self.findings)
        what = f"{count} finding{'s' * (count > 1)}" if count else "no findings"
        if self.unread:
            what += f", {len(self.unread)} not checked"
        notes = [
            f"{n.code} {n.level.name} ({n.title}) {n.where}{n.message} Fix: {n.fix}"
            for n in self.notes
        ]
        left = max(len(self.unread) - MOST_UNREAD, 0)
        return Document(
            f"Diagnosis of {self.model} on {self.backend}, {self.rows:,} rows",
            f"{what} ({len(self.rules)} rules, {self.seconds:.1f} s).",
            (
                EntryList([finding.entry() for finding in self.findings]),
                Fold(
                    f"Notes: {len(notes)}",
                    [Listing("Notes (true, but not faults):", notes)],
                ),
                Fold(
                    f"Not checked: {len(self.unread)}",
                    [Listing("Not checked:", self.unread[:MOST_UNREAD], left)],
                ),
            ),
            {None: OPEN if self.unread else GOOD, Level.PROVED: BAD}.get(self.worst, OPEN),
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw findings and notes by rule and layer, colored by level.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        return plot_findings(self, ax)
