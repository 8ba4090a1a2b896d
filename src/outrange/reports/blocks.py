"""Untitled blocks of a page as HTML, with tables that scroll by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ..answers.render.document import Block, Document
from ..answers.render.html import chapter


def blocks_html(blocks: Sequence[Block], label: str) -> str:
    """Return blocks as HTML without a title, or an empty string if there are none.

    Args:
        blocks: Tables, paragraphs and folds, in the order of the page.
        label: Subject of the blocks, for screen readers.
    """
    if not blocks:
        return ""
    shown = chapter(Document("", "", blocks), 6)
    return with_scrollable_tables(shown.replace("<h6></h6>", ""), label)


def with_scrollable_tables(shown: str, label: str) -> str:
    """Wrap each table in HTML that lets a wide table scroll separately, including by keyboard."""
    opened = f'<div class="scroll" role="group" tabindex="0" aria-label="Table: {escape(label)}">'
    return shown.replace("<table", f"{opened}<table").replace("</table>", "</table></div>")
