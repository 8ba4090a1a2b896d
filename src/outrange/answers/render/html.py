"""A document in a notebook: tables with small pictures, no script, no style sheet."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import numpy as np

from .document import (
    Bar,
    Block,
    Cell,
    Code,
    Document,
    Drawing,
    EntryList,
    Listing,
    Paragraph,
    Table,
)
from .text import cell_text, fix_lines, more


WIDTH, HEIGHT = 160, 14
"""Of a bar, in pixels."""

SIDE = 240
"""Of a drawing, in pixels."""

CLAIM, SEEN, AXIS = "#b7c9e8", "#1f4e9c", "#888"
"""Blues that are told apart on a light page and on a dark one."""

DARK, PALE = "#b3312c", "#e7c9a9"
"""Of the polygons of a drawing."""

SIDES = {"l": "left", "r": "right"}

TOP = "text-align:left;vertical-align:top"
"""Style of a cell that is read, not compared with those below it."""


def html(document: Document) -> str:
    """A document as HTML; every text in it is escaped."""
    title = f"<strong>{escape(document.title)}</strong>"
    lead = f": {_lines(document.lead)}" if document.lead else ""
    blocks = "".join(map(_block, document.shown))
    return f"<div><p>{title}{lead}</p>{blocks}</div>"


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
            return _drawing(block)
        case Code():
            return f"<pre>{escape(block.text)}</pre>"
        case Paragraph():
            return f"<p>{_lines(block.text)}</p>"


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _tags(tag: str, parts: Iterable[str], style: str = "") -> str:
    opened = f'<{tag} style="{style}">' if style else f"<{tag}>"
    return "".join(f"{opened}{part}</{tag}>" for part in parts)


def _table(table: Table) -> str:
    axis = table.axis

    def line(cells: Iterable[Cell], tag: str) -> str:
        return "".join(
            _tags(tag, [_cell(cell, axis)], f"text-align:{SIDES[table.side(i)]}")
            for i, cell in enumerate(cells)
        )

    body = _tags("tr", (line(row, "td") for row in table.rows))
    return f"<table><thead><tr>{line(table.head, 'th')}</tr></thead><tbody>{body}</tbody></table>"


def _cell(cell: Cell, axis: tuple[float, float]) -> str:
    if isinstance(cell, Bar) and cell.is_bounded:
        return _bar(cell, *axis)
    return escape(cell_text(cell))


def _bar(bar: Bar, left: float, right: float) -> str:
    """The interval on the axis, what was seen inside it, a mark at 0."""

    def at(x: float) -> float:
        # Halves: the width of the axis itself may overflow.
        share = (x / 2 - left / 2) / (right / 2 - left / 2) if right > left else 0.5
        return 1 + (WIDTH - 2) * share

    def rect(lo: float, hi: float, color: str, height: int) -> str:
        return (
            f'<rect x="{at(lo):.1f}" y="{(HEIGHT - height) / 2:.1f}" '
            f'width="{max(at(hi) - at(lo), 1.0):.1f}" height="{height}" fill="{color}"/>'
        )

    parts = [rect(bar.lo, bar.hi, CLAIM, 10)]
    if bar.seen_lo <= bar.seen_hi:
        parts.append(rect(bar.seen_lo, bar.seen_hi, SEEN, 4))
    if left <= 0 <= right:
        parts.append(f'<path d="M{at(0.0):.1f} 0V{HEIGHT}" stroke="{AXIS}"/>')
    return f'<svg width="{WIDTH}" height="{HEIGHT}">{"".join(parts)}</svg>'


def _entries(block: EntryList) -> str:
    rows = []
    for entry in block.items:
        fix = escape("\n".join(fix_lines(entry)))
        body = "".join(f"<br>{escape(line)}" for line in entry.lines)
        body += f"<pre>{fix}</pre>" if fix else ""
        names = _tags("td", map(escape, (entry.label, entry.mark)), f"{TOP};white-space:nowrap")
        rows.append(names + _tags("td", [f"<strong>{escape(entry.title)}</strong>{body}"], TOP))
    return f"<table>{_tags('tr', rows)}</table>"


def _drawing(drawing: Drawing) -> str:
    """The rectangle of a drawing, its second axis upwards; a low strip if that means nothing."""
    high = SIDE if drawing.labels[1] else SIDE // 8
    scale = np.array([SIDE, -high]) / (drawing.hi - drawing.lo)

    def shape(dark: bool, corners: np.ndarray) -> str:
        places = (corners - drawing.lo) * scale + [0.0, high]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        return f'<polygon points="{path}" fill="{DARK if dark else PALE}"/>'

    shapes = "".join(shape(dark, corners) for dark, corners in drawing.polygons)
    frame = f'<rect width="{SIDE}" height="{high}" fill="none" stroke="{AXIS}"/>'
    picture = f'<svg width="{SIDE}" height="{high}">{shapes}{frame}</svg>'
    return f"<figure>{picture}<figcaption>{_lines(drawing.caption)}</figcaption></figure>"
