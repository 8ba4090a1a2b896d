"""Numbers and counts as messages say them."""

from collections.abc import Iterable

import numpy as np


def span(lo: float, hi: float) -> str:
    """`[0, inf)`."""
    left = "(-inf" if np.isneginf(lo) else f"[{short(lo)}"
    right = "inf)" if np.isposinf(hi) else f"{short(hi)}]"
    return f"{left}, {right}"


def short(value: float) -> str:
    """A number in four digits, without a negative zero."""
    return f"{float(f'{value:.4g}') + 0.0:g}"


def at_least(value: float) -> str:
    """The same, rounded toward 0 but for 1e-9 of it, which a bound pays for its own arithmetic."""
    text = f"{value:.4g}"
    if abs(float(text)) > abs(value) * (1 + 1e-9):
        digits = 3 - int(np.floor(np.log10(abs(float(text)))))
        text = f"{float(text) - float(np.sign(value)) * 10.0**-digits:.4g}"
    return f"{float(text) + 0.0:g}"


def share(count: int, total: int) -> str:
    """`7 of 7`."""
    return f"{count:,} of {total:,}"


def names(items: Iterable[str], most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    items = list(items)
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(f"`{item}`" for item in items[:most]) + more
