"""Pictures of reach sets: unions of polygons in the plane of two outputs, or of two states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .plot import LONGEST, legend_below, new_axes, plain, titled
from .style import CLAIM, PALE, SEEN


MANY = 1500
"""Of more polygons the edges would hide what is between them."""

Pieces = Sequence[tuple[bool, np.ndarray]]
"""Whether each is exact, and its corners `(n, 2)`: a polygon, a segment or a point."""


def plot_union(
    title: str, labels: tuple[str, str], pieces: Pieces, seen: np.ndarray, ax: Any = None
) -> Any:
    """One union of polygons; the axes.

    Args:
        title: A sentence.
        labels: Of the axes.
        pieces: See `Pieces`.
        seen: `(n, 2)` points beside.
        ax: Axes; new ones if None.
    """
    ax = new_axes(figsize=(6.4, 5.4)) if ax is None else ax
    for exact, label in ((True, "attained, exactly"), (False, "covered, not exact")):
        shapes = [corners for known, corners in pieces if known == exact]
        _draw(ax, shapes, CLAIM if exact else PALE, label, len(pieces) <= MANY,
              3 if exact else 2)  # fmt: skip
    if len(seen):
        ax.plot(seen[:, 0], seen[:, 1], ".", color=SEEN, markersize=3, label="outputs computed",
                zorder=4)  # fmt: skip
    return _finished(ax, title, labels)


def plot_unions(
    title: str,
    labels: tuple[str, str],
    steps: Sequence[tuple[int, Pieces]],
    runs: np.ndarray,
    ax: Any = None,
) -> Any:
    """Unions of polygons, one a step of a loop, in the colors of time; the axes.

    Args:
        title: A sentence.
        labels: Of the axes.
        steps: The number of each step, and its pieces.
        runs: `(runs, steps, 2)` trajectories.
        ax: Axes; new ones if None.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    ax = new_axes(figsize=(7.4, 5.6)) if ax is None else ax
    scale = Normalize(0, max(1, max((k for k, _ in steps), default=1)))
    colors = colormaps["viridis"]
    for k, pieces in steps:
        _outlined(ax, [shape for exact, shape in pieces if exact], colors(scale(k)), 2 + k)
        _outlined(ax, [shape for exact, shape in pieces if not exact], PALE, 2 + k)
    for n, run in enumerate(runs):
        ax.plot(run[:, 0], run[:, 1], ".-", color=SEEN, linewidth=0.5, markersize=2, alpha=0.7,
                zorder=len(steps) + 3, label="trajectories seen" if n == 0 else None)  # fmt: skip
    if any(not exact for _, pieces in steps for exact, _ in pieces):
        ax.fill([], [], color=PALE, label="covered, not exact")
    ax.figure.colorbar(ScalarMappable(scale, colors), ax=ax, label="step", pad=0.02, aspect=30)
    return _finished(ax, title, labels)


def _outlined(ax: Any, shapes: Sequence[np.ndarray], color: Any, order: float) -> None:
    """A union in one color; its pieces, drawn wider below, leave an outline around all of them."""
    from matplotlib.collections import PolyCollection

    areas = [shape for shape in shapes if len(shape) > 2 and np.isfinite(shape).all()]
    if areas:
        below = PolyCollection(areas, facecolor="white", edgecolor="white", linewidth=2.2)
        below.set_zorder(order - 0.5)
        ax.add_collection(below)
    _draw(ax, shapes, color, "", False, order)


def _draw(
    ax: Any, shapes: Sequence[np.ndarray], color: Any, label: str, edges: bool, order: float = 2
) -> None:
    from matplotlib.collections import LineCollection, PolyCollection

    shapes = [shape for shape in shapes if np.isfinite(shape).all()]
    areas = [shape for shape in shapes if len(shape) > 2]
    lines = [shape for shape in shapes if len(shape) == 2]
    points = [shape for shape in shapes if len(shape) == 1]
    # Pieces that touch are drawn over their seams, which else would look like holes.
    edge = {"edgecolor": SEEN, "linewidth": 0.3} if edges else {"edgecolor": "face"}
    if areas:
        ax.add_collection(
            PolyCollection(areas, facecolor=color, label=label or None, zorder=order, **edge)
        )
    if lines:
        label = label if not areas else ""
        ax.add_collection(
            LineCollection(lines, color=color, linewidth=2.0, label=label or None, zorder=order)
        )
    if points:
        x, y = np.concatenate(points).T
        label = label if not (areas or lines) else ""
        ax.plot(x, y, "o", color=color, markersize=4, label=label or None, zorder=order)


def _finished(ax: Any, title: str, labels: tuple[str, str]) -> Any:
    ax.autoscale_view()
    ax.margins(0.05)
    ax.set_xlabel(plain(labels[0], LONGEST))
    ax.set_ylabel(plain(labels[1], LONGEST))
    legend_below(ax)
    return titled(ax, title)
