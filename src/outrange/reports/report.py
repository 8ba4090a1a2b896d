"""A report: its sections, the answers in them, and the page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ..answers.answer import Answer
from ..answers.render.text import text
from ..answers.storage.write import write_text
from .page import report_html
from .section import Section


@dataclass(frozen=True, eq=False)
class Report:
    """Many answers about one model over one input set, as one page.

    Args:
        model: The model's name.
        made: When, as text.
        sections: In the order of the page.
        standard: Whose headings the page has; None for its own.
        interrupted: Whether Ctrl-C ended the questions.
        title: The heading of the page; empty for one with the model's name.
    """

    model: str
    made: str
    sections: Sequence[Section]
    standard: str | None = None
    interrupted: bool = False
    title: str = ""

    @property
    def answers(self) -> dict[str, list[Answer]]:
        """From the key of a section, `"ranges"`, to the answers in it."""
        return {part.key: list(part.answers) for part in self.sections if part.answers}

    @property
    def cut(self) -> list[str]:
        """The headings of the sections that are not complete."""
        return [part.title for part in self.sections if part.cut]

    def html(self, path: str | os.PathLike | None = None) -> str:
        """Render the page: self-contained, no script, every name escaped.

        Args:
            path: Also write it there.

        Returns:
            The page.

        Raises:
            InputError: It cannot be written there.
        """
        lead = f"A report of {self.made} on what is proved, what was seen, and what is not known."
        title = self.title or f"What {self.model} can output"
        page = report_html(title, lead, self.sections, self.standard)
        if path is not None:
            write_text("report", page, path)
        return page

    def __str__(self) -> str:
        parts = [
            "\n\n".join([part.title, *map(text, part.documents)])
            for part in self.sections
            if part.answers
        ]
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        told = f", cut short: {', '.join(self.cut)}" if self.cut else ""
        return f"Report({self.model!r}, {len(self.sections)} sections{told})"

    def _repr_html_(self) -> str:
        page = escape(self.html())
        return f'<iframe title="Report" srcdoc="{page}" width="100%" height="640"></iframe>'
