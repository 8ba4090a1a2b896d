"""Rendering of documents as HTML for notebooks and pages, without scripts or external content."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from .document import (
    Bar,
    Block,
    Cell,
    Code,
    Document,
    Drawing,
    EntryList,
    Fold,
    Listing,
    Paragraph,
    Table,
    Word,
)
from .style import PAGE, STYLE, bar, drawing
from .text import cell_text, fix_lines, more


SIDES = {"l": "left", "r": "right"}

TOP = "text-align:left;vertical-align:top"
"""Style of a cell with prose."""


def html(document: Document) -> str:
    """Render a document as an HTML `<div>` with a style sheet; all text is escaped.

    Alignment is part of the tags, so that it survives where style sheets are removed (untrusted
    notebooks, GitHub). The colors of text come from the style sheet.
    """
    title = _with_color(f"<strong>{escape(document.title)}</strong>", document.tone)
    lead = f": {_lines(document.lead)}" if document.lead else ""
    blocks = "".join(map(_block, document.shown))
    frame = f"outrange {_tone(document.tone)}".rstrip()
    over = f'<p class="outrange-over">{_lines(document.over)}</p>' if document.over else ""
    return f'<style>{STYLE}</style><div class="{frame}"><p>{title}{lead}</p>{over}{blocks}</div>'


def chapter(document: Document, level: int) -> str:
    """Render a document as part of a larger HTML page, with a heading and no style sheet.

    Args:
        level: Level of the heading, 2 to 6.
    """
    title = _with_color(escape(document.title), document.tone)
    lead = f"<p>{_lines(document.lead)}</p>" if document.lead else ""
    blocks = "".join(map(_block, document.shown))
    frame = f"outrange {_tone(document.tone)}".rstrip()
    return f'<div class="{frame}"><h{level}>{title}</h{level}>{lead}{blocks}</div>'


def page(document: Document) -> str:
    """Render a document as a complete HTML page."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(document.title)}</title>'
        f"<style>{PAGE}</style></head><body>{html(document)}</body></html>\n"
    )


def _tone(tone: str) -> str:
    return f"outrange-{tone}" if tone else ""


def _with_color(html_text: str, tone: str) -> str:
    return f'<span class="{_tone(tone)}">{html_text}</span>' if tone else html_text


def _block(block: Block) -> str:
    match block:
        case Table():
            below = f"<p>{more(block)}</p>" if block.omitted else ""
            return _table(block) + below
        case Listing():
            items = [*map(escape, block.items), *([more(block)] if block.omitted else [])]
            return f"<p>{escape(block.heading)}</p><ul>{_tags('li', items)}</ul>"
        case EntryList():
            return _entries(block)
        case Drawing():
            return (
                f"<figure>{drawing(block)}<figcaption>{_lines(block.caption)}</figcaption></figure>"
            )
        case Code():
            return f"<pre>{escape(block.text)}</pre>"
        case Paragraph():
            return f"<p>{_lines(block.text)}</p>"
        case Fold():
            inner = "".join(map(_block, Document("", "", block.blocks).shown))
            return f"<details><summary>{escape(block.heading)}</summary>{inner}</details>"


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _tags(tag: str, parts: Iterable[str], style: str = "") -> str:
    opened = f'<{tag} style="{style}">' if style else f"<{tag}>"
    return "".join(f"{opened}{part}</{tag}>" for part in parts)


def _table(table: Table) -> str:
    axis = table.axis

    def cell(shown: str, i: int, scope: str = "") -> str:
        # An empty header cell would be read aloud by a screen reader.
        tag, scoped = ("th", f' scope="{scope}"') if scope and shown else ("td", "")
        return f'<{tag}{scoped} style="text-align:{SIDES[table.side(i)]}">{shown}</{tag}>'

    def line(cells: Iterable[Cell], first: str, rest: str = "") -> str:
        texts = [_cell(content, axis) for content in cells]
        return "".join(cell(shown, i, rest if i else first) for i, shown in enumerate(texts))

    body = _tags("tr", (line(row, "row") for row in table.rows))
    head = f"<thead><tr>{line(table.head, 'col', 'col')}</tr></thead>"
    return f'<table style="margin-left:0">{head}<tbody>{body}</tbody></table>'


def _cell(cell: Cell, axis: tuple[float, float]) -> str:
    if isinstance(cell, Bar) and cell.is_bounded:
        return bar(cell, *axis)
    return _with_color(escape(cell_text(cell)), cell.tone if isinstance(cell, Word) else "")


def _entries(block: EntryList) -> str:
    rows = []
    for entry in block.items:
        fix = escape("\n".join(fix_lines(entry)))
        body = "".join(f"<br>{escape(line)}" for line in entry.lines)
        body += f"<pre>{fix}</pre>" if fix else ""
        mark = _cell(Word(entry.mark, entry.tone), (0.0, 0.0))
        names = _tags("td", (escape(entry.label), mark), f"{TOP};white-space:nowrap")
        rows.append(names + _tags("td", [f"<strong>{escape(entry.title)}</strong>{body}"], TOP))
    return f'<table style="margin-left:0"><tbody>{_tags("tr", rows)}</tbody></table>'
