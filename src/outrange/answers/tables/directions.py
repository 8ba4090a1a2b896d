"""Figure that shows for each output and input whether the output rises or falls with the input."""

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
    "fixed": ("·", "#d0d7de"),
    "unknown": ("?", "#d4a72c"),
}
"""Symbol and color of each direction."""


BROKEN = "#b3312c"
"""Color of a pair that refutes the claimed direction; used only if there is a claim."""

CLAIMED = {True: "proved", False: "refuted", None: "not decided"}
"""Words for the outcome of a claim about a pair."""


def plot_directions(trends: Sequence[Any], counts: str, wanted: str | None, ax: Any) -> Any:
    """Draw a matrix of the directions of outputs (rows) as inputs (columns) grow; return the axes.

    Args:
        trends: One `Trend` per pair of output and input.
        counts: Number of pairs in each direction, as text.
        wanted: Direction claimed for all pairs, or None.
        ax: Matplotlib axes; None for a new figure.
    """
    rows = list(dict.fromkeys(trend.output for trend in trends))
    columns = list(dict.fromkeys(trend.input for trend in trends))
    at = {name: i for i, name in enumerate(rows)}, {name: j for j, name in enumerate(columns)}
    signs = [(name, *DIRECTIONS[name]) for name in DIRECTIONS]
    title = f"How outputs (rows) change with inputs (columns), anywhere in the set: {counts}"
    kinds = [trend.direction for trend in trends]
    if wanted:
        signs = [
            (wanted, *DIRECTIONS[wanted]),
            ("does not, as a pair of inputs shows", "≠", BROKEN),
            ("unknown", *DIRECTIONS["unknown"]),
        ]
        word = {True: wanted, False: signs[1][0], None: "unknown"}
        kinds = [word[getattr(trend, wanted)] for trend in trends]
        outcomes = [f"{kinds.count(word[held]):,} {what}" for held, what in CLAIMED.items()
                    if word[held] in kinds]  # fmt: skip
        title = (
            f"Claim: each output {wanted} with each input. Result for {len(trends):,} pairs: "
            f"{', '.join(outcomes)}"
        )
    names, cells = [name for name, *_ in signs], np.full((len(rows), len(columns)), -1)
    for trend, kind in zip(trends, kinds, strict=True):
        cells[at[0][trend.output], at[1][trend.input]] = names.index(kind)
    return plot_matrix(title, rows, columns, cells, signs, ax)
