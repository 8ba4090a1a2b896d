"""Small pictures made of characters."""

import numpy as np


FULL, SEEN, EMPTY = "░", "█", " "


def bar(lo: float, hi: float, left: float, right: float, seen=None, width: int = 30) -> str:
    """`[lo, hi]` on the axis `[left, right]`, `seen` darker inside it."""
    if not np.isfinite([lo, hi, left, right]).all() or right < left:
        return "unbounded"
    edges = np.linspace(left, right, width + 1)
    half = 0.5 * (right - left) / width
    cells = np.full(width, EMPTY)
    cells[_touched(edges, lo, hi, half)] = FULL
    if seen is not None and seen[0] <= seen[1]:
        cells[_touched(edges, seen[0], seen[1], half)] = SEEN
    return "".join(cells)


def _touched(edges: np.ndarray, lo: float, hi: float, half: float) -> slice:
    """The cells whose middle lies in `[lo, hi]`, and at least one."""
    middle = edges[:-1] + half
    first = int(np.searchsorted(middle, lo, side="left"))
    last = int(np.searchsorted(middle, hi, side="right"))
    first = min(first, len(middle) - 1)
    return slice(first, max(last, first + 1))
