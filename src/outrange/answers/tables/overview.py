"""The outstanding ones of many outputs, and how many there are of each kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..render.document import MOST_ROWS, Bar, Block, Cell, Fold, Paragraph, Table
from ..render.text import number, outward, tidy


FEW = 5
"""Of the widest and of the narrowest, so many are shown."""


def overview(
    head: Sequence[str],
    row: Callable[[int], Sequence[Cell]],
    ends: tuple[np.ndarray, np.ndarray],
    names: Sequence[str],
    counts: Sequence[tuple[int, str]],
    align: str,
    proved: bool = False,
) -> list[Block]:
    """Counts, the widest and the narrowest; the first rows of all behind a click.

    Args:
        head: Column titles.
        row: The cells of an output, by its number.
        ends: `(outputs,)` lower and upper ends in full, since of two that are close the difference
            may be lost in six digits; what is infinite counts as the widest.
        names: Of the outputs.
        counts: How many are of which kind.
        align: As for `Table`.
        proved: Whether the ends are bounds.
    """
    lo, hi = ends
    with np.errstate(over="ignore", invalid="ignore"):
        width = np.nan_to_num(hi - lo, nan=np.inf, posinf=np.inf)
    order = np.argsort(-width, kind="stable").tolist()
    which = [("widest", i) for i in order[:FEW]]
    which += [("narrowest", i) for i in order[: -FEW - 1 : -1]]
    outstanding = Table(("", *head), [(word, *row(i)) for word, i in which], f"l{align}")
    told = ", ".join(f"{n:,} {what}" for n, what in counts if n)
    least, most = int(lo.argmin()), int(hi.argmax())
    said = (
        f"{len(names):,} outputs: {told}.\n"
        f"The lowest end is {_end(lo[least], hi[least], -proved)} ({names[least]}), "
        f"the highest {_end(hi[most], lo[most], proved)} ({names[most]})."
    )
    shown = min(len(names), MOST_ROWS)
    every = Table(head, list(map(row, range(shown))), align, len(names) - shown)
    title = f"All {shown:,} outputs" if shown == len(names) else f"The first {shown} outputs"
    return [Paragraph(said), outstanding, Fold(title, [every], in_text=False)]


def _end(end: float, other: float, side: int) -> str:
    """One end as tables show it: in the digits of the larger one, a bound rounded outward."""
    scale = max(abs(end), abs(other))
    return number(float(outward(end, scale, side) if side else tidy(end, scale)))


def constant(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Of each output, whether its range is one number up to rounding."""
    with np.errstate(invalid="ignore", over="ignore"):
        flat = hi - lo <= 64 * 2.0**-53 * np.maximum(np.abs(lo), np.abs(hi))
        return np.asarray(flat & np.isfinite(lo) & np.isfinite(hi))


def bars(*ends: np.ndarray) -> list[Bar]:
    """One bar an output, from `lo, hi` or `lo, hi, seen_lo, seen_hi`."""
    return [Bar(*map(float, one)) for one in zip(*map(np.ravel, ends), strict=True)]
