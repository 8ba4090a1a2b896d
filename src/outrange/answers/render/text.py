"""Numbers and documents as plain text; no library, so that an answer prints anywhere."""

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
    number as number,
    outward as outward,
    share as share,
    short as short,
    size as size,
    tidy as tidy,
    vector as vector,
)


WIDTH, WIDEST = 96, 100
"""Characters to which sentences are wrapped, and those of the widest table."""

BAR, SHORTEST_BAR = 30, 12
"""Characters of a bar, and of one in a table that would be too wide."""

LONGEST_LABEL = 28
"""Characters of the label of an entry."""

SHORTEST_NAME = 12
"""Characters to which a column of words is cut at most, the middle left out."""

CLAIM, SEEN, EMPTY, TICK = "░", "█", " ", "│"
"""Cells of a bar: what is proved, what was seen, nothing, and one number."""


def entry_names(outputs: Mapping[str, tuple[int, ...]]) -> list[str]:
    """One label per output entry: `name[i, j]`."""
    return [
        f"{name}[{', '.join(map(str, index))}]" if index else name
        for name, shape in outputs.items()
        for index in np.ndindex(*shape)
    ]


def point(x: Any, name: str = "", most: int = 8) -> str:
    """An input or output in short: `x = [0., 2.5]`, or just the vector without a name.

    Args:
        x: An array, or a mapping from names to arrays; None for what is not known.
        name: Of an array.
        most: Larger arrays are told by their size and the numbers they lie between.
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
    """A name of at most so many characters, its middle left out."""
    if len(name) <= most:
        return name
    tail = (most - 1) // 2
    return f"{name[: most - 1 - tail]}…{name[len(name) - tail :]}"


def text(document: Document) -> str:
    """A document as lines of at most `WIDTH` characters, no line break at the end.

    Paragraphs follow the title and each other; all other blocks stand between blank lines.
    """
    lines = wrapped(": ".join(part for part in (document.title, document.lead) if part))
    lines += wrapped(document.over)
    close = True
    for block in _unfolded(document.shown):
        flows = isinstance(block, Paragraph | Drawing)
        lines += [] if flows and close else [""]
        lines += block_lines(block)
        close = flows
    return "\n".join(lines)


def _unfolded(blocks: Sequence[Block]) -> list[Block]:
    """The blocks that text shows."""
    found: list[Block] = []
    for block in blocks:
        if not isinstance(block, Fold):
            found.append(block)
        elif block.in_text:
            found += _unfolded(Document("", "", block.blocks).shown)
    return found


def wrapped(lines: str) -> list[str]:
    """Lines no longer than `WIDTH`; what follows a break is indented."""
    return [part for line in lines.splitlines() for part in (_wrapped(line, "", "  ") or [""])]


def block_lines(block: Block) -> list[str]:
    """One block as lines."""
    match block:
        case Table():
            return _table(block)
        case Listing():
            items = [line for item in block.items for line in _wrapped(item, "  ", "    ")]
            return [block.heading, *items, *([f"  {more(block)}"] if block.omitted else [])]
        case EntryList():
            return _entries(block.items)
        case Paragraph():
            return wrapped(block.text)
        case Code():
            return block.text.splitlines()
        case Fold():
            return [line for part in block.blocks for line in block_lines(part)]
        case Drawing():
            return []


def more(block: Table | Listing) -> str:
    """What is said of rows or items that are not shown."""
    return f"and {block.omitted:,} more (as_dict() and the JSON have all)"


def cell_text(cell: Cell) -> str:
    """A cell; of a bar, what is said where it cannot be drawn."""
    match cell:
        case str():
            return cell if cell.isprintable() else cell.encode("unicode_escape").decode()
        case Word():
            return cell_text(cell.text)
        case Interval():
            return f"[{number(cell.lo)}, {number(cell.hi)}]"
        case Bar():
            return "unbounded"
        case int():
            return f"{cell:,}"
    return number(cell)


def _table(table: Table) -> list[str]:
    """Lines no wider than `WIDEST`: bars shrink, then go, then the longest names lose their middle.

    The numbers stand beside the bars, and are never cut.
    """
    rows = [list(table.head), *(["" if isinstance(c, Bar) and c.is_bounded else cell_text(c)
                                 for c in row] for row in table.rows)]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    bars = [any(isinstance(row[i], Bar) for row in table.rows) for i in range(len(widths))]
    room = WIDEST - sum(w for w, bar in zip(widths, bars, strict=True) if not bar)
    room -= 2 * (len(widths) - 1)
    cells = min(BAR, room)
    kept = [i for i, bar in enumerate(bars) if cells >= SHORTEST_BAR or not bar]
    for i in (i for i in kept if bars[i]):
        widths[i] = max(widths[i], cells)
        for row, told in zip(table.rows, rows[1:], strict=True):
            bar = row[i]
            told[i] = (
                _bar(bar, *table.axis, cells)
                if isinstance(bar, Bar) and bar.is_bounded
                else told[i]
            )
    _cut_names(table, rows, widths, kept)

    def line(row: Sequence[str]) -> str:
        parts = [
            row[i].ljust(widths[i]) if table.side(i) == "l" else row[i].rjust(widths[i])
            for i in kept
        ]
        return "  ".join(parts).rstrip()

    head, *body = map(line, rows)
    rule = "─" * (sum(widths[i] for i in kept) + 2 * (len(kept) - 1))
    return [head, rule, *body, *([more(table)] if table.omitted else [])]


def _cut_names(table: Table, rows: list[list[str]], widths: list[int], kept: list[int]) -> None:
    """Shorten the longest columns of words until all fits, as far as that may go."""
    words = [i for i in kept if any(isinstance(row[i], str | Word) for row in table.rows)]
    while True:
        over = sum(widths[i] for i in kept) + 2 * (len(kept) - 1) - WIDEST
        longest = max(words, key=lambda i: widths[i], default=None)
        if over <= 0 or longest is None or widths[longest] <= SHORTEST_NAME:
            return
        second = max((widths[i] for i in words if widths[i] < widths[longest]), default=0)
        widths[longest] = max(widths[longest] - over, second - 1, SHORTEST_NAME)
        for row in rows:
            row[longest] = _shortened(row[longest], widths[longest])


def _shortened(name: str, most: int) -> str:
    """A name of at most so many characters; what stands in parentheses behind it goes first."""
    bare, opened, _ = name.partition(" (")
    if len(name) > most and opened and name.endswith(")"):
        for mark in (" (…)", "…"):
            if len(bare) + len(mark) <= most:
                return bare + mark
        return clipped_name(bare, most)
    return clipped_name(name, most)


def _bar(bar: Bar, left: float, right: float, cells: int) -> str:
    """Cells whose middle lies in the interval are filled, and at least one; a number is a tick."""
    share = (np.arange(cells) + 0.5) / cells
    middle = left * (1 - share) + right * share
    drawn = np.full(cells, EMPTY)
    if bar.is_constant:
        at = (bar.lo / 2 - left / 2) / (right / 2 - left / 2) if right > left else 0.5
        drawn[int(np.clip(at * cells, 0, cells - 1))] = TICK
        return "".join(drawn)
    for lo, hi, mark in ((bar.lo, bar.hi, CLAIM), (bar.seen_lo, bar.seen_hi, SEEN)):
        if lo <= hi:
            first = min(int(np.searchsorted(middle, lo)), cells - 1)
            last = int(np.searchsorted(middle, hi, side="right"))
            drawn[first : max(last, first + 1)] = mark
    return "".join(drawn)


def _entries(entries: Sequence[Entry]) -> list[str]:
    labels = [clipped_name(entry.label, LONGEST_LABEL) for entry in entries]
    width = max(map(len, labels)) + 2
    indent, lines = " " * width, []
    for label, entry in zip(labels, entries, strict=True):
        head = _wrapped(f"{label.ljust(width)}{entry.title}", "", indent)
        mark = entry.mark.rjust(max(WIDTH - len(head[0]), 2)) if entry.mark else ""
        lines += [*([""] if lines and entry.mark else []), f"{head[0]}{mark}", *head[1:]]
        lines += [line for part in entry.lines for line in _wrapped(part, indent, indent)]
        lines += [f"{indent}{line}" for line in fix_lines(entry)]
    return lines


def fix_lines(entry: Entry) -> list[str]:
    """The code of an entry, its lines below each other."""
    return f"Fix: {entry.fix}".replace("\n", "\n     ").splitlines() if entry.fix else []


def _wrapped(sentence: str, first: str, then: str) -> list[str]:
    return wrap(
        sentence,
        WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )
