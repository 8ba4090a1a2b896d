"""Content of an answer as plain data; text and HTML are two renderings of one `Document`.

An answer states its title and its blocks once; `render.text` and `render.html` convert them to
characters and to tags. Neither depends on the answer's class. Plain text omits drawings, and folds
whose `in_text` is False.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np


MOST_ROWS = 100
"""Maximum number of rows of a long table (of layers, outputs, times, or pairs of an output and an
input); data frames contain all rows."""

MOST_PRINTED = 20
"""Maximum number of rows that a table of outputs, of pairs, or of values outside a training set
shows outside a fold. Longer tables are cut, or replaced by a summary."""

GOOD, BAD, OPEN = "good", "bad", "open"
"""Tones of outcomes: as desired, refuted, unknown. HTML pages show them as colors."""


@dataclass(frozen=True)
class Interval:
    """Table cell that shows an interval `[lo, hi]`."""

    lo: float
    hi: float


@dataclass(frozen=True)
class Bar:
    """Table cell that shows a bar from `lo` to `hi`, and inside it one from `seen_lo` to `seen_hi`.

    All bars of a table have the same axis.
    """

    lo: float
    hi: float
    seen_lo: float = np.inf
    seen_hi: float = -np.inf

    @property
    def is_bounded(self) -> bool:
        """Whether the bar is finite and can be drawn."""
        return bool(np.isfinite([self.lo, self.hi]).all())

    @property
    def is_constant(self) -> bool:
        """Whether the interval is a single number, up to rounding."""
        return self.is_bounded and self.hi / 2 - self.lo / 2 <= 3e-15 * max(-self.lo, self.hi)


@dataclass(frozen=True)
class Word:
    """Table cell with text in the color of `tone`.

    Args:
        tone: `GOOD`, `BAD`, `OPEN`, or empty.
    """

    text: str
    tone: str = ""


Cell: TypeAlias = str | float | Interval | Bar | Word | None
"""Content of a table cell: numbers are shown with few digits, None as a dash."""


@dataclass(frozen=True)
class Table:
    """Table of rows under a row of column titles.

    Args:
        align: One letter per column, `"l"` (left) or `"r"` (right). The last letter also applies to
            all later columns.
        omitted: Number of further rows that are not shown.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    align: str = "lr"
    omitted: int = 0

    def side(self, column: int) -> str:
        """Return the alignment of a column, `"l"` or `"r"`."""
        return self.align[min(column, len(self.align) - 1)]

    @property
    def axis(self) -> tuple[float, float]:
        """Smallest lower and largest upper bound of all bounded bars; `(0, 0)` if none exist."""
        bars = [cell for row in self.rows for cell in row if isinstance(cell, Bar)]
        bars = [bar for bar in bars if bar.is_bounded]
        lo, hi = (bar.lo for bar in bars), (bar.hi for bar in bars)
        return min(lo, default=0.0), max(hi, default=0.0)


@dataclass(frozen=True)
class Paragraph:
    """Sentences; line breaks are preserved."""

    text: str


@dataclass(frozen=True)
class Listing:
    """A list of short items under a heading."""

    heading: str
    items: Sequence[str]
    omitted: int = 0


@dataclass(frozen=True)
class Entry:
    """List item with several lines, such as a finding or a recommendation.

    Args:
        label: Short name; the labels of a list form a column.
        title: Title of the item.
        lines: Sentences about the item.
        mark: Word at the end of the title line.
        fix: Proposed repair, as code or as advice; empty if there is none.
        tone: Tone of the mark.
    """

    label: str
    title: str
    lines: Sequence[str]
    mark: str = ""
    fix: str = ""
    tone: str = ""


@dataclass(frozen=True)
class EntryList:
    """A list of entries, one below the other."""

    items: Sequence[Entry]


@dataclass(frozen=True)
class Code:
    """Lines of code, ready to paste."""

    text: str


@dataclass(frozen=True, eq=False)
class Drawing:
    """Drawing of polygons in a rectangle. Plain text omits drawings.

    Args:
        polygons: For each polygon: whether its color is dark, and its corners `(n, 2)`.
        lo: `(2,)`, lower left corner of the rectangle.
        hi: `(2,)`, upper right corner of the rectangle.
        labels: Labels of the horizontal and the vertical axis; empty for an axis without a meaning.
        caption: Description of the drawing.
        what: Description of the rectangle for screen readers. With `"outputs"`, dark polygons are
            blue instead of red.
    """

    polygons: Sequence[tuple[bool, np.ndarray]]
    lo: np.ndarray
    hi: np.ndarray
    labels: tuple[str, str]
    caption: str
    what: str = "the input set"


@dataclass(frozen=True)
class Fold:
    """Blocks that an HTML page shows when the heading is clicked.

    Args:
        heading: Heading of the folded blocks.
        in_text: Whether plain text shows the blocks too, without the heading.
    """

    heading: str
    blocks: Sequence[Block]
    in_text: bool = True


Block: TypeAlias = "Paragraph | Table | Listing | EntryList | Code | Drawing | Fold"


@dataclass(frozen=True)
class Document:
    """Content of an answer, from top to bottom.

    Args:
        title: Title of the document.
        lead: Outcome or evidence, on the same line as the title.
        tone: Tone of the outcome: `GOOD`, `BAD`, `OPEN`, or empty.
        over: The input set as text, shown below the title; empty if unknown.
    """

    title: str
    lead: str
    blocks: Sequence[Block]
    tone: str = ""
    over: str = ""

    @property
    def shown(self) -> list[Block]:
        """The blocks that are not empty."""
        return list(filter(_is_filled, self.blocks))


def _is_filled(block: Block) -> bool:
    match block:
        case Listing() | EntryList():
            return bool(block.items)
        case Paragraph() | Code():
            return bool(block.text)
        case Fold():
            return any(map(_is_filled, block.blocks))
    return True
