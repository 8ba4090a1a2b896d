"""A document as HTML: for notebooks, and as a page of its own; no script, nothing external."""

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
"""Style of a cell that is read, not compared with those below it."""


def html(document: Document) -> str:
    """A document as HTML; every text in it is escaped.

    Alignment stands in the tags themselves, so that it survives where style sheets are taken out
    (notebooks that are not trusted, GitHub); colors come from the one style sheet in front.
    """
    title = _toned(f"<strong>{escape(document.title)}</strong>", document.tone)
    lead = f": {_lines(document.lead)}" if document.lead else ""
    blocks = "".join(map(_block, document.shown))
    frame = f"outrange {_tone(document.tone)}".rstrip()
    over = f'<p class="outrange-over">{_lines(document.over)}</p>' if document.over else ""
    return f'<style>{STYLE}</style><div class="{frame}"><p>{title}{lead}</p>{over}{blocks}</div>'


def chapter(document: Document, level: int) -> str:
    """A document as a part of a larger page: its title a heading, no style sheet.

    Args:
        document: What to show.
        level: Of the heading, 2 to 6.
    """
    title = _toned(escape(document.title), document.tone)
    lead = f"<p>{_lines(document.lead)}</p>" if document.lead else ""
    blocks = "".join(map(_block, document.shown))
    frame = f"outrange {_tone(document.tone)}".rstrip()
    return f'<div class="{frame}"><h{level}>{title}</h{level}>{lead}{blocks}</div>'


def page(document: Document) -> str:
    """A whole page, to open in a browser."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(document.title)}</title>'
        f"<style>{PAGE}</style></head><body>{html(document)}</body></html>\n"
    )


def _tone(tone: str) -> str:
    return f"outrange-{tone}" if tone else ""


def _toned(told: str, tone: str) -> str:
    return f'<span class="{_tone(tone)}">{told}</span>' if tone else told


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
        # A header without text heads nothing, which a screen reader would say aloud.
        tag, said = ("th", f' scope="{scope}"') if scope and shown else ("td", "")
        return f'<{tag}{said} style="text-align:{SIDES[table.side(i)]}">{shown}</{tag}>'

    def line(cells: Iterable[Cell], first: str, rest: str = "") -> str:
        shown = [_cell(one, axis) for one in cells]
        return "".join(cell(told, i, rest if i else first) for i, told in enumerate(shown))

    body = _tags("tr", (line(row, "row") for row in table.rows))
    head = f"<thead><tr>{line(table.head, 'col', 'col')}</tr></thead>"
    return f'<table style="margin-left:0">{head}<tbody>{body}</tbody></table>'


def _cell(cell: Cell, axis: tuple[float, float]) -> str:
    if isinstance(cell, Bar) and cell.is_bounded:
        return bar(cell, *axis)
    return _toned(escape(cell_text(cell)), cell.tone if isinstance(cell, Word) else "")


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
