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
    Interval,
    Listing,
    Paragraph,
    Table,
)


DIGITS = 6
"""Significant digits on display; the arrays keep all of them."""

WIDTH = 96
"""Listings and entries are wrapped to this many characters."""

BAR = 30
"""Characters of a bar."""

WIDEST = 120
"""Of a table that would be wider, the bars are left out: the numbers stand beside them."""

CLAIM, SEEN, EMPTY = "░", "█", " "


def tidy(values: ArrayLike, scale: ArrayLike) -> np.ndarray:
    """`values` rounded to nearest at `DIGITS` digits of `scale`; no negative zeros, no residues.

    For display only. A bound of -4e-16 beside a range of 2 shows as 0.
    """
    values = np.asarray(values, np.float64)
    scale = np.broadcast_to(np.asarray(scale, np.float64), values.shape)
    safe = np.where(np.isfinite(scale) & (scale > 0), scale, 1.0)
    unit = 10.0 ** np.clip(np.floor(np.log10(safe)) - (DIGITS - 1), -300, 300)
    steps = np.round(values / unit)
    back = np.where(unit < 1, steps / np.round(1 / np.minimum(unit, 1.0)), steps * unit)
    return np.where(np.isfinite(values) & (scale > 0), back, values) + 0.0


def vector(values: ArrayLike, most: int = 8) -> str:
    """A short one-line form of an array: `[0., 2.5]`; axes longer than `most` show their ends."""
    values = np.asarray(values)
    if values.ndim == 0:
        text = number(float(values))
        return text if set(text) & set(".einfa") else f"{text}."
    if len(values) <= most:
        parts = [vector(part, most) for part in values]
    else:
        first, last = ([vector(v, most) for v in side] for side in (values[:3], values[-3:]))
        parts = [*first, "...", *last]
    return f"[{', '.join(parts)}]"


def number(value: float | None) -> str:
    """One number in `DIGITS` digits; a dash for None."""
    return "-" if value is None else f"{value:.{DIGITS}g}"


def short(value: float, digits: int = 4) -> float:
    """`value` in fewer digits, where more would say nothing; no negative zero."""
    return float(f"{value:.{digits}g}") + 0.0


def size(seconds: float) -> str:
    """A time in words."""
    return f"{seconds:.2f} s" if seconds < 60 else f"{int(seconds // 60)} min {seconds % 60:.0f} s"


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
        most: As for `vector`.
    """
    if x is None:
        return "None"
    parts = x if isinstance(x, Mapping) else {name: x}
    return ", ".join(
        f"{name} = {vector(part, most)}" if name else vector(part, most)
        for name, part in parts.items()
    )


def text(document: Document) -> str:
    """A document as lines, no line break at the end.

    Paragraphs follow the title and each other; all other blocks stand between blank lines.
    """
    lines = [": ".join(part for part in (document.title, document.lead) if part)]
    close = True
    for block in document.shown:
        flows = isinstance(block, Paragraph | Drawing)
        lines += [] if flows and close else [""]
        lines += block_lines(block)
        close = flows
    return "\n".join(lines)


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
        case Paragraph() | Code():
            return block.text.splitlines()
        case Drawing():
            return []


def more(block: Table | Listing) -> str:
    """What is said of rows or items that are not shown."""
    return f"... and {block.omitted:,} more (JSON has all)"


def cell_text(cell: Cell) -> str:
    """A cell; of a bar, what is said where it cannot be drawn."""
    match cell:
        case str():
            return cell if cell.isprintable() else cell.encode("unicode_escape").decode()
        case Interval():
            return f"[{number(cell.lo)}, {number(cell.hi)}]"
        case Bar():
            return "unbounded"
        case int():
            return f"{cell:,}"
    return number(cell)


def _table(table: Table) -> list[str]:
    axis = table.axis

    def shown(cell: Cell) -> str:
        if isinstance(cell, Bar) and cell.is_bounded:
            return _bar(cell, *axis)
        return cell_text(cell)

    rows = [list(table.head), *([shown(cell) for cell in row] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    bars = [any(isinstance(row[i], Bar) for row in table.rows) for i in range(len(widths))]
    narrow = sum(widths) + 2 * (len(widths) - 1) <= WIDEST
    kept = [i for i, bar in enumerate(bars) if narrow or not bar]

    def line(row: Sequence[str]) -> str:
        cells = [
            row[i].ljust(widths[i]) if table.side(i) == "l" else row[i].rjust(widths[i])
            for i in kept
        ]
        return "  ".join(cells).rstrip()

    head, *body = map(line, rows)
    rule = "─" * (sum(widths[i] for i in kept) + 2 * (len(kept) - 1))
    return [head, rule, *body, *([more(table)] if table.omitted else [])]


def _bar(bar: Bar, left: float, right: float) -> str:
    """Cells whose middle lies in the interval are filled, and at least one."""
    share = (np.arange(BAR) + 0.5) / BAR
    middle = left * (1 - share) + right * share
    cells = np.full(BAR, EMPTY)
    for lo, hi, mark in ((bar.lo, bar.hi, CLAIM), (bar.seen_lo, bar.seen_hi, SEEN)):
        if lo <= hi:
            first = min(int(np.searchsorted(middle, lo)), BAR - 1)
            last = int(np.searchsorted(middle, hi, side="right"))
            cells[first : max(last, first + 1)] = mark
    return "".join(cells)


def _entries(entries: Sequence[Entry]) -> list[str]:
    width = max(len(entry.label) for entry in entries) + 2
    indent, lines = " " * width, []
    for entry in entries:
        head = f"{entry.label.ljust(width)}{entry.title}"
        mark = entry.mark.rjust(max(WIDTH - len(head), 2)) if entry.mark else ""
        lines += [*([""] if lines and entry.mark else []), f"{head}{mark}"]
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
