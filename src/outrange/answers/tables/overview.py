"""Summary of many outputs: their counts by kind, and the widest and narrowest ranges."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..render.document import MOST_ROWS, Bar, Block, Cell, Fold, Paragraph, Table
from ..render.text import number, outward, tidy


FEW = 5
"""Number of outputs shown with the widest ranges, and with the narrowest."""


def overview(
    head: Sequence[str],
    row: Callable[[int], Sequence[Cell]],
    ends: tuple[np.ndarray, np.ndarray],
    names: Sequence[str],
    counts: Sequence[tuple[int, str]],
    align: str,
    proved: bool = False,
) -> list[Block]:
    """Return a paragraph of counts, a table of the widest and narrowest outputs, and a long table.

    The long table is folded and has the first `MOST_ROWS` outputs.

    Args:
        head: Column titles.
        row: Function from the index of an output to the cells of its row.
        ends: Lower and upper bounds, `(outputs,)` each, in full precision: the bounds that `row`
            shows have only six digits and may be equal. Infinite widths rank as the widest.
        names: Names of the outputs.
        counts: Number and name of each kind of output.
        align: Alignment of the columns, as for `Table`.
        proved: Whether the bounds are proved.
    """
    lo, hi = ends
    with np.errstate(over="ignore", invalid="ignore"):
        width = np.nan_to_num(hi - lo, nan=np.inf, posinf=np.inf)
    order = np.argsort(-width, kind="stable").tolist()
    which = [("widest", i) for i in order[:FEW]]
    which += [("narrowest", i) for i in order[: -FEW - 1 : -1]]
    outstanding = Table(("", *head), [(word, *row(i)) for word, i in which], f"l{align}")
    kinds = ", ".join(f"{n:,} {what}" for n, what in counts if n)
    least, most = int(lo.argmin()), int(hi.argmax())
    summary = (
        f"{len(names):,} outputs: {kinds}.\n"
        f"The lowest bound is {_end(lo[least], hi[least], -proved)} ({names[least]}), "
        f"the highest {_end(hi[most], lo[most], proved)} ({names[most]})."
    )
    shown = min(len(names), MOST_ROWS)
    every = Table(head, list(map(row, range(shown))), align, len(names) - shown)
    title = f"All {shown:,} outputs" if shown == len(names) else f"The first {shown} outputs"
    return [Paragraph(summary), outstanding, Fold(title, [every], in_text=False)]


def _end(end: float, other: float, side: int) -> str:
    """Format a bound as tables do, with digits relative to the larger bound of its range.

    A proved bound is rounded outward (`side` of -1 or 1), any other bound to nearest (`side` of 0).
    """
    scale = max(abs(end), abs(other))
    return number(float(outward(end, scale, side) if side else tidy(end, scale)))


def constant(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Return, for each output, whether its range is a single number up to rounding.

    The range must be finite, and its width at most 64 float64 roundings (`64 * 2**-53`) of its
    bounds.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        flat = hi - lo <= 64 * 2.0**-53 * np.maximum(np.abs(lo), np.abs(hi))
        return np.asarray(flat & np.isfinite(lo) & np.isfinite(hi))


def bars(*ends: np.ndarray) -> list[Bar]:
    """Return one bar per output, from `lo, hi` or `lo, hi, seen_lo, seen_hi`."""
    return [Bar(*map(float, row)) for row in zip(*map(np.ravel, ends), strict=True)]
