"""Rendering of names, vectors and documents as plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .document import (
    Bar,
    Block,
    Cell,
    Code,
    Document,
    Drawing,
    Entry,
    EntryList,
    Fold,
    Interval,
    Listing,
    Paragraph,
    Table,
    Word,
)
from .numbers import (
    bound as bound,
    ends_text as ends_text,
    number as number,
    outward as outward,
    outward_ends as outward_ends,
    share as share,
    short as short,
    size as size,
    tidy as tidy,
    vector as vector,
)


WIDTH, WIDEST = 96, 100
"""Maximum number of characters per line, in sentences and in tables."""

BAR, SHORTEST_BAR = 30, 10
"""Length of a bar in characters, and its minimum in a table that would otherwise be too wide."""

LONGEST_LABEL = 28
"""Maximum number of characters of the label of an entry."""

SHORTEST_NAME = 12
"""Minimum width in characters to which a column of words is shortened."""

CLAIM, SEEN, EMPTY, TICK = "░", "█", " ", "│"
"""Characters of a bar: proved, seen, empty, and a single number."""


def entry_names(outputs: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return one label per output entry, such as `name[i, j]`."""
    return [
        f"{name}[{', '.join(map(str, index))}]" if index else name
        for name, shape in outputs.items()
        for index in np.ndindex(*shape)
    ]


def point(x: Any, name: str = "", most: int = 8) -> str:
    """Format an input or output briefly: `x = [0., 2.5]`, or just the vector if `name` is empty.

    Args:
        x: An array, or a mapping from names to arrays; None if unknown.
        name: Name of an array.
        most: Maximum number of entries; larger arrays show their size and range.
    """
    if x is None:
        return "None"
    parts = x if isinstance(x, Mapping) else {name: x}
    return ", ".join(
        f"{name} = {_short_vector(part, most)}" if name else _short_vector(part, most)
        for name, part in parts.items()
    )


def _short_vector(values: ArrayLike, most: int) -> str:
    values = np.asarray(values)
    if values.size <= most:
        return vector(values, most)
    ends = (number(float(end)) for end in (values.min(), values.max()))
    return f"({values.size:,} numbers from {' to '.join(ends)})"


def clipped_name(name: str, most: int) -> str:
    """Shorten a name to at most `most` characters by replacing its middle with an ellipsis."""
    if len(name) <= most:
        return name
    tail = (most - 1) // 2
    return f"{name[: most - 1 - tail]}…{name[len(name) - tail :]}"


def text(document: Document) -> str:
    """Render a document as plain text, without a final line break.

    Sentences are wrapped at `WIDTH` characters. Tables are at most `WIDEST` characters wide if
    possible. Paragraphs follow the title and each other directly; blank lines separate all other
    blocks.
    """
    lines = wrap_lines(": ".join(part for part in (document.title, document.lead) if part))
    lines += wrap_lines(document.over)
    close = True
    for block in _unfold(document.shown):
        flows = isinstance(block, Paragraph | Drawing)
        lines += [] if flows and close else [""]
        lines += block_lines(block)
        close = flows
    return "\n".join(lines)


