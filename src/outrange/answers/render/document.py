"""What an answer shows, as plain data: text and HTML are two renderings of one `Document`.

A record states its title and its blocks once; `render.text` and `render.html` turn them into
characters and into tags. Neither knows a record, and what one shows the other shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np


MOST_ROWS = 100
"""A folded table of one row an output, or a combination, shows this many; frames have all."""

MOST_PRINTED = 20
"""Rows that are read one by one; of more, the outstanding ones are shown, and counts."""

GOOD, BAD, OPEN = "good", "bad", "open"
"""Tones: proved as wished, refuted, not known. Pages color them; text says the same in words."""


@dataclass(frozen=True)
class Interval:
    """A cell `[lo, hi]`."""

    lo: float
    hi: float


@dataclass(frozen=True)
class Bar:
    """A cell with the picture of `[lo, hi]`, and of the part `[seen_lo, seen_hi]` of it.

    The bars of a table share one axis.
    """

    lo: float
    hi: float
    seen_lo: float = np.inf
    seen_hi: float = -np.inf

    @property
    def is_bounded(self) -> bool:
        """Whether it can be drawn."""
        return bool(np.isfinite([self.lo, self.hi]).all())

    @property
    def is_constant(self) -> bool:
        """Whether it is one number, up to rounding."""
        return self.is_bounded and self.hi / 2 - self.lo / 2 <= 3e-15 * max(-self.lo, self.hi)


@dataclass(frozen=True)
class Word:
    """A cell of text in the color of its tone.

    Args:
        text: The words.
        tone: `GOOD`, `BAD`, `OPEN`, or empty.
    """

    text: str
    tone: str = ""


Cell: TypeAlias = str | float | Interval | Bar | Word | None
"""Numbers are shown in a few digits, None as a dash."""


@dataclass(frozen=True)
class Table:
    """Rows under a head.

    Args:
        head: Column titles.
        rows: Cells.
        align: `"l"` or `"r"` per column; the last letter also holds for the columns after it.
        omitted: How many more rows there are that are not shown.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    align: str = "lr"
    omitted: int = 0

    def side(self, column: int) -> str:
        """`"l"` or `"r"`."""
        return self.align[min(column, len(self.align) - 1)]

    @property
    def axis(self) -> tuple[float, float]:
        """The least and largest end of all bounded bars; `(0, 0)` without any."""
        bars = [cell for row in self.rows for cell in row if isinstance(cell, Bar)]
        bars = [bar for bar in bars if bar.is_bounded]
        lo, hi = (bar.lo for bar in bars), (bar.hi for bar in bars)
        return min(lo, default=0.0), max(hi, default=0.0)


@dataclass(frozen=True)
class Paragraph:
    """Sentences; a line break is kept."""

    text: str


@dataclass(frozen=True)
class Listing:
    """Short texts under a heading, one by one."""

    heading: str
    items: Sequence[str]
    omitted: int = 0


@dataclass(frozen=True)
class Entry:
    """One of several things to read one by one: a finding, a choice.

    Args:
        label: What it is called in short; the labels of a group form a column.
        title: What it is.
        lines: Sentences about it.
        mark: A word on the far side of the title.
        fix: Code to write instead; empty if there is none.
        tone: Of the mark.
    """

    label: str
    title: str
    lines: Sequence[str]
    mark: str = ""
    fix: str = ""
    tone: str = ""


@dataclass(frozen=True)
class EntryList:
    """Entries, one below the other."""

    items: Sequence[Entry]


@dataclass(frozen=True)
class Code:
    """Lines of code to paste."""

    text: str


@dataclass(frozen=True, eq=False)
class Drawing:
    """Polygons in a rectangle; text does without.

    Args:
        polygons: `(dark, corners)`: whether to fill it dark or pale, and `(n, 2)` its corners.
        lo: `(2,)` lower left corner of the rectangle.
        hi: `(2,)` upper right corner.
        labels: Of the two axes; an empty one for an axis that means nothing.
        caption: What is seen.
        what: What the rectangle is part of, for readers who do not see it; of `"outputs"` the
            dark polygons are blue, for nothing is wrong with them.
    """

    polygons: Sequence[tuple[bool, np.ndarray]]
    lo: np.ndarray
    hi: np.ndarray
    labels: tuple[str, str]
    caption: str
    what: str = "the input set"


@dataclass(frozen=True)
class Fold:
    """Blocks that a page opens at a click.

    Args:
        heading: What is behind the click.
        blocks: What is shown then.
        in_text: Whether text shows them, without the heading; else only pages have them.
    """

    heading: str
    blocks: Sequence[Block]
    in_text: bool = True


Block: TypeAlias = "Paragraph | Table | Listing | EntryList | Code | Drawing | Fold"


@dataclass(frozen=True)
class Document:
    """What an answer shows, from top to bottom.

    Args:
        title: What it is.
        lead: The outcome, or what stands behind it, on the line of the title.
        blocks: The rest.
        tone: Of the outcome: `GOOD`, `BAD`, `OPEN`, or empty.
        over: The input set, a muted line below the title.
    """

    title: str
    lead: str
    blocks: Sequence[Block]
    tone: str = ""
    over: str = ""

    @property
    def shown(self) -> list[Block]:
        """The blocks that hold anything."""
        return list(filter(_holds, self.blocks))


def _holds(block: Block) -> bool:
    match block:
        case Listing() | EntryList():
            return bool(block.items)
        case Paragraph() | Code():
            return bool(block.text)
        case Fold():
            return any(map(_holds, block.blocks))
    return True
