"""The answer of `outrange.diagnose`: findings, each with its level of proof."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, overload

from ..core import InputError
from .answer import Answer
from .render.document import BAD, GOOD, OPEN, Document, Entry, EntryList, Fold, Interval, Listing
from .render.jsonable import field_dict
from .render.sarif import sarif
from .render.text import block_lines, cell_text
from .tables.findings import plot_findings


class Level(IntEnum):
    """What stands behind a finding."""

    SUSPECTED = 1
    """A rule of thumb: nothing was proved, nothing was measured."""
    MEASURED = 2
    """Seen in a short measurement on the data given."""
    PROVED = 3
    """A bound or an exact fact of the program's structure; `holds_for` says for which set."""

    @classmethod
    def of(cls, level: Level | str) -> Level:
        """Convert a name to a level.

        Args:
            level: A level, or its name in any case.

        Returns:
            The level.

        Raises:
            InputError: There is no such level.
        """
        if isinstance(level, Level):
            return level
        try:
            return cls[str(level).upper()]
        except KeyError:
            names = ", ".join(repr(one.name.lower()) for one in cls)
            raise InputError(f"A level is one of {names}. Received: {level!r}.") from None


@dataclass(frozen=True, eq=False)
class Finding:
    """One fault that hinders learning, or a fact worth knowing.

    Args:
        code: The rule's, `"OR001"`; codes never change their meaning.
        title: The rule in a few words.
        level: What stands behind it.
        layer: Path of the layer it is about; `""` where it is about the whole.
        message: One or two sentences with the numbers.
        fix: What to write instead, as code.
        holds_for: The set for which it is true: which inputs, which weights.
        interval: `(lo, hi)` that proves it, if one does.
        cost: What it costs: `loss_floor`, `share`, `unreachable`, ...
        note: A true fact that is no fault by itself; kept apart from the findings.
        tried: What the fix did on a copy, where it was tried.
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
        """Everything, ready for JSON."""
        return field_dict(self)

    @property
    def where(self) -> str:
        """The layer, before what is said of it."""
        return f"layer '{self.layer}': " if self.layer else ""

    def entry(self) -> Entry:
        """What, the numbers, for which set, what to write instead."""
        lines = [f"{self.where}{self.message}"]
        if self.holds_for:
            lines.append(f"Holds for {self.holds_for}.")
        if self.interval is not None:
            lines.append(f"Proved by the interval {cell_text(Interval(*self.interval))}.")
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
"""More of what could not be looked at is only counted."""


class FoundFault(AssertionError):
    """`raise_on` met a finding of the level asked for; its text is the diagnosis."""


@dataclass(frozen=True, eq=False)
class Diagnosis(Answer, Sequence):
    """The findings of one model with one data set, as a sequence.

    Args:
        model: The model's name.
        backend: What it runs on.
        findings: Faults, the surest first.
        notes: True facts that are no fault by themselves.
        unread: What could not be checked, and why.
        rules: Code to title of every rule that was applied.
        explanations: Code to a longer text, for `explain`.
        ignored: Codes that were left out on request.
        rows: Number of rows of data looked at.
        seconds: Wall-clock time in seconds.
        sources: The models it is about, each with its hash.
        over: The input set it is about; None if that is not known.
        provenance: What was asked, of which release; None where it was not recorded.
        certificate: Where one was asked for: which file holds it, or why there is none.
        late: By how much a time limit was exceeded, or which effort ended the search.
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
        """The findings' codes, the surest first."""
        return tuple(dict.fromkeys(finding.code for finding in self.findings))

    @property
    def worst(self) -> Level | None:
        """The highest level found; None if there is no finding."""
        return max((finding.level for finding in self.findings), default=None)

    def at_least(self, level: Level | str) -> tuple[Finding, ...]:
        """Select the findings of a level or above.

        Args:
            level: `"proved"`, `"measured"` or `"suspected"`, or a `Level`.

        Returns:
            The findings, in their order.

        Raises:
            InputError: There is no such level.
        """
        wanted = Level.of(level)
        return tuple(finding for finding in self.findings if finding.level >= wanted)

    def raise_on(self, level: Level | str = "proved") -> Diagnosis:
        """Raise if there is a finding of a level or above.

        Args:
            level: As for `at_least`.

        Returns:
            The diagnosis itself, if there is none.

        Raises:
            FoundFault: There is one; an `AssertionError`.
            InputError: There is no such level.
        """
        found = self.at_least(level)
        if found:
            raise FoundFault("\n\n".join(str(finding) for finding in found))
        return self

    def explain(self, code: str) -> str:
        """Explain what a rule looks for, why it matters, and what its levels rest on.

        Args:
            code: The rule's code, `"OR001"`.

        Returns:
            The text.

        Raises:
            InputError: There is no such code.
        """
        if code not in self.explanations:
            known = ", ".join(sorted(self.explanations))
            raise InputError(f"The codes are {known}. Received: {code!r}.")
        return self.explanations[code]

    def sarif(self, uri: str = "model") -> dict[str, Any]:
        """Convert the findings to the format that code scanners exchange (SARIF 2.1.0).

        Args:
            uri: The model's file, which the results point to.

        Returns:
            A dict ready for JSON.
        """
        return sarif(self.as_dict(), self.explanations, uri)

    def __repr__(self) -> str:
        counts = [
            f"{sum(f.level is level for f in self.findings)} {level.name}"
            for level in sorted(Level, reverse=True)
        ]
        return f"Diagnosis({self.model!r}, {', '.join(counts)})"

    def records(self) -> list[dict[str, Any]]:
        """One dict a finding, then one a note."""
        return [
            {
                "code": f.code, "level": f.level.name, "layer": f.layer, "title": f.title,
                "message": f.message, "fix": f.fix, "note": f.note,
            }
            for f in (*self.findings, *self.notes)
        ]  # fmt: skip

    def document(self) -> Document:
        """All findings, then the notes, then what could not be looked at."""
        count = len(self.findings)
        what = f"{count} finding{'s' * (count > 1)}" if count else "nothing found"
        if self.unread:
            what += f", {len(self.unread)} not looked at"
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
                    [Listing("Notes (true, and no fault by themselves):", notes)],
                ),
                Fold(
                    f"Not looked at: {len(self.unread)}",
                    [Listing("Not looked at:", self.unread[:MOST_UNREAD], left)],
                ),
            ),
            {None: OPEN if self.unread else GOOD, Level.PROVED: BAD}.get(self.worst, OPEN),
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw which rule found something in which layer, and how sure it is. Needs matplotlib.

        Args:
            ax: Matplotlib axes to draw on; a new figure if None.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        return plot_findings(self, ax)
