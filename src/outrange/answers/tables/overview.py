"""The outstanding ones of many outputs, and how many there are of each kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..render.document import MOST_ROWS, Bar, Block, Cell, Fold, Paragraph, Table
from ..render.text import number


FEW = 5
"""Of the widest and of the narrowest, so many are shown."""


def overview(
    head: Sequence[str],
    rows: Sequence[tuple],
    width: np.ndarray,
    counts: Sequence[tuple[int, str]],
    align: str,
) -> list[Block]:
    """Counts, the widest and the narrowest; all rows behind a click.

    Args:
        head: Column titles.
        rows: One an output.
        width: `(outputs,)` of each one's range; infinite ones count as the widest.
        counts: How many are of which kind.
        align: As for `Table`.
    """
    order = np.argsort(-np.nan_to_num(width, nan=np.inf, posinf=np.inf), kind="stable")
    which = [("widest", i) for i in order[:FEW]] + [
        ("narrowest", i) for i in order[: -FEW - 1 : -1]
    ]
    few: list[Sequence[Cell]] = [[word, *rows[i]] for word, i in which]
    outstanding = Table(("", *head), few, f"l{align}")
    told = ", ".join(f"{n:,} {what}" for n, what in counts if n)
    ends = [row[1:3] for row in rows]
    least = min(range(len(rows)), key=lambda i: ends[i][0])
    most = max(range(len(rows)), key=lambda i: ends[i][1])
    said = (
        f"{len(rows):,} outputs: {told}.\n"
        f"The lowest end is {number(ends[least][0])} ({rows[least][0]}), "
        f"the highest {number(ends[most][1])} ({rows[most][0]})."
    )
    shown = rows[:MOST_ROWS]
    every = Table(head, shown, align, len(rows) - len(shown))
    title = f"All {len(rows):,} outputs" if len(shown) == len(rows) else f"The first {MOST_ROWS}"
    return [Paragraph(said), outstanding, Fold(title, [every], in_text=False)]


def constant(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Of each output, whether its range is one number up to rounding."""
    with np.errstate(invalid="ignore", over="ignore"):
        flat = hi - lo <= 64 * 2.0**-53 * np.maximum(np.abs(lo), np.abs(hi))
        return np.asarray(flat & np.isfinite(lo) & np.isfinite(hi))


def bars(*ends: np.ndarray) -> list[Bar]:
    """One bar an output, from `lo, hi` or `lo, hi, seen_lo, seen_hi`."""
    return [Bar(*map(float, one)) for one in zip(*map(np.ravel, ends), strict=True)]
