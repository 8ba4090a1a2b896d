"""Numbers and tables as plain text; no library, so that an answer prints anywhere."""

from collections.abc import Sequence

import numpy as np


DIGITS = 6
"""Significant digits on display; the arrays keep all of them."""


def tidy(values, scale) -> np.ndarray:
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


def vector(values, most: int = 8) -> str:
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


def number(value: float) -> str:
    """One number in `DIGITS` digits; a dash for None."""
    return "-" if value is None else f"{value:.{DIGITS}g}"


def size(seconds: float) -> str:
    """A time in words."""
    return f"{seconds:.2f} s" if seconds < 60 else f"{int(seconds // 60)} min {seconds % 60:.0f} s"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Columns padded to their widest entry, a rule under the head.

    Args:
        head: Column titles.
        rows: Text cells.
        left: How many leading columns are aligned left; the others are aligned right.
    """
    widths = [max(len(str(row[i])) for row in (head, *rows)) for i in range(len(head))]

    def line(row):
        cells = [
            str(cell).ljust(w) if i < left else str(cell).rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([line(head), "─" * (sum(widths) + 2 * (len(widths) - 1)), *map(line, rows)])


def entry_names(outputs: dict[str, tuple[int, ...]]) -> list[str]:
    """One label per output entry: `name[i, j]`."""
    return [
        f"{name}[{', '.join(map(str, index))}]" if index else name
        for name, shape in outputs.items()
        for index in np.ndindex(*shape)
    ]
