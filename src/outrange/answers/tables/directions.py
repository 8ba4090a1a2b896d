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
    "neither": ("≠", "#b3312c"),
    "unknown": ("?", "#d4a72c"),
}
"""Each direction's sign and color in a picture."""


def plot_directions(trends: Sequence[Any], counts: str, ax: Any) -> Any:
    """A matrix of outputs (rows) and inputs (columns); the axes."""
    rows = list(dict.fromkeys(trend.output for trend in trends))
    columns = list(dict.fromkeys(trend.input for trend in trends))
    at = {name: i for i, name in enumerate(rows)}, {name: j for j, name in enumerate(columns)}
    kinds, cells = list(DIRECTIONS), np.full((len(rows), len(columns)), -1)
    for trend in trends:
        cells[at[0][trend.output], at[1][trend.input]] = kinds.index(trend.direction)
    title = f"How outputs (rows) move with inputs (columns), anywhere in the set: {counts}"
    signs = [(name, *DIRECTIONS[name]) for name in kinds]
    return plot_matrix(title, rows, columns, cells, signs, ax)
