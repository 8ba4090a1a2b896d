"""The report record: its sections, their answers, and the page."""

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
        model: Name of the model.
        made: Time at which the report was made, as text.
        sections: Sections in any order; the page sorts them.
        standard: The standard under whose headings the page is organized, or None.
        interrupted: Whether Ctrl-C ended the report before all questions were answered.
        title: Heading of the page; if empty, a standard heading with the model's name is used.
    """

    model: str
    made: str
    sections: Sequence[Section]
    standard: str | None = None
    interrupted: bool = False
    title: str = ""

    @property
    def answers(self) -> dict[str, list[Answer]]:
        """Dict from the key of a section, such as `"ranges"`, to its answers."""
        return {part.key: list(part.answers) for part in self.sections if part.answers}

    @property
    def cut(self) -> list[str]:
        """The headings of the incomplete sections."""
        return [part.title for part in self.sections if part.cut]

    def html(self, path: str | os.PathLike | None = None) -> str:
        """Render the page: self-contained, without scripts, with every name escaped.

        Args:
            path: File to write the page to; None to write no file.

        Returns:
            The page.

        Raises:
            InputError: The file cannot be written.
        """
        lead = f"Report of {self.made}: what is proved, what was seen, and what is open."
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
        cut = f", incomplete: {', '.join(self.cut)}" if self.cut else ""
        return f"Report({self.model!r}, answers: {', '.join(self.answers) or 'none'}{cut})"

    def _repr_html_(self) -> str:
        page = escape(self.html())
        return f'<iframe title="Report" srcdoc="{page}" width="100%" height="640"></iframe>'
