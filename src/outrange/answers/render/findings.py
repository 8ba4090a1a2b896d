"""A diagnosis in words: for a terminal, and as a table for a notebook."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from .html import html_table
from .text import number


if TYPE_CHECKING:
    from ..diagnosis import Diagnosis, Finding

WIDTH = 96
INDENT = " " * 7


def finding_text(finding: Finding) -> str:
    """A finding in a few lines: what, the numbers, for which set, what to write instead."""
    head = f"{finding.code}  {finding.title}"
    lines = [f"{head}{finding.level.name.rjust(max(WIDTH - len(head), 2))}"]
    where = f"layer '{finding.layer}': " if finding.layer else ""
    lines += _wrapped(f"{where}{finding.message}")
    if finding.holds_for:
        lines += _wrapped(f"Holds for {finding.holds_for}.")
    for i, line in enumerate(finding.fix.splitlines()):
        lines.append(f"{INDENT}{'Fix: ' if i == 0 else '     '}{line}")
    return "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def diagnosis_text(answer: Diagnosis) -> str:
    """All findings, then the notes, then what could not be looked at."""
    count = len(answer.findings)
    what = "nothing found" if not count else f"{count} finding{'s' if count > 1 else ''}"
    lines = [
        f"Diagnosis of {answer.model} on {answer.backend}, {answer.rows:,} rows: {what} "
        f"({len(answer.rules)} rules, {answer.seconds:.1f} s)."
    ]
    for finding in answer.findings:
        lines += ["", finding_text(finding)]
    if answer.notes:
        lines += ["", "Notes (true, and no fault by themselves):"]
        for note in answer.notes:
            where = f"layer '{note.layer}': " if note.layer else ""
            lines += _wrapped(f"{note.code} {where}{note.message}")
    if answer.unread:
        lines += ["", "Not looked at:"]
        for reason in answer.unread[:8]:
            lines += _wrapped(f"- {reason}")
        if len(answer.unread) > 8:
            lines += [f"{INDENT}... and {len(answer.unread) - 8} more"]
    return "\n".join(lines)


def diagnosis_html(answer: Diagnosis) -> str:
    """The findings as a table."""
    rows = [
        [f.code, f.level.name, f.layer or "-", f.title, f.message, _interval(f), f.fix]
        for f in (*answer.findings, *answer.notes)
    ]
    head = ["code", "level", "layer", "what", "numbers", "interval", "fix"]
    note = f"{len(answer.rules)} rules, {answer.rows:,} rows of data."
    if answer.unread:
        note += f" Not looked at: {'; '.join(answer.unread[:3])}."
    return html_table(head, rows, f"Diagnosis of {answer.model} on {answer.backend}", note)


def _interval(finding: Finding) -> str:
    if finding.interval is None:
        return "-"
    return f"[{number(finding.interval[0])}, {number(finding.interval[1])}]"
