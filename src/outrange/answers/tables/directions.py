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

CLAIMED = {True: "proved", False: "refuted", None: "not decided"}
"""What became of a claim about a pair."""


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
    signs = [(name, *DIRECTIONS[name]) for name in DIRECTIONS]
    title = f"How outputs (rows) move with inputs (columns), anywhere in the set: {counts}"
    kinds = [trend.direction for trend in trends]
    if wanted:
        signs = [
            (wanted, *DIRECTIONS[wanted]),
            ("does not: a pair of inputs shows it", "≠", BROKEN),
            ("unknown", *DIRECTIONS["unknown"]),
        ]
        word = {True: wanted, False: signs[1][0], None: "unknown"}
        kinds = [word[getattr(trend, wanted)] for trend in trends]
        told = [f"{kinds.count(word[held]):,} {what}" for held, what in CLAIMED.items()
                if word[held] in kinds]  # fmt: skip
        title = f"Each output {wanted} with each input? Of {len(trends):,} pairs: {', '.join(told)}"
    names, cells = [name for name, *_ in signs], np.full((len(rows), len(columns)), -1)
    for trend, kind in zip(trends, kinds, strict=True):
        cells[at[0][trend.output], at[1][trend.input]] = names.index(kind)
    return plot_matrix(title, rows, columns, cells, signs, ax)