def _unfold(blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks that plain text shows, with folded blocks in place of their folds."""
    shown: list[Block] = []
    for block in blocks:
        if not isinstance(block, Fold):
            shown.append(block)
        elif block.in_text:
            shown += _unfold(Document("", "", block.blocks).shown)
    return shown


def wrap_lines(lines: str) -> list[str]:
    """Wrap each line at `WIDTH` characters between words, with continuation lines indented."""
    return [part for line in lines.splitlines() for part in (_wrap(line, "", "  ") or [""])]


def block_lines(block: Block) -> list[str]:
    """Render one block as lines of plain text."""
    match block:
        case Table():
            return _table(block)
        case Listing():
            items = [line for item in block.items for line in _wrap(item, "  ", "    ")]
            return [block.heading, *items, *([f"  {more(block)}"] if block.omitted else [])]
        case EntryList():
            return _entries(block.items)
        case Paragraph():
            return wrap_lines(block.text)
        case Code():
            return block.text.splitlines()
        case Fold():
            return [line for part in block.blocks for line in block_lines(part)]
        case Drawing():
            return []


def more(block: Table | Listing) -> str:
    """Return the remark about rows or items that are not shown."""
    return f"and {block.omitted:,} more (as_dict() and the JSON output contain all of them)"


def cell_text(cell: Cell) -> str:
    """Format a table cell as text; a `Bar`, which must be infinite here, becomes "unbounded".

    The bounds of an `Interval` are rounded outward.
    """
    match cell:
        case str():
            return cell if cell.isprintable() else cell.encode("unicode_escape").decode()
        case Word():
            return cell_text(cell.text)
        case Interval():
            return f"[{', '.join(map(number, outward_ends(cell.lo, cell.hi)))}]"
        case Bar():
            return "unbounded"
        case int():
            return f"{cell:,}"
    return number(cell)


def _table(table: Table) -> list[str]:
    """Render a table as lines, if possible no wider than `WIDEST`.

    Bars are shortened or omitted first, then long names are shortened. Numbers are never cut.
    """
    rows = [list(table.head), *(["" if isinstance(c, Bar) and c.is_bounded else cell_text(c)
                                 for c in row] for row in table.rows)]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    bars = [any(isinstance(row[i], Bar) for row in table.rows) for i in range(len(widths))]
    room = WIDEST - sum(w for w, bar in zip(widths, bars, strict=True) if not bar)
    room -= 2 * (len(widths) - 1)
    cells = min(BAR, room)
    shown = [i for i, bar in enumerate(bars) if cells >= SHORTEST_BAR or not bar]
    for i in (i for i in shown if bars[i]):
        widths[i] = max(widths[i], cells)
        for row, texts in zip(table.rows, rows[1:], strict=True):
            bar = row[i]
            texts[i] = (
                _bar(bar, *table.axis, cells)
                if isinstance(bar, Bar) and bar.is_bounded
                else texts[i]
            )
    _cut_names(table, rows, widths, shown)

    def line(row: Sequence[str]) -> str:
        parts = [
            row[i].ljust(widths[i]) if table.side(i) == "l" else row[i].rjust(widths[i])
            for i in shown
        ]
        return "  ".join(parts).rstrip()

    head, *body = map(line, rows)
    rule = "─" * (sum(widths[i] for i in shown) + 2 * (len(shown) - 1))
    return [head, rule, *body, *([more(table)] if table.omitted else [])]


def _cut_names(table: Table, rows: list[list[str]], widths: list[int], shown: list[int]) -> None:
    """Shorten the widest columns of words, down to `SHORTEST_NAME`, until the table fits."""
    words = [i for i in shown if any(isinstance(row[i], str | Word) for row in table.rows)]
    while True:
        over = sum(widths[i] for i in shown) + 2 * (len(shown) - 1) - WIDEST
        longest = max(words, key=lambda i: widths[i], default=None)
        if over <= 0 or longest is None or widths[longest] <= SHORTEST_NAME:
            return
        second = max((widths[i] for i in words if widths[i] < widths[longest]), default=0)
        widths[longest] = max(widths[longest] - over, second - 1, SHORTEST_NAME)
        for row in rows:
            row[longest] = _shorten(row[longest], widths[longest])


def _shorten(name: str, most: int) -> str:
    """Shorten a name to at most `most` characters; a suffix in parentheses is cut first."""
    bare, opened, _ = name.partition(" (")
    if len(name) > most and opened and name.endswith(")"):
        for mark in (" (…)", "…"):
            if len(bare) + len(mark) <= most:
                return bare + mark
        return clipped_name(bare, most)
    return clipped_name(name, most)


def _bar(bar: Bar, left: float, right: float, cells: int) -> str:
    """Draw a bar with `cells` characters on the axis from `left` to `right`.

    A character is filled if its middle lies in the interval; at least one character is filled. A
    constant is drawn as a tick.
    """
    share = (np.arange(cells) + 0.5) / cells
    middle = left * (1 - share) + right * share
    marks = np.full(cells, EMPTY)
    if bar.is_constant:
        width = right / 2 - left / 2  # 0 between 0 and the least positive number
        at = (bar.lo / 2 - left / 2) / width if width > 0 else 0.5
        marks[int(np.clip(at * cells, 0, cells - 1))] = TICK
        return "".join(marks)
    for lo, hi, mark in ((bar.lo, bar.hi, CLAIM), (bar.seen_lo, bar.seen_hi, SEEN)):
        if lo <= hi:
            first = min(int(np.searchsorted(middle, lo)), cells - 1)
            last = int(np.searchsorted(middle, hi, side="right"))
            marks[first : max(last, first + 1)] = mark
    return "".join(marks)


def _entries(entries: Sequence[Entry]) -> list[str]:
    labels = [clipped_name(entry.label, LONGEST_LABEL) for entry in entries]
    width = max(map(len, labels)) + 2
    indent, lines = " " * width, []
    for label, entry in zip(labels, entries, strict=True):
        head = _wrap(f"{label.ljust(width)}{entry.title}", "", indent)
        mark = entry.mark.rjust(max(WIDTH - len(head[0]), 2)) if entry.mark else ""
        lines += [*([""] if lines and entry.mark else []), f"{head[0]}{mark}", *head[1:]]
        lines += [line for part in entry.lines for line in _wrap(part, indent, indent)]
        lines += [f"{indent}{line}" for line in fix_lines(entry)]
    return lines


def fix_lines(entry: Entry) -> list[str]:
    """Return lines with `Fix:` and the proposed repair of an entry; empty if it has none."""
    return f"Fix: {entry.fix}".replace("\n", "\n     ").splitlines() if entry.fix else []


def _wrap(sentence: str, first: str, then: str) -> list[str]:
    return wrap(
        sentence,
        WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )
