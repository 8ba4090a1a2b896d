"""Directions of pairs of outputs and inputs as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..render.diagrams import plot_matrix


DIRECTIONS = {
    "rises": ("↑", "#1a7f37"),
    "falls": ("↓", "#1f4e9c"),
    "constant": ("=", "#8a8a8a"),
    "neither": ("≠", "#59636e"),
    "unknown": ("?", "#d4a72c"),
}
"""Each direction's sign and color in a picture."""


BROKEN = "#b3312c"
"""Of a pair that goes another way than was claimed; without a claim no direction is bad news."""


def plot_directions(trends: Sequence[Any], counts: str, wanted: str | None, ax: Any) -> Any:
    """A matrix of outputs (rows) and inputs (columns); the axes.

    Args:
        trends: Of the pairs.
        counts: How many go which way, in words.
        wanted: The direction that was claimed of all, if one was.
        ax: Axes; new ones if None.
    """
    rows = list(dict.fromkeys(trend.output for trend in trends))
    columns = list(dict.fromkeys(trend.input for trend in trends))
    at = {name: i for i, name in enumerate(rows)}, {name: j for j, name in enumerate(columns)}
    kinds, cells = list(DIRECTIONS), np.full((len(rows), len(columns)), -1)
    for trend in trends:
        cells[at[0][trend.output], at[1][trend.input]] = kinds.index(trend.direction)
    title = f"How outputs (rows) move with inputs (columns), anywhere in the set: {counts}"
    broken = set(kinds) - {wanted, "constant", "unknown"} if wanted else set()
    if wanted:
        count = sum(trend.direction in broken for trend in trends)
        verdict = f"broken by {count:,} of {len(trends):,} pairs" if count else "broken by no pair"
        title = f"That each output {wanted} with each input is {verdict}: {counts}"
    signs = [
        (f"{name}: breaks the claim", DIRECTIONS[name][0], BROKEN)
        if name in broken
        else (name, *DIRECTIONS[name])
        for name in kinds
    ]
    return plot_matrix(title, rows, columns, cells, signs, ax)
